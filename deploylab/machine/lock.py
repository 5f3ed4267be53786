"""One converge or load at a time, across shells and notebooks."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from deploylab.core import paths
from deploylab.core.errors import Busy


@contextmanager
def held(verb: str) -> Iterator[None]:
    """Hold the machine's lock while the block runs.

    The kernel gives the lock back when the process ends, however it ends: there is no stale lock.

    Args:
        verb: what the holder does, for the message that others get: of the command line, or `lab.…` of a notebook.

    Raises:
        Busy: another process holds it; the message names it.
    """
    path = paths.state_dir() / "lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(_holder(file), "wait for it, or stop it where it runs") from None
        file.truncate(0)
        json.dump({"verb": verb, "pid": os.getpid(), "since": f"{datetime.now():%H:%M}"}, file)
        file.flush()
        yield
        file.truncate(0)


def _holder(file) -> str:
    """Who holds the lock, in words."""
    file.seek(0)
    try:
        holder = json.load(file)
        name = holder["verb"] if holder["verb"].startswith("lab.") else f"./lab {holder['verb']}"
        return f"`{name}` has been using the machine since {holder['since']} (pid {holder['pid']})."
    except (ValueError, KeyError):
        return "Another `./lab` command is using the machine."
