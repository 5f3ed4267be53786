"""run, report: the whole road, and what it was worth."""

import os
from typing import Annotated

import typer

from deploylab.cli import app
from deploylab.cli.options import Json, Yes, ensure_machine, print_json


@app.command()
def run(
    quick: Annotated[bool, typer.Option("--quick", help="Windows of one second instead of three.")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Every stage: converge, check, measure; a report at the end. Run it again and it goes on where it stopped.

    Example: `./lab run --yes`
    """
    from deploylab import course as courses
    from deploylab import report, road
    from deploylab.machine import lock
    from deploylab.progress import Progress

    course, progress = courses.load(), Progress("run")
    progress.seconds["environment"] = float(os.environ.get("DEPLOYLAB_ENVIRONMENT_S", 0))
    with lock.held("run"):
        machine = ensure_machine(yes, progress)
        session, ready = road.run(machine, course, quick=quick, progress=progress)
        with progress.phase("report", "the report"):
            path = report.write(session, course)
    if as_json:
        print_json({"session": session.id, "machine": session.plan["machine"],
                    "stages": [one.as_json() for one in ready], "report": str(path)})
    for line in road.spent(progress):
        progress.say(line)
    progress.say(f"\nOpen {path} in a browser.")


@app.command("report")
def report_verb(
    session: Annotated[str | None, typer.Option(help="A session of results/; the newest if none.")] = None,
    as_json: Json = False,
) -> None:
    """Write the report of a session again.

    Example: `./lab report`
    """
    from deploylab import course as courses
    from deploylab import report, results, road
    from deploylab.errors import ResultsError

    wanted = results.Session.open(session) if session else road.newest()
    if wanted is None:
        raise ResultsError("There are no results yet.", "./lab run")
    path = report.write(wanted, courses.load())
    if as_json:
        print_json({"session": wanted.id, "report": str(path)})
    else:
        print(path)
