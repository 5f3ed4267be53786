"""The command line: `./lab COMMAND`. Each module of `GROUPS` holds the commands of one group."""

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
from deploylab.core import paths
from deploylab.core.errors import DeployLabError

INTERRUPTED = 130  # what a shell expects after Ctrl-C


class _Switches:
    """A help that names no type behind a switch: `--yes <bool>` reads as if a value belonged there."""

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
        """Its options also for an empty word: where no other word may follow, they are what is left to type."""
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


# {module: the title of its commands}, in the order of the help. `deploylab.bootstrap.HELP` has the same.
GROUPS = {"machine": "Machine", "stages": "Stages", "measuring": "Measuring", "ab": "Measuring", "lessons": "Lessons",
          "publishing": "Publishing", "kit": "The kit itself"}


def with_commands() -> typer.Typer:
    """The command line with every command, each in the panel of its group."""
    for module in GROUPS:
        importlib.import_module(f"deploylab.cli.{module}")
    for command in app.registered_commands:
        command.cls = _Command
        command.rich_help_panel = GROUPS[_module(command)]
    # Whoever imported one of the modules alone registered its commands first.
    app.registered_commands.sort(key=lambda command: [*GROUPS].index(_module(command)))
    return app


def _module(command: typer.models.CommandInfo) -> str:
    """The name of the module in `GROUPS` that has the command."""
    return command.callback.__module__.rpartition(".")[2]


def main() -> int:
    """The exit status of the command in `sys.argv`. A failure becomes one message, without a traceback."""
    os.environ.update(paths.homes() | os.environ)  # what a person has set already stays
    sys.stdout.reconfigure(errors="replace")  # a terminal that is not UTF-8 shows a ? for what it lacks
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # `./lab` held it back until now
        warnings.formatwarning = _warning
        if bootstrap.COMPLETING in os.environ:
            completion_init()
        with_commands()(prog_name="./lab", complete_var=bootstrap.COMPLETING)
    except DeployLabError as error:
        _say(error.what, error.next_step)
        return error.exit_status
    except SystemExit as ended:
        return _stopped() if ended.code == INTERRUPTED else ended.code if isinstance(ended.code, int) else 0
    except KeyboardInterrupt:  # before the command began
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
