"""The command line: `./lab VERB`. Each module holds the verbs of one matter."""

import importlib
import json
import os
import shlex
import signal
import sys
import traceback
import warnings
from typing import Annotated

import typer
from typer.core import TyperCommand, TyperGroup

from deploylab import bootstrap
from deploylab.core import paths
from deploylab.core.errors import DeployLabError

INTERRUPTED = 130  # what a shell expects after Ctrl-C


class _Switches:
    """A help that names no type behind a switch: `--yes <bool>` reads as if a value belonged there."""

    def get_params(self, ctx):
        params = super().get_params(ctx)
        for one in params:
            if getattr(one, "is_flag", False):
                one.metavar = ""
        return params


class _Group(_Switches, TyperGroup):
    pass


class _Verb(_Switches, TyperCommand):
    pass


app = typer.Typer(
    name="lab", cls=_Group, no_args_is_help=True, add_completion=False, rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="Learn how a Django site is deployed by measuring every step on your own machine.",
    epilog="Begin with `./lab run`: it makes a machine, takes it down the road and leaves a report.",
)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"deploylab {bootstrap.version()}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", is_eager=True, callback=_print_version,
                                          help="Print the version and exit.")] = False,
) -> None:
    pass


# The modules of the verbs, in the order of the help.
VERBS = ("road", "lesson", "stage", "load", "compare", "sweep", "slides", "site", "bundle", "machine", "doctor", "test")


def with_verbs() -> typer.Typer:
    """The command line with every verb."""
    for name in VERBS:
        importlib.import_module(f"deploylab.cli.{name}_verbs")
    for verb in app.registered_commands:
        verb.cls = _Verb
    return app


def main() -> int:
    """The exit status of the command in `sys.argv`. A failure becomes one message, without a traceback."""
    os.environ.update(paths.homes() | os.environ)  # what a person has set already stays
    sys.stdout.reconfigure(errors="replace")  # a terminal that is not UTF-8 shows a ? for what it lacks
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # `./lab` held it back until now
        warnings.formatwarning = _warning
        with_verbs()(prog_name="./lab")
    except DeployLabError as error:
        _say(error.what, error.next_step)
        return error.exit_status
    except SystemExit as ended:
        return _stopped() if ended.code == INTERRUPTED else ended.code if isinstance(ended.code, int) else 0
    except KeyboardInterrupt:  # before the verb began
        return _stopped()
    except OSError as error:  # a full disk, a folder one may not write
        _say(f"{error.strerror or error}: {error.filename or 'on this computer'}", f"mend that, then {_again()}")
        return 1
    except Exception as error:
        _say(f"Something that nobody foresaw: {type(error).__name__}: {error}. {_kept(traceback.format_exc())}",
             f"{_again()}; if it says this again: ./lab doctor --share, and send it with that")
        return 1
    return 0


def _warning(message, category, filename, lineno, line=None) -> str:
    """A warning of ours for a person, who does not want to know where in the code it was given."""
    ours = category.__module__.startswith("deploylab")
    return f"lab: {message}\n" if ours else f"{filename}:{lineno}: {category.__name__}: {message}\n"


def _stopped() -> int:
    _say("Stopped. What was done is kept.", _again())
    return INTERRUPTED


def _again() -> str:
    """What the person typed."""
    return shlex.join(["./lab", *sys.argv[1:]])


def _kept(report: str) -> str:
    """Where the report of an error lies, in words; the report itself where it cannot be kept."""
    from deploylab.core import paths

    file = paths.state_dir() / "log" / "unforeseen.log"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(report, encoding="utf-8")
    except OSError:
        return f"Where it was:\n{report}"
    return f"Where it was stands in {os.path.relpath(file)}."


def _say(what: str, next_step: str) -> None:
    """The message on standard error; with `--json` also as the one document on standard output."""
    if "--json" in sys.argv:
        print(json.dumps({"error": what, "next": next_step}))
    print(f"\nlab: {what}", file=sys.stderr)
    if next_step:
        print(f"Next: {next_step}", file=sys.stderr)
