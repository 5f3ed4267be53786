"""Runs a command through a shell, here or over ssh: streamed line by line, and cancellable.

All machines share this code; only the argument list that starts a shell differs (`ssh …` or `sh`).
"""

import contextlib
import os
import selectors
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Sequence

from deploylab.core import cancel, surroundings
from deploylab.core.errors import MachineError
from deploylab.machine.base import Completed

# Runs "$1" in a process group of its own, and kills the whole group when this script's standard
# input ends: so a cancelled, killed or disconnected caller leaves nothing behind. Standard input
# is used only for this, so a command that needs input is run in the other way.
WATCHED = """
exec 3<&0
setsid sh -c "$1" </dev/null & child=$!
( cat <&3 >/dev/null; kill -s TERM -- -$child; sleep 2; kill -s KILL -- -$child ) >/dev/null 2>&1 & watch=$!
wait $child; status=$?
kill $watch 2>/dev/null
exit $status
"""


def run(start: Sequence[str], command: str, *, sudo: bool = False, stdin: bytes | None = None,
        on_line: Callable[[str], None] | None = None, timeout_s: float | None = None) -> Completed:
    """How a command ended, and what it printed (standard output and error together).

    Args:
        start: the argument list that runs a command line on the machine: `["ssh", …, "web"]`, or `["sh", "-c"]`.
        command: for `/bin/sh` there.
        sudo: as root; the machine's user needs no password.
        stdin: what the command reads. Without it the command is watched: it ends when we end.
        on_line: called with each line as it arrives, without its newline. With `stdin` too, standard input stays open
            after that, and its end tells the command that we have ended.
        timeout_s: seconds after which the command is killed.

    Raises:
        MachineError: the command took longer than timeout_s.

    Example:
        >>> run(["sh", "-c"], "echo one; exit 3").status
        3
    """
    cancel.check()
    remote = command_line(command, sudo=sudo, watched=stdin is None)
    process = subprocess.Popen([*start, remote], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, start_new_session=True)
    try:
        if stdin is not None and on_line is None:
            with cancel.ended_by(lambda: _kill(process)):
                return _with_input(process, command, stdin, timeout_s)
        with cancel.ended_by(process.stdin.close):  # which also ends the command
            if stdin is not None:
                _give(process, stdin)
            out = _stream(process, on_line, timeout_s, command)
            return Completed(command, process.wait(), out)
    finally:
        _end(process, 0 if stdin and on_line is None else 3)


def command_line(command: str, *, sudo: bool = False, watched: bool = True) -> str:
    """The command line with which a shell on the machine runs `command`.

    It finds what `core.surroundings` says: sudo would drop it, so the shell itself sets it.

    >>> command_line("id", watched=False).endswith(" id'")
    True
    """
    found = surroundings.ENGLISH | surroundings.direct()
    command = f"export {' '.join(f'{name}={shlex.quote(text)}' for name, text in found.items())}; {command}"
    words = ["sh", "-c", WATCHED, "deploylab", command] if watched else ["sh", "-c", command]
    return shlex.join(["sudo", "-n", *words] if sudo else words)


def _with_input(process: subprocess.Popen, command: str, stdin: bytes, timeout_s: float | None) -> Completed:
    try:
        out, _ = process.communicate(stdin, timeout=timeout_s)
    except subprocess.TimeoutExpired as error:
        raise MachineError(f"No answer in {timeout_s:g} s from: {command}") from error
    return Completed(command, process.returncode, out.decode(errors="replace"))


def _give(process: subprocess.Popen, stdin: bytes) -> None:
    """Write what the command reads, and leave its standard input open."""
    with contextlib.suppress(BrokenPipeError):  # it ended at once; its output says why
        process.stdin.write(stdin)
        process.stdin.flush()


def _stream(process: subprocess.Popen, on_line, timeout_s: float | None, command: str) -> str:
    """All output of the process; each line is also passed to `on_line`."""
    assert process.stdout is not None
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    chunks: list[bytes] = []
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            left_s = None if deadline is None else deadline - time.monotonic()
            if left_s is not None and left_s <= 0 or not selector.select(left_s):
                raise MachineError(f"Still running after {timeout_s:g} s: {command}")
            chunk = os.read(process.stdout.fileno(), 65536)
            if not chunk:
                break
            chunks.append(chunk)
            if on_line:
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    on_line(line.decode(errors="replace").rstrip("\r"))
    if on_line and rest:
        on_line(rest.decode(errors="replace"))
    return b"".join(chunks).decode(errors="replace")


def _end(process: subprocess.Popen, grace_s: float) -> None:
    """Close standard input, which ends a watched group; then make sure that the local process has ended."""
    for stream in (process.stdin, process.stdout):
        if stream:
            with contextlib.suppress(OSError):
                stream.close()
    try:
        process.wait(grace_s)
    except subprocess.TimeoutExpired:
        _kill(process)
        process.wait()


def _kill(process: subprocess.Popen) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
