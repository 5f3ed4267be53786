"""Ctrl-C for work that runs in a thread.

In a terminal, Ctrl-C ends the commands that the work is waiting for, and raises KeyboardInterrupt in the work itself.
A thread of a notebook gets neither. There, a `Stop` does it: it ends what the thread is waiting for, and the thread
gets its KeyboardInterrupt at the next `check`. So code that cleans up after Ctrl-C also cleans up after a Stop button.
In any other thread, the functions here do nothing special.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_here = threading.local()


class Stop:
    """A request to end the work of one thread. As with Ctrl-C, asking once interrupts once.

    Example:
        >>> stop = Stop()
        >>> stop.ask()
        >>> with stop.listening(), suppress(KeyboardInterrupt):
        ...     check()
        ...     print("never reached")
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._asked = threading.Event()
        self._ends: list[Callable[[], object]] = []

    def ask(self) -> None:
        """End what the thread is waiting for, and interrupt the thread. Call it from another thread."""
        with self._lock:
            self._asked.set()
            ends = list(self._ends)
        for end in ends:
            with suppress(OSError, ValueError):  # it has already ended
                end()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Inside the block, this thread can be stopped."""
        _here.stop = self
        try:
            yield
        finally:
            _here.stop = None

    def interrupt(self) -> None:
        """Raise KeyboardInterrupt if a stop was asked for since the last call."""
        if self._asked.is_set():
            self._asked.clear()
            raise KeyboardInterrupt

    def sleep(self, seconds: float) -> None:
        """Return after that many seconds; raise KeyboardInterrupt if a stop is asked for."""
        self._asked.wait(seconds)
        self.interrupt()

    @contextmanager
    def ending(self, how: Callable[[], object]) -> Iterator[None]:
        """See `ended_by`."""
        with self._lock:
            self._ends.append(how)
        try:
            self.interrupt()
            yield
        except Exception:  # the stop cut it off: report the stop instead
            self.interrupt()
            raise
        finally:
            with self._lock:
                self._ends.remove(how)
        self.interrupt()


def check() -> None:
    """Do nothing, unless this thread was asked to stop.

    Raises:
        KeyboardInterrupt: it was.
    """
    if stop := _mine():
        stop.interrupt()


def sleep(seconds: float) -> None:
    """Like `time.sleep`; raises KeyboardInterrupt if this thread is asked to stop."""
    stop = _mine()
    stop.sleep(seconds) if stop else time.sleep(seconds)


@contextmanager
def ended_by(how: Callable[[], object]) -> Iterator[None]:
    """Let a stop end what the block waits for: it calls `how`, then raises KeyboardInterrupt in the block.

    Args:
        how: makes the block return or fail quickly. Called from another thread, perhaps after the block has ended.

    Example:
        with ended_by(process.terminate): process.wait()
    """
    stop = _mine()
    if stop is None:
        yield
        return
    with stop.ending(how):
        yield


def _mine() -> Stop | None:
    return getattr(_here, "stop", None)
