"""What the generator itself cost in the window: its processor time, its waits for a processor, its stalls."""

import time

from deploylab.core.units import NS_PER_MS, NS_PER_S
from deploylab.load import host

STALL_NS = 10 * NS_PER_MS  # a step of the event loop that takes longer than this counts as a stall


class OwnTime:
    """Marks when the window opens and closes, and what this process has used until then."""

    def __init__(self):
        self._marks = {}  # (processor time, time waited for a processor) at "opened" and "closed"
        self._stalls: list[tuple[int, int]] = []  # (end, length)

    def stalled(self, now: int, length_ns: int) -> None:
        """A step of the event loop took longer than STALL_NS, although it never waits for so long."""
        self._stalls.append((now, length_ns))

    def mark(self, now: int, opened_ns: int | None, closed_ns: int | None, last: bool = False) -> None:
        """Record the times once when the window opens and once when it closes, with the `last` call at the latest."""
        if opened_ns is not None and now >= opened_ns and "opened" not in self._marks:
            self._marks["opened"] = _used()
        closed = closed_ns is not None and now >= closed_ns or last and "opened" in self._marks
        if closed and "closed" not in self._marks:
            self._marks["closed"] = _used()

    def processor_s(self) -> tuple[float, float | None]:
        """Processor time in the window, and the time that we waited for a processor, in seconds."""
        if len(self._marks) < 2:
            return 0.0, None
        (cpu, wait), (cpu_later, wait_later) = (self._marks[mark] for mark in ("opened", "closed"))
        return (cpu_later - cpu) / NS_PER_S, None if wait is None else (wait_later - wait) / NS_PER_S

    def stalled_s(self, opened_ns: int, closed_ns: int) -> float:
        """How long this process stood still in the window, in seconds."""
        stalled_ns = (min(end, closed_ns) - max(end - length, opened_ns) for end, length in self._stalls)
        return sum(ns for ns in stalled_ns if ns > 0) / NS_PER_S


def _used() -> tuple[int, int | None]:
    return time.process_time_ns(), host.waited_ns()
