"""Ctrl-C for work that runs in a thread.

In a terminal, Ctrl-C ends the commands that the work waits for, and raises KeyboardInterrupt where it waits. A
thread of a notebook gets neither. There somebody asks a `Stop`: it ends what the thread waits for, and the thread
gets its KeyboardInterrupt at the next `check`. So what cleans up after Ctrl-C cleans up after a Stop button too.
In any other thread, nothing here has an effect.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_here = threading.local()


class Stop:
    """Asks the work of one thread to end. As with Ctrl-C, asking once interrupts once.

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
        """End what the thread waits for, and have it interrupted. Called from another thread."""
        with self._lock:
            self._asked.set()
            ends = list(self._ends)
        for end in ends:
            with suppress(OSError, ValueError):  # it has ended meanwhile
                end()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Inside the block, this thread hears the asking."""
        _here.stop = self
        try:
            yield
        finally:
            _here.stop = None

    def interrupt(self) -> None:
        """Raise KeyboardInterrupt if it was asked for since the last time."""
        if self._asked.is_set():
            self._asked.clear()
            raise KeyboardInterrupt

    def sleep(self, seconds: float) -> None:
        """Return after so many seconds; raise KeyboardInterrupt when it is asked for."""
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
        except Exception:  # of what was ended in the middle: the stop is the reason
            self.interrupt()
            raise
        finally:
            with self._lock:
                self._ends.remove(how)
        self.interrupt()


def check() -> None:
    """Nothing, unless the work of this thread was asked to stop.

    Raises:
        KeyboardInterrupt: it was.
    """
    if stop := _mine():
        stop.interrupt()


def sleep(seconds: float) -> None:
    """As `time.sleep`; raises KeyboardInterrupt when this thread is asked to stop."""
    stop = _mine()
    stop.sleep(seconds) if stop else time.sleep(seconds)


@contextmanager
def ended_by(how: Callable[[], object]) -> Iterator[None]:
    """Inside the block the thread may wait: a stop ends that by calling `how`, and KeyboardInterrupt is raised.

    Args:
        how: makes the block return, or fail, soon. Called from another thread, perhaps when the block has ended.

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
