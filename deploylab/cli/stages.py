"""run, goto, check, reset: the stages on the machine, all of them or one at a time."""

import os
from dataclasses import asdict
from typing import Annotated

import typer

from deploylab.cli import app, values
from deploylab.cli.options import (
    Bundle,
    Json,
    Kind,
    StageOrVariant,
    Yes,
    agreed,
    choose_machine,
    ensure_machine,
    print_json,
)


@app.command()
def run(
    stages: Annotated[list[str] | None, typer.Argument(metavar="STAGE", autocompletion=values.stages,
                                                       help="Only these stages; all if none is named.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A first impression: fewer rounds and pairs.")] = False,
    thorough: Annotated[bool, typer.Option("--thorough", help="Five rounds of everything, and every contrast: about "
                                                              "50 minutes in all.")] = False,
    yes: Yes = False,
    machine: Kind = None,
    bundle: Bundle = None,
    as_json: Json = False,
) -> None:
    """Set up, check and measure every stage, and write a report. Run it again to continue where it stopped.

    The report begins after the second stage and grows; all of it takes about 15 minutes. After rounds over all stages
    it measures the contrasts: pairs of setups that differ in one thing, and more pairs where an interval is wide.

    Example: `./lab run --yes`, or `./lab run runserver nginx --quick` for two stages
    """
    from deploylab import course as courses
    from deploylab import report
    from deploylab.core.errors import CourseError, Stopped
    from deploylab.core.progress import Progress
    from deploylab.machine import lock
    from deploylab.measure import full_run, schedule

    course, progress = courses.load(), Progress("run")
    if quick and thorough:
        raise typer.BadParameter("--quick and --thorough are two different runs: use one of them.")
    named = [course.stage(name) for name in stages or ()]
    for stage in named:
        if stage not in course.stages:
            raise CourseError(f"{stage.name} is not a step of the road; it is there only to compare with.",
                              f"./lab goto {stage.name}, then ./lab compare {course.stages[-1].name} {stage.name}")
    chosen = [stage for stage in course.stages if stage in named] or list(course.stages)
    progress.seconds["environment"] = float(os.environ.get("DEPLOYLAB_ENVIRONMENT_S", 0))
    with lock.held("run"):
        running = ensure_machine(yes, progress)
        effort = schedule.THOROUGH if thorough else schedule.QUICK if quick else schedule.USUAL
        session, ready = full_run.run(running, course, chosen, effort=effort, progress=progress,
                                      on_news=report.Growing(course, progress))
        try:
            with progress.phase("report", "the report"):
                path = report.write(session, course)
        except KeyboardInterrupt:  # the session is finished: `./lab run` would start another
            raise Stopped("Stopped. Everything is measured, only the report is missing.", "./lab report") from None
    if as_json:
        print_json({"session": session.id, "machine": session.plan["machine"],
                    "stages": [stage.to_json() for stage in ready], "report": str(path)})
    for line in progress.spent():
        progress.say(line)
    progress.say(f"\nOpen {path} in a browser.")


@app.command()
def goto(
    stage: StageOrVariant,
    variants: Annotated[bool, typer.Option("--variants", help="Set up all variants of the stage too.")] = False,
    yes: Yes = False,
    machine: Kind = None,
    as_json: Json = False,
) -> None:
    """Set the machine up for a stage, from any state, and check it. A second time nothing changes.

    Example: `./lab goto nginx`, or with one of its variants `./lab goto nginx:sync`
    """
    from deploylab import course as courses
    from deploylab.core.progress import Progress
    from deploylab.machine import lock
    from deploylab.provision import prepare

    course = courses.load()
    target = course.target(stage)
    its_stage = course.stage(target.stage)
    progress = Progress("goto")
    with lock.held(f"goto {stage}"):
        running = ensure_machine(yes, progress)
        chosen = (prepare.possible(running, its_stage.variants, progress) if variants else
                  [target] if target.variant else [])
        ready = prepare.to_stage(running, course, its_stage, progress, chosen)
    if as_json:
        print_json(ready.to_json())
    if not ready.ok:
        raise prepare.not_ready(ready)
    progress.say(f"{target.title}: {running.url(target)}")
    if target.start:
        progress.say(f"It sleeps until it is measured. To start it by hand, on the machine: sudo {target.start}")


@app.command()
def check(
    stage: Annotated[str | None, typer.Argument(metavar="STAGE[:VARIANT]", autocompletion=values.targets,
                                                help="A stage or a variant; all that are running if none is named.")
                     ] = None,
    as_json: Json = False,
) -> None:
    """Check that a stage is set up as it should be; if not, show the cause and how to fix it.

    Example: `./lab check nginx`
    """
    from deploylab import course as courses
    from deploylab.cli import status
    from deploylab.core.errors import CheckError
    from deploylab.machine import current
    from deploylab.provision import checks
    from deploylab.provision.on_demand import awake

    course, machine = courses.load(), current()
    if stage:
        targets = [course.target(stage)]
    else:
        running = {stage.name for stage in status.look(course).stages if stage.open}
        targets = [target for target in course.targets if target.name in running]
    if not targets:
        raise CheckError("No stage is running on the machine yet.", f"./lab goto {course.stages[0].name}")
    results = {}
    for target in targets:
        with awake(machine, [target]):
            results[target.name] = checks.verify(machine, course, target)
    if as_json:
        print_json({"stages": {name: [asdict(each) for each in checked] for name, checked in results.items()}})
    else:
        for name, checked in results.items():
            print(f"{name}")
            for each in checked:
                print(checks.line(each))
    if not all(each.ok for checked in results.values() for each in checked):
        raise typer.Exit(1)


@app.command("reset")
def reset_machine(
    stage: Annotated[str, typer.Argument(metavar="STAGE", autocompletion=values.stages,
                                         help="The stage that you want to set up by hand.")],
    yes: Yes = False,
) -> None:
    """Put the machine back to just before a stage, to take that step by hand. What is on it now is lost.

    Example: `./lab reset nginx`
    """
    from deploylab import course as courses
    from deploylab.core import units
    from deploylab.core.progress import Progress
    from deploylab.machine import choose, lock, open_machine
    from deploylab.provision import reset

    course, progress = courses.load(), Progress("reset")
    wanted = course.stage(stage)
    names = ", ".join(before.name for before in reset.earlier(course, wanted))
    with lock.held(f"reset {stage}"):
        if choose.saved() and not yes:
            removal = ("Remove everything that the kit put on this computer" if choose.saved().kind == "local"
                       else "Destroy the machine and everything on it")
            agreed(f"{removal}, and set it up again as it was just before {stage}?", f"./lab reset {stage} --yes")
        choice = choose_machine(yes, progress)
        choose.save(choice)
        machine = open_machine(choice)
        reset.reset(machine, course, wanted, progress)
    progress.say(f"After {units.seconds(sum(progress.seconds.values()))} the machine is as it was just before {stage}. "
                 f"On it: {names or 'nothing'}.")
    progress.say(f"By hand: {machine.login}\nOr: ./lab goto {stage}")
