"""Arguments and options that several commands share, and how a command gets at the machine."""

import json
import os
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from deploylab.cli import values
from deploylab.core.errors import CourseError, HostError

# A stage, or one of its variants. The metavar is what the help calls the argument.
StageOrVariant = Annotated[str, typer.Argument(
    metavar="STAGE[:VARIANT]", autocompletion=values.targets, help="A stage, or a variant such as nginx:sync.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before something is installed or removed.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
Bundle = Annotated[Path | None, typer.Option("--bundle", metavar="FILE", callback=lambda file: file and _use(file),
                                             help="Install from a bundle, without a network: see ./lab bundle.")]
# A load ends by itself: an hour is the longest, and no lab answers a million requests a second.
HOUR_S, MOST_PER_S = 3600, 1_000_000
Seconds = Annotated[float, typer.Option(min=0.2, max=HOUR_S, help="How long each run is measured.")]
Rate = Annotated[float | None, typer.Option(min=0.1, max=MOST_PER_S, help="Requests per second: an open loop.")]


def _kind(kind: str | None) -> str | None:
    """The machine that this command makes, also for what it starts."""
    if kind and kind not in values.KINDS:
        raise typer.BadParameter(f"{kind!r} is none of {', '.join(values.KINDS)}.")
    if kind:
        os.environ["DEPLOYLAB_MACHINE"] = kind
    return kind


Kind = Annotated[str | None, typer.Option(
    "--machine", metavar="KIND", callback=_kind, autocompletion=values.kinds,
    help="auto, vagrant, or local: this computer itself becomes the server, a container or one to throw away.")]


def print_json(document: Any) -> None:
    """The one document of `--json`, in ASCII: whole on every terminal."""
    print(json.dumps(document, indent=2))


def not_one_good_answer(of: str, next_step: str) -> typer.Exit:
    """Says so on standard error; to be raised. What was measured has been shown by then.

    Args:
        of: what was asked.
    """
    print(f"\nlab: not one good answer from {of}.\nNext: {next_step}", file=sys.stderr)
    return typer.Exit(1)


def views() -> str:
    """The names of the course's views, for a help text."""
    from deploylab import course as courses

    try:
        return ", ".join(courses.load().app.views)
    except CourseError:  # the command itself will say it
        return "a view of provisioning/course.toml"


def ensure_machine(yes: bool, progress):
    """A machine that runs: chosen, its packages installed after a yes, brought up.

    Args:
        yes: do not ask.
        progress: a `deploylab.core.progress.Progress`.

    Returns:
        The machine, a `deploylab.machine.OwnMachine`.

    Raises:
        HostError: there is no way on this computer, or the person said no.
    """
    from deploylab.machine import choose, open_machine

    choice = choose_machine(yes, progress)
    machine = open_machine(choice)
    choose.save(choice)  # before it is made: `destroy` then knows of a half-made one
    machine.up(progress)
    return machine


def choose_machine(yes: bool, progress):
    """Which machine it will be, a `deploylab.machine.choose.Choice`; its packages are installed after a yes.

    Raises:
        HostError: see `ensure_machine`.
    """
    from deploylab.machine import apt, choose

    choice = choose.choose()
    where = f"{choice.kind} on {choice.provider}" if choice.provider else choice.kind
    progress.say(f"Machine: {where}, because {choice.why}.")
    new_local = choice.kind == "local" and choose.saved() is None
    if new_local:
        progress.say("  This computer becomes the server. The stages install Apache, nginx, MariaDB and more, make "
                     "users, and write into /etc, /srv, /usr/local and /var; all of it listens on 127.0.0.1 alone.\n"
                     "  ./lab destroy takes it away again, and puts back what was there.")
    if choice.install:
        progress.say(f"  To install with apt: {' '.join(choice.install)}")
    if (choice.install or new_local) and not (yes or _confirmed()):
        raise HostError("Nothing was changed.", _with_yes())
    if choice.install and choice.kind == "vagrant":  # what a local machine brings, it also takes away
        with progress.phase("packages", "Vagrant and LXC from the distribution's packages"):
            apt.install(choice.install, progress)
    return choice


def agreed(question: str, again: str) -> None:
    """Return if a person at a terminal says yes.

    Args:
        again: the command that needs no answer.

    Raises:
        HostError: there is nobody to ask, or the answer is no.
    """
    if not sys.stdin.isatty():
        raise HostError(f"{question} There is nobody to ask.", again)
    if not typer.confirm(question, err=True):
        raise HostError("Nothing was changed.", again)


def _use(file: Path) -> Path:
    """Unpack a bundle, unless the bootstrap has done it for this command already."""
    from deploylab.bootstrap import bundle
    from deploylab.core.progress import Progress

    progress = Progress("bundle")
    bundle.use(file, shlex.join(["./lab", *sys.argv[1:]]),
                lambda done, of: progress.update("unpacking the bundle", done / 1e6, of / 1e6))
    return file


def _confirmed() -> bool:
    """Whether a person at a terminal said yes."""
    if not sys.stdin.isatty():
        raise HostError("This changes the computer, and there is nobody to ask.", _with_yes())
    return typer.confirm("Go on?", default=True, err=True)


def _with_yes() -> str:
    """What was typed, with the answer."""
    return shlex.join(["./lab", *sys.argv[1:], "--yes"])
