"""`./lab`'s command line, imported once: each command that is asked for on standard input runs in a fork.

So it has a process of its own, with its own environment and files, and is spared the start of Python and its imports.
A line asks: {"arguments", "environment", "cwd", "out", "err", "timeout_s"}; a line answers: the exit status, or null
where the time was up. `conftest.py` asks.
"""

import importlib
import json
import os
import signal
import sys
import time
from contextlib import redirect_stdout

from deploylab import cli

# What commands import when they begin.
HEAVY = ("measure.full_run", "report", "machine.doctor", "lessons.notebooks", "publish.bundle")


def warm() -> None:
    """Import what any command needs, in this process: what reads arguments and writes a help."""
    for name in HEAVY:
        importlib.import_module(f"deploylab.{name}")
    sys.argv = ["lab", "measure", "--help"]
    with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        cli.main()


def begin(asked: dict) -> None:
    """What a new process has: its own files, environment, folder and arguments."""
    for number, (path, mode) in enumerate(((os.devnull, os.O_RDONLY), (asked["out"], os.O_WRONLY),
                                           (asked["err"], os.O_WRONLY))):
        os.dup2(os.open(path, mode), number)
    sys.stdin = os.fdopen(0, closefd=False)  # the other one has read ahead
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["cwd"])
    sys.argv = ["lab", *asked["arguments"]]


def ended(pid: int, timeout_s: float) -> int | None:
    """The exit status of a process; None if it was killed because its time was up."""
    deadline_s = time.monotonic() + timeout_s
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline_s:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return None
        time.sleep(0.005)


if __name__ == "__main__":
    warm()
    for line in sys.stdin:
        asked = json.loads(line)
        if not (pid := os.fork()):
            begin(asked)
            sys.exit(cli.main())
        print(json.dumps(ended(pid, asked["timeout_s"])), flush=True)
