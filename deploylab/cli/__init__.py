"""The command line: `./lab COMMAND`. Each module in `GROUPS` has the commands of one group."""

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
from typer.completion import completion_init
from typer.core import TyperCommand, TyperGroup

from deploylab import bootstrap
from deploylab.core import paths, streams, surroundings
from deploylab.core.errors import DeployLabError

INTERRUPTED = 130  # what a shell expects after Ctrl-C


class _Switches:
    """Help without a type after a switch: `--yes <bool>` reads as if it took a value."""

    def get_params(self, ctx):
        params = super().get_params(ctx)
        for param in params:
            if getattr(param, "is_flag", False):
                param.metavar = ""
        return params


class _Group(_Switches, TyperGroup):
    pass


class _Command(_Switches, TyperCommand):
    def shell_complete(self, ctx, incomplete):
        """Offer the options for an empty word too: if no other word may follow, only they are left to type."""
        return super().shell_complete(ctx, incomplete or "-")


app = typer.Typer(
    name="lab", cls=_Group, no_args_is_help=True, add_completion=False, rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="Learn how a Django site is deployed by measuring every step on your own machine.",
    epilog="Begin with `./lab run`: it makes a machine, sets up and measures every stage, and writes a report. "
           "`./lab COMMAND --help` shows every option of a command and an example.",
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


# {module: title of its group}, in the order of the help. `deploylab.bootstrap.HELP` has the same groups.
GROUPS = {"machine": "Machine", "stages": "Stages", "backup": "Stages", "measuring": "Measuring", "ab": "Measuring",
          "lessons": "Lessons", "publishing": "Publishing", "kit": "The kit itself"}


def with_commands() -> typer.Typer:
    """The command line with every command, each in the panel of its group."""
    for module in GROUPS:
        importlib.import_module(f"deploylab.cli.{module}")
    for command in app.registered_commands:
        command.cls = _Command
        command.rich_help_panel = GROUPS[_module(command)]
    # If one of the modules was imported before, its commands are registered first.
    app.registered_commands.sort(key=lambda command: [*GROUPS].index(_module(command)))
    return app


def _module(command: typer.models.CommandInfo) -> str:
    """The name of the module in `GROUPS` that has the command."""
    return command.callback.__module__.rpartition(".")[2]


def main() -> int:
    """Run the command in `sys.argv` and return its exit status. A failure is one message, without a traceback."""
    os.environ.update(paths.homes() | os.environ)  # what a person has set stays
    os.environ.update(paths.absolute())  # a notebook's kernel, and other programs, have another current folder
    os.environ.update(surroundings.direct())
    streams.ensure()
    sys.stdout.reconfigure(errors="replace")  # a terminal that is not UTF-8 shows ? for missing letters
    return streams.flushed(_run(), _again())


def _run() -> int:
    """The exit status of the command, after its message where it failed."""
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # `./lab` has held it back until now
        warnings.formatwarning = _warning
        if bootstrap.COMPLETING in os.environ:
            completion_init()
        with_commands()(prog_name="./lab", complete_var=bootstrap.COMPLETING)
    except DeployLabError as error:
        _say(error.what, error.next_step)
        return error.exit_status
    except SystemExit as ended:
        return _stopped() if ended.code == INTERRUPTED else ended.code if isinstance(ended.code, int) else 0
    except KeyboardInterrupt:  # before the command started
        return _stopped()
    except OSError as error:  # a full disk, or a folder that we may not write to
        _say(f"{error.strerror or error}: {error.filename or 'on this computer'}", f"repair that, then {_again()}")
        return 1
    except Exception as error:
        _say(f"An unexpected error: {type(error).__name__}: {error}. {_saved(traceback.format_exc())}",
             f"{_again()}; if it fails again: ./lab doctor --share, and send its file with that log")
        return 1
    return 0


def _warning(message, category, filename, lineno, line=None) -> str:
    """A warning as text; for our own warnings without the place in the code."""
    ours = category.__module__.startswith("deploylab")
    return f"lab: {message}\n" if ours else f"{filename}:{lineno}: {category.__name__}: {message}\n"


def _stopped() -> int:
    _say("Stopped. What was done is kept.", _again())
    return INTERRUPTED


def _again() -> str:
    """What the person typed."""
    return shlex.join(["./lab", *sys.argv[1:]])


def _saved(report: str) -> str:
    """Save the traceback of an error and say where it is; if it cannot be saved, the traceback itself."""
    file = paths.state_dir() / "log" / "unforeseen.log"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(report, encoding="utf-8")
    except OSError:
        return f"The traceback:\n{report}"
    return f"The traceback is in {os.path.relpath(file)}."


def _say(what: str, next_step: str) -> None:
    """Print the message on standard error; with `--json` also as one document on standard output."""
    if "--json" in sys.argv:
        print(json.dumps({"error": what, "next": next_step}))
    print(f"\nlab: {what}", file=sys.stderr)
    if next_step:
        print(f"Next: {next_step}", file=sys.stderr)
