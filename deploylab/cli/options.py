"""Options that several verbs share, and how a verb gets at the machine."""

import json
from typing import Annotated, Any

import typer

from deploylab.errors import HostError

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before something is installed or removed.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]


def print_json(document: Any) -> None:
    """The one document of `--json`."""
    print(json.dumps(document, indent=2, ensure_ascii=False))


def ensure_machine(yes: bool, progress):
    """A machine that runs: chosen, its packages installed after a yes, brought up.

    Args:
        yes: do not ask.
        progress: a `deploylab.progress.Progress`.

    Returns:
        The machine, a `deploylab.machine.VagrantMachine`.

    Raises:
        HostError: there is no way on this computer, or the person said no.
    """
    from deploylab.machine import apt, choose, open_machine

    choice = choose.choose()
    progress.say(f"Machine: {choice.kind} on {choice.provider}, because {choice.why}.")
    if choice.install:
        progress.say(f"  To install with apt: {' '.join(choice.install)}")
        if not (yes or _confirmed()):
            raise HostError("Nothing was installed.", "./lab up --yes")
        with progress.phase("packages", "Vagrant and LXC from the distribution's packages"):
            apt.install(choice.install, progress)
    machine = open_machine(choice)
    machine.up(progress)
    choose.save(choice)
    return machine


def _confirmed() -> bool:
    """Whether a person at a terminal said yes."""
    import sys

    if not sys.stdin.isatty():
        raise HostError("Packages must be installed first, and there is nobody to ask.", "./lab up --yes")
    return typer.confirm("Install them now?", default=True, err=True)
