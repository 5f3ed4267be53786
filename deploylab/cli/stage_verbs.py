"""goto, check: one stage at a time."""

from dataclasses import asdict
from typing import Annotated

import typer

from deploylab.cli import app
from deploylab.cli.options import Json, Yes, ensure_machine, print_json


@app.command()
def goto(
    stage: Annotated[str, typer.Argument(help="A stage of the course, for example `nginx`.")],
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Bring the machine to a stage, from any state, and check it. The second time nothing changes.

    Example: `./lab goto nginx`
    """
    from deploylab import course as courses
    from deploylab import road
    from deploylab.machine import lock
    from deploylab.progress import Progress

    course = courses.load()
    wanted = course.stage(stage)
    progress = Progress("goto")
    with lock.held(f"goto {stage}"):
        machine = ensure_machine(yes, progress)
        ready = road.prepare(machine, course, wanted, progress)
    if as_json:
        print_json(ready.as_json())
    if not ready.ok:
        raise road.not_ready(ready)
    progress.say(f"{wanted.title}: {machine.url(wanted)}")


@app.command()
def check(
    stage: Annotated[str | None, typer.Argument(help="One stage, or all that stand.")] = None,
    as_json: Json = False,
) -> None:
    """Ask whether a stage really is what it claims to be: cause and cure for each 'no'.

    Example: `./lab check nginx`
    """
    from deploylab import checks, overview
    from deploylab import course as courses
    from deploylab.errors import CheckError
    from deploylab.machine import current

    course, machine = courses.load(), current()
    if stage:
        targets = [course.target(stage)]
    else:
        standing = {s["name"] for s in overview.look(course)["stages"] if s["open"]}
        targets = [target for target in course.targets if target.name in standing]
    if not targets:
        raise CheckError("No stage stands on the machine yet.", f"./lab goto {course.stages[0].name}")
    seen = {target.name: checks.verify(machine, course, target) for target in targets}
    if as_json:
        print_json({"stages": {name: [asdict(one) for one in found] for name, found in seen.items()}})
    else:
        for name, found in seen.items():
            print(f"{name}")
            for one in found:
                print(checks.line(one))
    if not all(one.ok for found in seen.values() for one in found):
        raise typer.Exit(1)
