"""up, halt, destroy, status: the machine's life."""

from typing import Annotated

import typer

from deploylab.cli import app
from deploylab.cli.options import Bundle, Json, Kind, Yes, agreed, ensure_machine, print_json


@app.command()
def up(yes: Yes = False, machine: Kind = None, bundle: Bundle = None) -> None:
    """Bring the machine up; make it if there is none.

    Example: `./lab up`, in a container `./lab up --machine local`, without a network `./lab up --bundle FILE`
    """
    from deploylab.core.progress import Progress
    from deploylab.machine import lock

    progress = Progress("up")
    with lock.held("up"):
        made = ensure_machine(yes, progress)
    progress.say(f"The machine is up at {made.host}. Next: ./lab goto runserver")


@app.command()
def halt() -> None:
    """Shut the machine down. Its disk stays, `./lab up` brings it back.

    Example: `./lab halt`
    """
    from deploylab.core.progress import Progress
    from deploylab.machine import choose, lock, open_machine

    saved = choose.saved()
    if saved is None:
        print("There is no machine.")
        return
    with lock.held("halt"):
        open_machine(saved).halt(Progress("halt"))


@app.command()
def destroy(yes: Yes = False) -> None:
    """Take the machine away, and what the kit made for it on this computer. Results stay.

    Example: `./lab destroy --yes`
    """
    from deploylab.core.progress import Progress
    from deploylab.machine import choose, lock, lost, open_machine

    saved = choose.saved()
    machine = open_machine(saved) if saved else lost()
    if machine is None:
        print("There is no machine.")
        return
    question = ("Take away all that the lab put on this computer?" if machine.kind == "local"
                else f"Destroy {machine.name} and all that is on it?")
    if not yes:
        agreed(question, "./lab destroy --yes")
    with lock.held("destroy"):
        machine.destroy(Progress("destroy"))
        choose.forget()


@app.command()
def status(
    deep: Annotated[bool, typer.Option("--deep", help="Ask Vagrant and the guest too (a few seconds).")] = False,
    as_json: Json = False,
) -> None:
    """Show what is there: the machine, and which stages answer.

    Example: `./lab status --deep`
    """
    from deploylab import course as courses
    from deploylab.cli import status as overview

    seen = overview.look(courses.load(), deep=deep)
    if as_json:
        print_json(seen.to_json())
        return
    for line in overview.lines(seen):
        print(line)
