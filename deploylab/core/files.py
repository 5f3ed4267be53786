"""Writing that survives a crash: complete lines, complete files, and errors that a person can act on."""

import errno
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploylab.core.errors import ResultsError


def whole_json(line: bytes) -> str | None:
    """The line as text if it is complete JSON, else None."""
    try:
        text = line.decode()
        json.loads(text)
    except ValueError:
        return None
    return text


def replace(file: Path, data: bytes) -> None:
    """Replace the file's content: write a temporary file, sync it, rename it."""
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with aside.open("wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        os.replace(aside, file)
    finally:
        aside.unlink(missing_ok=True)


def add_line(file: Path, line: bytes) -> None:
    """Append the line, after repairing what a crash may have left at the end; one process at a time.

    Without the lock, a line that another process is writing would look like one that was cut off.
    """
    with file.open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # the kernel waits; filelock would poll
        mend_tail(file)
        append_line(file, line)


def append_line(file: Path, line: bytes) -> None:
    """Append the line in one write and sync it; a line that was only partly written is removed again."""
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        end = os.fstat(descriptor).st_size
        if os.write(descriptor, line) < len(line):
            os.ftruncate(descriptor, end)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def mend_tail(file: Path) -> None:
    """Move an incomplete last line to another file, so that the next run starts on a new line."""
    data = file.read_bytes() if file.exists() else b""
    if not data or data.endswith(b"\n"):
        return
    start = data.rfind(b"\n") + 1
    if whole_json(data[start:]) is not None:
        append_line(file, b"\n")  # complete, only the newline is missing
        return
    append_line(file.with_name(f"{file.name}.damaged"), data[start:] + b"\n")
    os.truncate(file, start)


@contextmanager
def explained(where: Path) -> Iterator[None]:
    """Turn an error of the operating system into one that a person can act on."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ResultsError(f"The disk is full: nothing more could be written to {where}. Earlier runs are safe.",
                               f"df -h {where}   free some space, then the same command; ./lab run continues where "
                               "it stopped") from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise ResultsError(f"{where} cannot be read or written: {error.strerror}.",
                               f"ls -ld {where}   or take another folder: DEPLOYLAB_RESULTS=~/results"
                               ) from error
        raise ResultsError(f"{where}: {error.strerror}.", f"ls -ld {where}") from error
