"""goto, reset, check: one stage at a time."""

from dataclasses import asdict
from typing import Annotated

import typer

from deploylab.cli import app
from deploylab.cli.options import Json, Kind, Yes, agreed, choose_machine, ensure_machine, print_json
from deploylab.provision import prepare


@app.command()
def goto(
    stage: Annotated[str, typer.Argument(help="STAGE, or STAGE:VARIANT for one of its variants too.")],
    variants: Annotated[bool, typer.Option("--variants", help="All variants of the stage too.")] = False,
    yes: Yes = False,
    machine: Kind = None,
    as_json: Json = False,
) -> None:
    """Bring the machine to a stage, from any state, and check it. The second time nothing changes.

    Example: `./lab goto nginx`
    """
    from deploylab import course as courses
    from deploylab.core.progress import Progress
    from deploylab.machine import lock

    course = courses.load()
    wanted = course.target(stage)
    whole = course.stage(wanted.stage)
    too = whole.variants if variants else [wanted] if wanted.variant else []
    progress = Progress("goto")
    with lock.held(f"goto {stage}"):
        there = ensure_machine(yes, progress)
        ready = prepare.to_stage(there, course, whole, progress, too)
    if as_json:
        print_json(ready.as_json())
    if not ready.ok:
        raise prepare.not_ready(ready)
    progress.say(f"{wanted.title}: {there.url(wanted)}")
    if wanted.start:
        progress.say(f"It sleeps until it is measured. To wake it by hand, on the machine: sudo {wanted.start}")


@app.command("reset")
def reset_verb(
    stage: Annotated[str, typer.Argument(help="STAGE: the machine as it was before it.")],
    yes: Yes = False,
) -> None:
    """Make the machine what it was before a stage, to take that step by hand. All that is on it goes.

    Example: `./lab reset nginx`
    """
    from deploylab import course as courses
    from deploylab.core import units
    from deploylab.core.progress import Progress
    from deploylab.machine import choose, lock, open_machine
    from deploylab.provision import reset

    course, progress = courses.load(), Progress("reset")
    wanted = course.stage(stage)
    names = ", ".join(one.name for one in reset.earlier(course, wanted))
    with lock.held(f"reset {stage}"):
        if choose.saved() and not yes:
            what = ("Take away all that the lab put on this computer" if choose.saved().kind == "local"
                    else "Destroy the machine and all that is on it")
            agreed(f"{what}, and make it what it was before {stage}?",
                   f"./lab reset {stage} --yes")
        choice = choose_machine(yes, progress)
        choose.save(choice)
        machine = open_machine(choice)
        reset.reset(machine, course, wanted, progress)
    progress.say(f"After {units.seconds(sum(progress.seconds.values()))} the machine is what it was before {stage}. "
                 f"On it: {names or 'nothing'}.")
    progress.say(f"By hand: {machine.login}\nOr: ./lab goto {stage}")


@app.command()
def check(
    stage: Annotated[str | None, typer.Argument(help="STAGE or STAGE:VARIANT; all that stand if none.")] = None,
    as_json: Json = False,
) -> None:
    """Ask whether a stage really is what it claims to be: cause and cure for each 'no'.

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
        standing = {seen.name for seen in status.look(course).stages if seen.open}
        targets = [target for target in course.targets if target.name in standing]
    if not targets:
        raise CheckError("No stage stands on the machine yet.", f"./lab goto {course.stages[0].name}")
    seen = {}
    for target in targets:
        with awake(machine, [target]):
            seen[target.name] = checks.verify(machine, course, target)
    if as_json:
        print_json({"stages": {name: [asdict(one) for one in found] for name, found in seen.items()}})
    else:
        for name, found in seen.items():
            print(f"{name}")
            for one in found:
                print(checks.line(one))
    if not all(one.ok for found in seen.values() for one in found):
        raise typer.Exit(1)
