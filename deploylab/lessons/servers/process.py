"""Runs a small server as a child process. It never outlives this process, however this process ends."""

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
END_S = 5.0  # how long we wait for a server's killed processes to end
POLL_S = 0.01

# Waits until its standard input ends, then kills the server with all its children. Only we have the other end of the
# pipe: it closes when we close it, and also when we are killed.
KEEPER = 'cat >/dev/null; kill -s KILL -- "-$1" 2>/dev/null'


@dataclass(frozen=True, kw_only=True)
class Child:
    """A server that is running and answers.

    Attributes:
        url: without a path: `http://127.0.0.1:40123`.
        pid: of its first process, the leader of its process group.
        pattern: a regular expression that finds its processes by their command line.
    """

    url: str
    pid: int
    pattern: str


@contextmanager
def serving(program: Path, cpus: Sequence[int] = ()) -> Iterator[Child]:
    """Start a server, wait until it answers, and end it with all its processes after the block.

    Args:
        program: a Python program with one argument, its port. It may import the modules in SERVERS.
        cpus: the cores it may use; () for all. Ignored if the system cannot bind a process to cores.

    Raises:
        LoadError: it ended, or did not answer in time. The message has the last line of its errors.

    Example:
        >>> with serving(SERVERS / "blocking.py") as child:          # doctest: +SKIP
        ...     urlopen(child.url + "/wait").read()
    """
    port = _free_port()
    command = [sys.executable, "-B", str(program), str(port)]
    ours, theirs = socket.socketpair()
    with tempfile.TemporaryFile() as errors, ours:
        with theirs:
            process = _start(command, cpus, errors, theirs.fileno())
        keeper = None
        try:
            keeper = subprocess.Popen(["sh", "-c", KEEPER, "keeper", str(process.pid)], stdin=subprocess.PIPE,
                                      start_new_session=True)  # Ctrl-C reaches only us, and we end the keeper
            _await_answer(process, port, program, errors)
            yield Child(url=f"http://127.0.0.1:{port}", pid=process.pid,
                        pattern="^" + re.escape(" ".join(command)) + " ?$")
        finally:
            _end(process, keeper, ours)


def _start(command: Sequence[str], cpus: Sequence[int], errors, held: int) -> subprocess.Popen:
    """Start the server in its own session; it runs on its cores from the beginning.

    Args:
        held: a file descriptor that stays open until the last of its processes has ended.
    """
    with _on_cores(cpus):
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True,
            pass_fds=[held], env={**os.environ, "PYTHONPATH": str(SERVERS)})


@contextmanager
def _on_cores(cpus: Sequence[int]) -> Iterator[None]:
    """Move this thread to these cores, because a child process starts on the cores of the thread that starts it."""
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
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return server.getsockname()[1]


def _await_answer(process: subprocess.Popen, port: int, program: Path, errors) -> None:
    """Wait until the server has answered a request."""
    until_s = time.monotonic() + START_S
    while not _answers(port):
        if process.poll() is not None:
            raise LoadError(f"{program.name} ended before it answered: {_last_line(errors)}", f"repair {program}")
        if time.monotonic() > until_s:
            raise LoadError(f"{program.name} is running, but did not answer on port {port} within {START_S:.0f} s.",
                            f"python3 {program} {port}   and in another terminal: curl http://127.0.0.1:{port}/cpu")
        time.sleep(POLL_S)


def _answers(port: int) -> bool:
    """Whether a request gets an answer: a port may be open long before the server works."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=START_S)) as connection, suppress(OSError, HTTPException):
        connection.request("GET", "/cpu")
        return connection.getresponse().status == 200
    return False


def _last_line(errors) -> str:
    errors.seek(0)
    lines = errors.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it printed no error"


def _end(process: subprocess.Popen, keeper: subprocess.Popen | None, ours: socket.socket) -> None:
    """Kill the server's process group and wait for its end: `ours` reads the end of file when the last one is gone."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    ours.settimeout(END_S)
    with suppress(TimeoutError):
        ours.recv(1)
    if keeper:
        keeper.stdin.close()
        keeper.wait()
