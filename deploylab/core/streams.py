"""Standard input, output and error: any of them may be closed, and the disk below them full."""

import os
import sys


def ensure() -> None:
    """Put /dev/null in place of every stream that is closed (`./lab … >&-`).

    Python has None there, which cannot print. And the next file that is opened would get the stream's number, so that
    a program we start would print into it.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


def flushed(status: int, again: str) -> int:
    """The exit status of a command that has ended: 1 where what it printed could not be written.

    Python would try once more at its very end, and show a traceback.

    Args:
        status: as it is if everything was written.
        again: the command to type, for the message.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        return max(status, unwritten(error, again))
    return status


def unwritten(error: OSError, again: str) -> int:
    """The exit status where what is printed cannot be written. It says so, except to a reader that has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is left to write goes there
    if not isinstance(error, BrokenPipeError):
        print(f"\nlab: What was printed could not be written: {error.strerror}.\nNext: {again}", file=sys.stderr)
    return 1
