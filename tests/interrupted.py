"""A command that is stopped as a person stops it."""

import os
import signal
import subprocess
import sys
import time

from deploylab.core import paths

# What was started in the background ignores Ctrl-C, and so do its children.
CLI = ("import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
       "from deploylab.cli import main; raise SystemExit(main())")


def interrupted(word: str, *arguments: str, after_s: float = 0.0, **environment: str) -> subprocess.CompletedProcess:
    """`./lab ARGUMENTS` with Ctrl-C so long after it said this word; in `stderr`, what it said from then on."""
    command = [sys.executable, "-c", CLI, *arguments]
    with subprocess.Popen(command, cwd=paths.ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True, start_new_session=True,
                          env={**os.environ, "PYTHONPATH": str(paths.ROOT), **environment}) as process:
        for line in process.stderr:
            if word in line:
                time.sleep(after_s)
                os.killpg(process.pid, signal.SIGINT)  # as at a terminal: to the whole group
                break
        rest = process.stderr.read()
    return subprocess.CompletedProcess(arguments, process.returncode, stderr=rest)
