"""Which cores a server and its load get on this computer, and how busy other programs keep them."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploylab.core import units
from deploylab.core.errors import HostError
from deploylab.results.record import LoadResult

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
BUSY = slice(0, 3), slice(5, 7)  # user, nice, system; irq, softirq. Left out: idle, and waiting for a disk


@dataclass(frozen=True, kw_only=True)
class Cores:
    """The cores of one run, by their numbers."""

    server: tuple[int, ...]
    load: tuple[int, ...]

    @property
    def all(self) -> tuple[int, ...]:
        return tuple(sorted({*self.server, *self.load}))

    @property
    def shared(self) -> bool:
        """Whether the load and the server have a core in common."""
        return bool(set(self.server) & set(self.load))

    def share_of_load(self, result: LoadResult) -> float:
        """The share of all these cores that the load used, 0 to 1."""
        return result.client_cpu_s / result.duration_s / len(self.all)

    def __str__(self) -> str:
        """In words: 'server on 2 cores, load on another'."""
        server = f"server on {units.count(len(self.server), 'core')}"
        return f"{server}, load on the same" if self.shared else f"{server}, load on another"


def divide(available: Sequence[int], *, parallel: bool) -> Cores:
    """Divide the cores between the server and the load.

    With three or more cores the server gets two and the load a third. With two, a server that waits gets one and the
    load the other. A server that computes needs both to show what processes can do and threads cannot, so the load,
    which then has little to do, runs on the same two.

    Args:
        available: the cores that this process may use.
        parallel: whether the work could run on two cores at once.

    Raises:
        HostError: fewer than two.

    Example:
        >>> print(divide([0, 1], parallel=True)); print(divide([0, 1, 2], parallel=True))
        server on 2 cores, load on the same
        server on 2 cores, load on another
    """
    if len(available) < 2:
        raise HostError("Only one core of this computer can be used. A server and its load would share it, and two "
                        "processes could do no more than two threads, so there would be no difference to see.",
                        "look at the recorded figure instead")
    first, second, *rest = available
    if rest:
        return Cores(server=(first, second), load=(rest[0],))
    return Cores(server=(first, second), load=(first, second)) if parallel else Cores(server=(first,), load=(second,))


def available() -> list[int]:
    """The cores that this process may use.

    Raises:
        HostError: this system has no such list, or cannot bind a process to a core.
    """
    if not hasattr(os, "sched_getaffinity") or not Path("/proc/stat").exists():
        raise HostError("Only on Linux can a process be bound to a core and its CPU time be read.",
                        "look at the recorded figure instead")
    return sorted(os.sched_getaffinity(0))


def busy_s(cores: Sequence[int]) -> float:
    """Seconds that these cores have been busy since the computer started, with any program."""
    ticks = 0
    for line in Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name in {f"cpu{core}" for core in cores}:
            ticks += sum(int(field) for part in BUSY for field in fields[part])
    return ticks / TICKS_PER_S
