"""From a bare Python to the command line: is `.venv` ready? Then hand over to it.

This runs before every command, so it imports next to nothing: the work of building
the environment is in `environment`, loaded only when there is work.
"""

import os
import signal
import sys
import time

from deploylab.bootstrap.clone import COMPLETING, EXTRAS, ROOT, command, inside, is_ready, version
from deploylab.core import streams
from deploylab.core.errors import DeployLabError, HostError

# The groups of `deploylab.cli`, and their commands in the same order.
HELP = """\
Usage: ./lab COMMAND [OPTIONS]

Learn how a Django site is deployed by measuring every step on your own machine.

Machine
  doctor             check this computer, and how to get what is missing
  up                 start the machine; create it if there is none
  status             which stages are running, and their addresses
  halt               shut the machine down
  destroy            remove the machine

Stages
  run [STAGE …]      set up, check and measure every stage, and write a report
  goto STAGE         set the machine up for a stage and check it
  check [STAGE]      check that a stage is set up as it should be
  reset STAGE        put the machine back to just before a stage
  backup STAGE FILE  save what visitors wrote to a file outside the machine
  restore FILE       put it back, onto this machine or a bare new one

Measuring
  measure [STAGE …]  run load tests and keep the results
  compare A B        compare two setups, and list everything that differs
  sweep STAGE        find out how much load a stage can handle
  report             write the report of a session again
  ab URL             run a load test with the options of ab

Lessons
  open [LESSON]      open the lessons in JupyterLab
  record [LESSON …]  run the lessons and keep every answer

Publishing
  slides             write the talk as slides
  site               write guides and lessons as a website
  bundle             write everything into one file, for a room without network

The kit itself
  completion SHELL   let TAB complete commands and names in bash, zsh or fish
  test               run the tests

./lab --help prints this, ./lab --version the version.

Nothing is installed yet. The first command makes .venv/ in this folder: about a
minute with a good network. Then `./lab COMMAND --help` shows every option.
From a bundle, without a network: ./lab run --bundle FILE

Next: ./lab run
"""


def start(args: list[str]) -> int:
    """The exit status of `./lab ARGS`, if it ends before the hand-over."""
    streams.ensure()
    sys.stdout.reconfigure(errors="replace")  # a terminal that is not UTF-8 shows ? for missing letters
    try:
        return streams.flushed(main(args), command(args))
    except DeployLabError as error:
        print(f"\nlab: {error}", file=sys.stderr)
        return error.exit_status
    except OSError as error:
        if error.filename is None:  # a stream has no name
            return streams.unwritten(error, command(args))
        print(f"\nlab: {error.filename}: {error.strerror}.\nNext: {command(args)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\nlab: stopped. What was done is kept.\nNext: {command(args)}", file=sys.stderr)
        return 130


def main(args: list[str]) -> int:
    """Show version, help or a completion script; or make sure of the environment and become the command line."""
    if args[:1] == ["--version"]:
        print(f"deploylab {version()}")
        return 0
    if args[:1] == ["completion"] and len(args) == 2:
        from deploylab.bootstrap import completion

        if args[1] in completion.SHELLS:  # at once: a shell reads it whenever it starts
            print(completion.script(args[1]), end="")
            return 0
    if COMPLETING in os.environ and not is_ready("core"):
        return 1  # pressing TAB installs nothing
    helping = wants_help(args)
    group = "core" if helping else group_of(args)
    if (file := bundle_of(args)) and not helping:
        from deploylab.bootstrap import environment

        environment.take(file, args)
    if not is_ready(group):
        if helping:
            print(HELP, end="")
            return 0
        from deploylab.bootstrap import environment

        began = time.monotonic()
        environment.prepare(group, args)
        os.environ["DEPLOYLAB_ENVIRONMENT_S"] = f"{time.monotonic() - began:.1f}"  # `run` reports where the time went
    return hand_over(args or ["--help"])


def wants_help(args: list[str]) -> bool:
    """True for `./lab` alone and for a question about any command: neither may install anything."""
    return not args or "--help" in args or "-h" in args


def group_of(args: list[str]) -> str:
    """The command, if it needs more than the core packages, else `core`."""
    words = [word for word, before in zip(args, ["", *args], strict=False) if before not in ("--machine", "--bundle")]
    name = next((word for word in words if not word.startswith("-")), "")
    return name if name in EXTRAS else "core"


def bundle_of(args: list[str]) -> str:
    """The file that `--bundle` names, "" without it."""
    words = [word for arg in args for word in (arg.split("=", 1) if arg.startswith("--bundle=") else [arg])]
    return words[words.index("--bundle") + 1] if "--bundle" in words[:-1] else ""


def hand_over(args: list[str]) -> int:
    """Become `.venv/bin/python -m deploylab.cli ARGS`; the current folder stays the same."""
    python = inside(".venv", "bin", "python")
    # -P keeps the caller's folder off the import path: an attendee's own random.py must not win.
    # A person's own PYTHONPATH and PYTHONHOME would mix other packages with ours.
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONHOME"}
    environ["PYTHONPATH"] = ROOT
    sys.stdout.flush()
    sys.stderr.flush()
    # Ctrl-C is held back while the new program imports; `deploylab.cli.main` lets it through and prints one message.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        os.execve(python, [python, "-P", "-m", "deploylab.cli", *args], environ)
    except OSError as error:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        what = f"{python} does not start: {error.strerror}."
        raise HostError(what, f"rm -r .venv && {command(args)}") from error
