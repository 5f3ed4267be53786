"""Arguments and options that several commands share, and how a command gets its machine."""

import json
import os
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from deploylab.cli import values
from deploylab.core.errors import CourseError, HostError

# A stage, or one of its variants. The metavar is the argument's name in the help.
StageOrVariant = Annotated[str, typer.Argument(
    metavar="STAGE[:VARIANT]", autocompletion=values.targets, help="A stage, or a variant such as nginx:sync.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before something is installed or removed.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
Bundle = Annotated[Path | None, typer.Option("--bundle", metavar="FILE", callback=lambda file: file and _use(file),
                                             help="Install from a bundle, without a network: see ./lab bundle.")]
# Limits: a load takes at most an hour, and no server here answers a million requests per second.
HOUR_S, MOST_PER_S = 3600, 1_000_000
Seconds = Annotated[float, typer.Option(min=0.2, max=HOUR_S, help="How long each run is measured.")]
Rate = Annotated[float | None, typer.Option(min=0.1, max=MOST_PER_S, help="Requests per second: an open loop.")]

RttMs = Annotated[float | None, typer.Option(
    "--rtt-ms", metavar="MS", help="Clients far away: so long is a packet with its answer on the way, such as 40.")]
Mbit = Annotated[float | None, typer.Option(
    "--mbit", metavar="MBIT", help="The rate of their line, per second, in each direction; 10 if --rtt-ms is given.")]


def _kind(kind: str | None) -> str | None:
    """Check the kind of machine, and set it for this command and the programs that it starts."""
    if kind and kind not in values.KINDS:
        raise typer.BadParameter(f"{kind!r} is none of {', '.join(values.KINDS)}.")
    if kind:
        os.environ["DEPLOYLAB_MACHINE"] = kind
    return kind


Kind = Annotated[str | None, typer.Option(
    "--machine", metavar="KIND", callback=_kind, autocompletion=values.kinds,
    help="auto, vagrant, or local: this computer itself becomes the server, a container or one to throw away.")]


def print_json(document: Any) -> None:
    """Print the one document of `--json`, in ASCII, which every terminal can show."""
    print(json.dumps(document, indent=2))


def not_one_good_answer(of: str, next_step: str) -> typer.Exit:
    """Say so on standard error, and return the exception to raise. The results are printed before.

    Args:
        of: the target or URL that was requested.
    """
    print(f"\nlab: not one good answer from {of}.\nNext: {next_step}", file=sys.stderr)
    return typer.Exit(1)


def views() -> str:
    """The names of the course's views, for a help text."""
    from deploylab import course as courses

    try:
        return ", ".join(courses.load().app.views)
    except CourseError:  # the command itself reports it
        return "a view of provisioning/course.toml"


def ensure_machine(yes: bool, progress):
    """Choose a machine, install the packages it needs if the person agrees, and start it.

    Args:
        yes: do not ask first.
        progress: a `deploylab.core.progress.Progress`.

    Returns:
        The machine, a `deploylab.machine.OwnMachine`.

    Raises:
        HostError: this computer can have no machine, or the person said no.
    """
    from deploylab.machine import choose, open_machine, owned

    before, choice = choose.saved(), choose_machine(yes, progress)
    machine = open_machine(choice)
    choose.save(choice)  # before it is made, so that `destroy` finds it if it is left half made
    try:
        machine.up(progress)
    except HostError:
        if before is None and not owned.all_things():  # refused, and nothing was made: the next may be of another kind
            choose.forget()
        raise
    return machine


def choose_machine(yes: bool, progress):
    """Choose a machine, a `deploylab.machine.choose.Choice`; install the packages it needs if the person agrees.

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
                     "users, and write into /etc, /srv, /usr/local and /var; all of it listens only on 127.0.0.1.\n"
                     "  ./lab destroy removes all of it again, and restores what was there before.")
    if choice.install:
        progress.say(f"  To install with apt: {' '.join(choice.install)}")
    if (choice.install or new_local) and not (yes or _confirmed()):
        raise HostError("Nothing was changed.", _with_yes())
    if choice.install and choice.kind == "vagrant":  # a local machine installs its own packages, and removes them later
        with progress.phase("packages", "Vagrant and LXC from the distribution's packages"):
            apt.install(choice.install, progress)
    return choice


def agreed(question: str, again: str) -> None:
    """Ask a person at the terminal, and return if the answer is yes.

    Args:
        again: the same command with --yes.

    Raises:
        HostError: there is no terminal, or the answer is no.
    """
    if not sys.stdin.isatty():
        raise HostError(f"{question} There is nobody to ask.", again)
    if not typer.confirm(question, err=True):
        raise HostError("Nothing was changed.", again)


def _use(file: Path) -> Path:
    """Unpack a bundle, unless the bootstrap has already done it for this command."""
    from deploylab.bootstrap import bundle
    from deploylab.core.progress import Progress

    progress = Progress("bundle")
    bundle.use(file, shlex.join(["./lab", *sys.argv[1:]]),
                lambda done, of: progress.update("unpacking the bundle", done / 1e6, of / 1e6))
    return file


def _confirmed() -> bool:
    """Ask a person at the terminal whether to go on."""
    if not sys.stdin.isatty():
        raise HostError("This changes the computer, and there is nobody to ask.", _with_yes())
    return typer.confirm("Continue?", default=True, err=True)


def _with_yes() -> str:
    """The command that was typed, with --yes."""
    return shlex.join(["./lab", *sys.argv[1:], "--yes"])
