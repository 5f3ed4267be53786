"""doctor: is this computer ready?"""

from typing import Annotated

import typer

from deploylab.cli import app
from deploylab.cli.options import Json, print_json


@app.command()
def doctor(
    share: Annotated[bool, typer.Option("--share", help="Also write a text to be sent, without names or secrets.")
                     ] = False,
    as_json: Json = False,
) -> None:
    """Look at this computer: what the course needs, and a cure for each thing that is missing. Nothing is changed.

    The exit status is 1 if something would keep the course from working.

    Example: `./lab doctor`, or `./lab doctor --share` the day before a workshop
    """
    from dataclasses import asdict

    from deploylab.core import paths
    from deploylab.machine import doctor as doctors

    found = []
    for one in doctors.examine():
        found.append(one)
        if not as_json:
            print(doctors.line(one), flush=True)
    problems = [one for one in found if one.state == doctors.PROBLEM]
    path = paths.results_dir() / "doctor.txt"
    if share:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(doctors.text(found), encoding="utf-8")
    if as_json:
        print_json({"ready": not problems, "findings": [asdict(one) for one in found],
                    "shared": str(path) if share else None})
    else:
        print(f"\n{len(problems)} to solve." if problems else "\nThis computer is ready. Next: ./lab up")
        if share:
            print(f"To send to the instructor: {path}")
    if problems:
        raise typer.Exit(1)
