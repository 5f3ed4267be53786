"""run, report: the whole road, and what it was worth."""

import os
from typing import Annotated

import typer

from deploylab.cli import app
from deploylab.cli.options import Bundle, Json, Kind, Yes, ensure_machine, print_json


@app.command()
def run(
    stages: Annotated[list[str] | None, typer.Argument(help="STAGE …: only these; the whole road if none.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Windows of one second, fewer pairs.")] = False,
    yes: Yes = False,
    machine: Kind = None,
    bundle: Bundle = None,
    as_json: Json = False,
) -> None:
    """Every stage: converge, check, measure; a report at the end. Run it again and it goes on where it stopped.

    After the rounds over all stages it runs the contrasts, pairs of setups that differ in one thing. Rounds take at
    most 15 minutes, contrasts at most 15 more.

    Example: `./lab run --yes`, or `./lab run runserver nginx --quick` for two stages
    """
    from deploylab import course as courses
    from deploylab import report
    from deploylab.core.errors import CourseError, Stopped
    from deploylab.core.progress import Progress
    from deploylab.machine import lock
    from deploylab.measure import full_run

    course, progress = courses.load(), Progress("run")
    named = [course.stage(name) for name in stages or ()]
    for one in named:
        if one not in course.stages:
            raise CourseError(f"{one.name} is no step of the road; it is there to compare with.",
                              f"./lab goto {one.name}, then ./lab compare {course.stages[-1].name} {one.name}")
    chosen = [stage for stage in course.stages if stage in named] or list(course.stages)
    progress.seconds["environment"] = float(os.environ.get("DEPLOYLAB_ENVIRONMENT_S", 0))
    with lock.held("run"):
        there = ensure_machine(yes, progress)
        session, ready = full_run.run(there, course, chosen, quick=quick, progress=progress)
        try:
            with progress.phase("report", "the report"):
                path = report.write(session, course)
        except KeyboardInterrupt:  # the session is finished: `./lab run` would begin another
            raise Stopped("Stopped. All is measured, only the report is missing.", "./lab report") from None
    if as_json:
        print_json({"session": session.id, "machine": session.plan["machine"],
                    "stages": [one.as_json() for one in ready], "report": str(path)})
    for line in progress.spent():
        progress.say(line)
    progress.say(f"\nOpen {path} in a browser.")


@app.command("report")
def report_verb(
    session: Annotated[str | None, typer.Option(help="A session of results/; the newest if none.")] = None,
    as_json: Json = False,
) -> None:
    """Write the report of a session again.

    Without results of your own, name the recorded session: it ships with the course, and its report says so.

    Example: `./lab report`, or `./lab report --session SESSION`
    """
    from deploylab import course as courses
    from deploylab import report, results
    from deploylab.core.errors import ResultsError

    wanted = results.Session.open(session) if session else results.latest_run()
    if wanted is None:
        shipped = [f", or for the recorded ones ./lab report --session {one.id}" for one in results.recorded()[-1:]]
        raise ResultsError("There are no results yet.", "".join(["./lab run", *shipped]))
    path = report.write(wanted, courses.load())
    if as_json:
        print_json({"session": wanted.id, "report": str(path)})
    else:
        print(path)
        typer.echo("Open it in a browser.", err=True)
