"""A lock: one converge or load test at a time, across shells and notebooks."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from deploylab.core import paths
from deploylab.core.errors import Busy


@contextmanager
def held(command: str) -> Iterator[None]:
    """Hold the machine's lock while the block runs.

    The kernel releases the lock when the process ends, for whatever reason, so there are no stale locks. A child
    process does not hold it.

    Args:
        command: what the holder does, for the message that others get: of the command line, or `lab.…` of a notebook.

    Raises:
        Busy: another process holds it, or this process already does; the message names the holder.
    """
    path = paths.state_dir() / "lock"
    try:
        # On a file system without locks, filelock would use the existence of a file instead, which can become stale.
        lock = FileLock(path, fallback_to_soft=False).acquire(blocking=False)
    except Timeout:
        raise Busy(_holder(path), "wait for it, or stop it where it runs") from None
    with lock:
        path.write_text(json.dumps({"command": command, "pid": os.getpid(), "since": f"{datetime.now():%H:%M}"}))
        yield
        path.write_text("")


def _holder(path: Path) -> str:
    """Who holds the lock, in words."""
    try:
        holder = json.loads(path.read_text())
        command = holder["command"]
        name = command if command.startswith("lab.") else f"./lab {command}"
        return f"`{name}` has been using the machine since {holder['since']} (pid {holder['pid']})."
    except (ValueError, KeyError):
        return "Another `./lab` command is using the machine."
