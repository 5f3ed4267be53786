"""The closed loop: c clients, each sends its next request as soon as it has its response."""

from deploylab.core.units import NS_PER_MS
from deploylab.load.connection import CODE, IDLE, OVER
from deploylab.load.connections import ConnectionLike, Wire

# A client that is refused pauses, otherwise a stopped server would get 30,000 requests per second.
PAUSE_NS = 10 * NS_PER_MS
CONNECT = CODE["connect"]


class ClosedLoop:
    """c clients. Each client makes one attempt after the other.

    Args:
        wire: what the connections share.
        concurrency: how many clients.
    """

    def __init__(self, wire: Wire, concurrency: int):
        self.wire = wire
        self.concurrency = concurrency
        self.n_active = 0          # clients that have not stopped
        self.n_left = None         # requests that may still begin; None: no limit
        self.until_ns = 0          # no request begins from here on; 0: no limit
        self.woken_ns = 0          # when the wait for sockets last ended
        self._pausing = []         # (when to continue, the end of the failed attempt), in order

    def begin(self, now: int, until_ns: int = 0, n_requests: int | None = None) -> None:
        """Start all clients at once; they stop at a time or after a number of requests."""
        self.until_ns, self.n_left, self.woken_ns = until_ns, n_requests, now
        kept = [c for c in self.wire.connections if not c.busy]
        self.n_active = self.concurrency
        for _ in range(self.concurrency):
            self._next(kept.pop() if kept else None, now, now)

    def done(self, connection: ConnectionLike, now: int, outcome: int) -> None:
        """An attempt ended: its client begins the next."""
        if connection.state == IDLE and self.n_left is None and now < self.until_ns and not self.wire.void:
            connection.request(now, self.woken_ns)  # the usual case; `_free` and `_next` do the same in three calls
            return
        self._free(connection if connection.state in (IDLE, OVER) else None, now, outcome)

    def _free(self, connection: ConnectionLike | None, now: int, outcome: int) -> None:
        """A client can begin its next attempt."""
        if outcome == CONNECT:
            self._pausing.append((now + PAUSE_NS, now))
        else:
            # The client has been free since the poller reported it; what it waited after that is our lag.
            self._next(connection, now, self.woken_ns)

    def turn(self, now: int) -> int | None:
        """Do what is due now; return when to call this again."""
        while self._pausing and self._pausing[0][0] <= now:
            resume_ns, _ = self._pausing.pop(0)
            self._next(None, resume_ns, resume_ns)
        return self._pausing[0][0] if self._pausing else None

    def stop(self) -> None:
        """Begin no more attempts."""
        self.n_left = 0
        self.n_active -= len(self._pausing)
        self._pausing.clear()

    @property
    def finished(self) -> bool:
        return self.n_active == 0

    def _next(self, connection: ConnectionLike | None, due_ns: int, ready_ns: int) -> None:
        if self.n_left == 0 or self.until_ns and due_ns >= self.until_ns or self.wire.void:
            self.n_active -= 1
            return
        if self.n_left is not None:
            self.n_left -= 1
        self._ask(connection, due_ns, ready_ns)

    def _ask(self, connection: ConnectionLike | None, due_ns: int, ready_ns: int) -> None:
        (connection or self.wire.connect(self.wire)).request(due_ns, ready_ns)
