"""The open loop: requests are due at a rate, whether or not the server keeps up.

Latency counts from when a request was due, so a frozen server cannot hide: all requests that should
have been sent meanwhile have waited.
"""

import random
from array import array

from deploylab.core.units import NS_PER_S
from deploylab.load.connection import IDLE
from deploylab.load.connections import ConnectionLike, Wire


def arrivals(rate_per_s: float, *, seed: int, even: bool = False, duration_s: float | None = None,
             n_requests: int | None = None) -> array:
    """When each request is due, in nanoseconds from the beginning.

    Args:
        rate_per_s: requests per second, on average.
        seed: the same seed gives the same times.
        even: one request every 1/rate seconds, instead of Poisson arrivals.
        duration_s, n_requests: the schedule ends at whichever comes first.

    Example:
        >>> list(arrivals(1000, seed=1, even=True, n_requests=3))
        [0, 1000000, 2000000]

    Source: the gaps of a Poisson process are exponential with mean 1/rate.
    """
    gap = random.Random(seed).expovariate  # noqa: S311 (arrivals, with a seed)
    end_s = float("inf") if duration_s is None else duration_s
    limit = float("inf") if n_requests is None else n_requests
    due, at_s = array("q"), 0.0 if even else gap(rate_per_s)
    while at_s < end_s and len(due) < limit:
        due.append(int(at_s * NS_PER_S))
        at_s = len(due) / rate_per_s if even else at_s + gap(rate_per_s)
    return due


class OpenLoop:
    """Sends each request when it is due, on a free connection, or on a new one up to a limit.

    Args:
        wire: what the connections share.
        max_connections: if all of them are busy, requests wait, and their latency grows.
        due: the schedule, in nanoseconds from the beginning.
    """

    def __init__(self, wire: Wire, max_connections: int, due: array):
        self.wire = wire
        self.max_connections = max_connections
        self.due = due
        self.n_taken = 0           # requests of the schedule that have been sent
        self.n_busy = 0
        self.until_ns = 0          # no request begins from here on; 0: no limit
        self.woken_ns = 0          # when the wait for sockets last ended
        self._zero_ns = 0
        self._idle = []
        self._free_ns = 0          # when a connection last became free after all had been busy
        self._stopped = False

    def begin(self, now: int, until_ns: int = 0) -> None:
        """Start the schedule now."""
        self._zero_ns, self.until_ns = now, until_ns

    def done(self, connection: ConnectionLike, now: int, outcome: int) -> None:
        """An attempt ended: its connection is free for the next one."""
        if self.n_busy == self.max_connections:
            self._free_ns = self.woken_ns
        self.n_busy -= 1
        if connection.state == IDLE:
            self._idle.append(connection)

    def turn(self, now: int) -> int | None:
        """Send what is due now; return when to call this again."""
        over = self.until_ns and now >= self.until_ns
        while not self._stopped and self.n_taken < len(self.due) and not self.wire.void:
            due_ns = self._zero_ns + self.due[self.n_taken]
            if due_ns > now:
                return due_ns
            if self.n_busy >= self.max_connections:
                break  # a response will come, or a time-out
            self.n_taken += 1
            self.n_busy += 1
            # Waiting for a connection is due to the server; only what comes on top is our lag.
            self._connection().request(due_ns, max(due_ns, self._free_ns))
        if over:  # everything that could be sent has been sent, even if we woke up late; the rest is unsent
            self._stopped = True
        return self.until_ns if self.until_ns > now else None

    def stop(self) -> None:
        """Begin no more attempts."""
        self._stopped = True

    @property
    def finished(self) -> bool:
        return self.n_busy == 0 and (self._stopped or self.n_taken == len(self.due))

    def _connection(self) -> ConnectionLike:
        """The kept connection that was used last, or a new one."""
        while self._idle:
            connection = self._idle.pop()
            if connection.sock is not None:  # else the server closed it while it was idle
                return connection
        return self.wire.connect(self.wire)
