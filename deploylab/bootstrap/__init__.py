"""From a bare Python to the command line: is `.venv` ready? Then hand over to it.

This runs before every command, so it imports almost nothing: the work of building
the environment is in `environment`, which is loaded only when it is needed.
"""

import os
import signal
import sys
import time

from deploylab.bootstrap.clone import EXTRAS, ROOT, command, inside, is_ready, version
from deploylab.core.errors import DeployLabError, HostError

HELP = """\
Usage: ./lab COMMAND [OPTIONS]

Learn how a Django site is deployed by measuring every step on your own machine.

  run [STAGE …]      every stage: converge, check, measure; a report at the end
  open [LESSON]      the lessons in JupyterLab
  up, halt, destroy  start, stop, remove the machine
  status             what is there
  doctor             is this computer ready? a cure for everything that is missing
  goto STAGE         bring the machine to a stage and check it
  reset STAGE        the machine as it was before that stage
  check [STAGE]      is it set up as it should be? cause and cure for each 'no'
  measure [STAGE …]  load a stage and keep its numbers
  compare A B        compare two sides in pairs, with everything that differs between them
  sweep STAGE        how much load it can handle: more and more clients, then arrival rates
  ab URL             a familiar load test with honest numbers
  report             write the report of a session again
  slides             the talk in English and Spanish, its figures from a session
  record [LESSON …]  run the lessons and keep every result, for readers without a machine
  site               guides and lessons as pages to read, in English and Spanish
  bundle             one file with everything, for a computer without a network
  test               the test suite

./lab --help prints this, ./lab --version the version.

Nothing is installed yet. The first command makes .venv/ in this folder, about a minute
with a good network; then `./lab --help` and `./lab COMMAND --help` know every option.
From a bundle, without a network: ./lab run --bundle FILE

Next: ./lab run
"""


def start(args: list[str]) -> int:
    """The exit status of `./lab ARGS`, if it ends before the hand-over."""
    sys.stdout.reconfigure(errors="replace")  # a terminal that is not UTF-8 shows ? for missing letters
    try:
        return main(args)
    except DeployLabError as error:
        print(f"\nlab: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print(f"\nlab: stopped. What was done is kept.\nNext: {command(args)}", file=sys.stderr)
        return 130


def main(args: list[str]) -> int:
    """Show the version or the help, or prepare the environment and become deploylab's command line."""
    if args[:1] == ["--version"]:
        print(f"deploylab {version()}")
        return 0
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
    """True for `./lab` alone and for --help with any command: neither may install anything."""
    return not args or "--help" in args or "-h" in args


def group_of(args: list[str]) -> str:
    """The command, if it needs more than the core packages, else `core`."""
    words = [word for word, before in zip(args, ["", *args], strict=False) if before not in ("--machine", "--bundle")]
    verb = next((word for word in words if not word.startswith("-")), "")
    return verb if verb in EXTRAS else "core"


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
