"""A small server as a child of this process. It never outlives whoever started it, however that one ends."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from deploylab.core import paths
from deploylab.core.errors import LoadError

SERVERS = paths.ROOT / "notebooks" / "servers"
START_S = 10.0  # how long a server may take until it answers
END_S = 5.0  # how long the killed processes of a server are waited for
POLL_S = 0.01

# Waits until its standard input ends, and then ends the server with all its children. The pipe is ours alone:
# it ends when we close it, and also when we are killed.
KEEPER = 'cat >/dev/null; kill -s KILL -- "-$1" 2>/dev/null'


@dataclass(frozen=True, kw_only=True)
class Child:
    """A server that runs and answers.

    Attributes:
        url: without a path: `http://127.0.0.1:40123`.
        pid: of its first process, which leads the group of all.
        pattern: a regular expression that finds its processes by their command line.
    """

    url: str
    pid: int
    pattern: str


@contextmanager
def serving(program: Path, cpus: Sequence[int] = ()) -> Iterator[Child]:
    """A server that answers, for as long as the block runs; after it nothing of it is left.

    Args:
        program: a Python program that takes its port as its one argument. It may import what lies in SERVERS.
        cpus: the cores it may use; () for all. Ignored where the system cannot bind a process.

    Raises:
        LoadError: it ended, or did not answer in time. The message holds its last words.

    Example:
        >>> with serving(SERVERS / "blocking.py") as child:          # doctest: +SKIP
        ...     urlopen(child.url + "/wait").read()
    """
    port = _free_port()
    command = [sys.executable, "-B", str(program), str(port)]
    life, theirs = socket.socketpair()
    with tempfile.TemporaryFile() as errors, life:
        with theirs:
            process = _start(command, cpus, errors, theirs.fileno())
        keeper = None
        try:
            keeper = subprocess.Popen(["sh", "-c", KEEPER, "keeper", str(process.pid)], stdin=subprocess.PIPE,
                                      start_new_session=True)  # Ctrl-C is for us, and we tell the keeper
            _await_answer(process, port, program, errors)
            yield Child(url=f"http://127.0.0.1:{port}", pid=process.pid,
                        pattern="^" + re.escape(" ".join(command)) + " ?$")
        finally:
            _end(process, keeper, life)


def _start(command: Sequence[str], cpus: Sequence[int], errors, held: int) -> subprocess.Popen:
    """The server, in a session of its own and on its cores from its first instruction on.

    Args:
        held: a file that it and its copies hold open as long as one of them lives.
    """
    with _on_cores(cpus):
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True,
            pass_fds=[held], env={**os.environ, "PYTHONPATH": str(SERVERS)})


@contextmanager
def _on_cores(cpus: Sequence[int]) -> Iterator[None]:
    """A child begins on the cores of the thread that starts it."""
    if not cpus or not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as one:
        return one.getsockname()[1]


def _await_answer(process: subprocess.Popen, port: int, program: Path, errors) -> None:
    """Return once the server has answered a request."""
    until_s = time.monotonic() + START_S
    while not _answers(port):
        if process.poll() is not None:
            raise LoadError(f"{program.name} ended before it answered: {_last_words(errors)}", f"mend {program}")
        if time.monotonic() > until_s:
            raise LoadError(f"{program.name} runs, and did not answer on port {port} for {START_S:.0f} s.",
                            f"python3 {program} {port}   and in another terminal: curl http://127.0.0.1:{port}/cpu")
        time.sleep(POLL_S)


def _answers(port: int) -> bool:
    """Whether a request gets an answer: a port alone may be open long before somebody serves it."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=START_S)) as connection, suppress(OSError, HTTPException):
        connection.request("GET", "/cpu")
        return connection.getresponse().status == 200
    return False


def _last_words(errors) -> str:
    errors.seek(0)
    lines = errors.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def _end(process: subprocess.Popen, keeper: subprocess.Popen | None, life: socket.socket) -> None:
    """End the server's whole group, and see that it has gone: `life` ends with the last of them."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    life.settimeout(END_S)
    with suppress(TimeoutError):
        life.recv(1)
    if keeper:
        keeper.stdin.close()
        keeper.wait()
