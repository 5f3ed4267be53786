"""The event loop: it waits for sockets and for the clock."""

import gc
import os
import random
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime

from deploylab.core.errors import LoadError
from deploylab.core.units import NS_PER_MS, NS_PER_S
from deploylab.load import host
from deploylab.load.allowed import Endpoint
from deploylab.load.attempts import Attempts
from deploylab.load.closed_loop import ClosedLoop
from deploylab.load.connection import Connection, clock
from deploylab.load.connections import Wire
from deploylab.load.http_cache import CachedCopy
from deploylab.load.open_loop import OpenLoop, arrivals
from deploylab.load.own_time import STALL_NS, OwnTime
from deploylab.load.poller import READ, Poller
from deploylab.load.request import requests
from deploylab.load.slow_clients import SlowClients
from deploylab.load.spec import CLOSED, OPEN, RETURNING, LoadSpec
from deploylab.load.summary import RawResult
from deploylab.load.tls import Tls
from deploylab.load.tls_connection import TlsConnection
from deploylab.load.visit import Visit, VisitLoop

TICK_NS = 50 * NS_PER_MS          # how often time-outs are checked
STEP_NS = 5 * NS_PER_MS           # longest wait for sockets, so that a pause of this process can be noticed
SURPLUS_NS = 20 * NS_PER_MS       # how long responses that were not requested have time to show up
PROGRESS_NS = 200 * NS_PER_MS
LEAVE_NS = 1 * NS_PER_S           # how long the server has to close a connection that is no longer needed
STOP_NS = NS_PER_S // 2           # how long a stopped load waits for its last responses
SETTLE_NS = 2 * NS_PER_S          # how long slow clients have to connect
SPARE_FILES = 64                  # descriptors for everything except connections


class Engine:
    """One load test.

    Args:
        spec: what to do.
        endpoint: the server, resolved and allowed.
        progress: called about five times per second with (engine, now).
        stop_fd: a file descriptor whose end means stop.
    """

    def __init__(self, spec: LoadSpec, endpoint: Endpoint, progress: Callable | None = None,
                 stop_fd: int | None = None):
        self.spec = spec
        self.endpoint = endpoint
        self.progress = progress
        self.stop_requested = False
        # Random if none was given; it is part of the result, so that the same load can be sent again.
        self.seed = random.SystemRandom().randrange(2**32) if spec.seed is None else spec.seed
        self.attempts = Attempts()
        self.poller = Poller()
        # With a visitor, the attempts are visits; those of single requests are not part of the result.
        self.tls = tls = Tls.of(spec, endpoint)
        self.wire = Wire(endpoint=endpoint, connect=TlsConnection if tls else Connection, tls=tls, poller=self.poller,
                         attempts=Attempts() if spec.visitor else self.attempts,
                         next_request=requests(spec, endpoint, self.seed), keepalive=spec.keepalive,
                         marker=(spec.marker or "").encode(), no_body=spec.method.upper() == "HEAD",
                         expect_status=spec.expect_status, timeout_ns=int(spec.timeout_s * NS_PER_S))
        self.copies: dict[str, CachedCopy] = {}  # the cache of a returning visitor
        self.slow = SlowClients(self.poller, endpoint, spec.slow_clients, self.tls)
        self.opened_ns = self.closed_ns = None
        self.next_progress_ns = 0
        self.hard_stop_ns = None
        self.own_time = OwnTime()
        if stop_fd is not None:
            with suppress(PermissionError):  # standard input is a plain file, which cannot be watched
                self.poller.watch(stop_fd, READ, _End(self, stop_fd))

    def run(self) -> RawResult:
        """Do the load test.

        Raises:
            LoadError: the run is worthless, because this computer ran out of ports or descriptors.
        """
        limit = host.raise_file_limit() - SPARE_FILES - self.spec.slow_clients
        concurrency = self._concurrency(limit)
        self.wire.max_leaving = max(1, min(self.wire.max_leaving, limit - concurrency))
        self.shared_core = self.endpoint.is_local and host.n_cores() == 1
        pinned = host.pin(self.spec.cpus)
        host.sharpen_timers()
        self._hold_slow_clients()
        gc.disable()  # there are no reference cycles here, and a collection would pause the load
        try:
            if self.spec.visitor == RETURNING:
                self._visit_once()
            return self._measure(concurrency, pinned)
        finally:
            gc.enable()
            self._close()

    def stop(self) -> None:
        """End the load: wait half a second for the last responses."""
        self.stop_requested = True

    def _concurrency(self, limit: int) -> int:
        concurrency = self.spec.concurrency
        if concurrency > limit and self.spec.mode == CLOSED:
            raise LoadError(f"{concurrency} clients need more open files than the {limit} that this system allows.",
                            "raise the limit with ulimit -n, or use fewer clients")
        return max(1, min(concurrency, limit))

    def _measure(self, concurrency: int, pinned: bool | None) -> RawResult:
        zero_utc, zero_ns = datetime.now(UTC), clock()
        run = self._closed if self.spec.mode == CLOSED else self._open
        extra = {"zero_ns": zero_ns} | run(concurrency, zero_ns)
        if self.wire.void:
            raise LoadError(
                f"The run is worthless: {self.wire.void}. This computer ran out of ports or open files; the server "
                "is not to blame.", "wait a minute, then use fewer clients or keep-alive (-k)")
        self._await_surplus()
        if self.wire.out_of_step:
            self.attempts.discredit(self.wire.out_of_step)
        cpu_s, wait_s = self.own_time.processor_s()
        return RawResult(attempts=self.attempts, zero_utc=zero_utc, opened_ns=self.opened_ns,
                         closed_ns=self.closed_ns, client_cpu_s=cpu_s, client_wait_s=wait_s,
                         client_stalled_s=self.own_time.stalled_s(self.opened_ns, self.closed_ns or clock()),
                         concurrency=concurrency,
                         seed=self.seed if self.spec.mode == OPEN or self.spec.paths else None,
                         pinned=pinned, shared_core=self.shared_core,
                         stopped=self.hard_stop_ns is not None, n_unfinished=sum(map(self._belongs, self._busy())),
                         n_slow_held=self.slow.fewest, tls=self.tls.agreed if self.tls else None,
                         visits=self.wire.loop.counts if self.spec.visitor else {}, **extra)

    def _closed(self, concurrency: int, zero_ns: int) -> dict:
        spec = self.spec
        loop = self.wire.loop = (VisitLoop(self.wire, spec, self.attempts, concurrency, self.copies) if spec.visitor
                                 else ClosedLoop(self.wire, concurrency))
        warm_ns, long_ns = int(spec.warmup_s * NS_PER_S), int((spec.duration_s or 0) * NS_PER_S)
        if spec.n_requests is None:  # warm-up and window without a break
            self.opened_ns, self.closed_ns = zero_ns + warm_ns, zero_ns + warm_ns + long_ns
            self._mark(zero_ns)
            loop.begin(zero_ns, self.closed_ns)
            self._loop(loop)
            return {}
        if warm_ns:  # the n requests start with an idle server, so the warm-up ends first
            loop.begin(zero_ns, zero_ns + warm_ns)
            self._loop(loop)
        if self.hard_stop_ns is not None:
            return {}
        self.opened_ns = clock()
        until_ns = self.opened_ns + long_ns if long_ns else 0
        self._mark(self.opened_ns)
        loop.begin(self.opened_ns, until_ns, spec.n_requests)
        self._loop(loop)
        # If the time ended it, the window is that time; otherwise it ends with the last response.
        if until_ns and loop.n_left and self.closed_ns is None:
            self.closed_ns = until_ns
        return {}

    def _open(self, concurrency: int, zero_ns: int) -> dict:
        spec = self.spec
        seed = self.seed
        warm_ns = int(spec.warmup_s * NS_PER_S)
        # The window's arrivals depend only on the seed, not on the length of the warm-up.
        due = arrivals(spec.rate_per_s, seed=seed + 1, even=spec.even, duration_s=spec.warmup_s)
        n_warm = len(due)
        due.extend(warm_ns + at for at in arrivals(
            spec.rate_per_s, seed=seed, even=spec.even, duration_s=spec.duration_s, n_requests=spec.n_requests))
        loop = self.wire.loop = OpenLoop(self.wire, concurrency, due)
        zero_ns = clock()  # drawing a long schedule takes time
        self.opened_ns = zero_ns + warm_ns
        until_ns = self.opened_ns + int(spec.duration_s * NS_PER_S) if spec.duration_s else 0
        if spec.n_requests is None:
            self.closed_ns = until_ns
        loop.begin(zero_ns, until_ns)
        self._loop(loop)
        n_due = len(due) - n_warm
        if self.hard_stop_ns is not None:  # what was due after the stop does not count
            n_due = sum(self.opened_ns <= zero_ns + at < self.closed_ns for at in due)
        return {"n_due": n_due, "zero_ns": zero_ns}

    def _loop(self, loop: ClosedLoop | OpenLoop) -> None:
        """Until the load has finished: wait, handle each ready socket, then let the loop act."""
        next_tick_ns, woken_ns = 0, clock()
        precise, dispatch = self.spec.mode != CLOSED, self.poller.dispatch
        while not loop.finished and not self.wire.void:
            wake_ns = woken_ns + STEP_NS
            if next_tick_ns < wake_ns:
                wake_ns = next_tick_ns
            turn_ns = loop.turn(clock())
            if turn_ns is not None and turn_ns < wake_ns:
                wake_ns = turn_ns
            events = self.poller.wait((wake_ns - clock()) / NS_PER_S, precise)
            loop.woken_ns = now = clock()
            if now - woken_ns > STALL_NS:
                self.own_time.stalled(now, now - woken_ns)
            woken_ns = now
            dispatch(events)
            if now >= next_tick_ns:
                next_tick_ns = self._tick(loop, now)
            if self.hard_stop_ns is not None and now >= self.hard_stop_ns:
                break
        self._mark(clock(), last=True)

    def _tick(self, loop: ClosedLoop | OpenLoop, now: int) -> int:
        """Periodic work; returns when to call this again."""
        self._mark(now)
        timeout_ns = self.wire.timeout_ns
        for attempt in [a for a in self._busy() if now - a.start_ns >= timeout_ns]:
            attempt.expire(now)
        self._see_off(now)
        self.slow.tick()
        if self.stop_requested and self.hard_stop_ns is None:
            loop.stop()
            now = clock()  # attempts that have just begun still count
            self.hard_stop_ns = now + STOP_NS
            self.opened_ns = min(self.opened_ns, now) if self.opened_ns else now
            self.closed_ns = now if self.closed_ns is None else min(self.closed_ns, now)
        if self.progress and now >= self.next_progress_ns:
            self.next_progress_ns = now + PROGRESS_NS
            self.progress(self, now)
        marks = [m for m in (self.opened_ns, self.closed_ns) if m is not None and m > now]
        return min([now + min(TICK_NS, timeout_ns // 10), *marks])

    def _busy(self) -> Iterable[Connection | Visit]:
        """The attempts in progress."""
        return self.wire.loop.on_their_way if self.spec.visitor else [c for c in self.wire.connections if c.busy]

    def _see_off(self, now: int) -> None:
        """Close the connections that the server did not close in time."""
        for connection in [c for c, since in self.wire.leaving.items() if now - since > LEAVE_NS]:
            connection.close()

    def _mark(self, now: int, last: bool = False) -> None:
        self.own_time.mark(now, self.opened_ns, self.closed_ns, last)

    def _await_surplus(self) -> None:
        """Notice responses that nobody requested on connections that were kept."""
        until_ns = clock() + SURPLUS_NS
        while (left_ns := until_ns - clock()) > 0 and any(not c.busy for c in self.wire.connections):
            for fd, mask in self.poller.wait(left_ns / NS_PER_S):
                handler = self.poller.handlers[fd]
                if not (isinstance(handler, Connection) and handler.busy):
                    handler.ready(mask)

    def _belongs(self, attempt: Connection | Visit) -> bool:
        return self.opened_ns <= attempt.due_ns < (self.closed_ns or attempt.due_ns + 1)

    def _visit_once(self) -> None:
        """Make the visit that fills a returning visitor's cache; it is not counted."""
        loop = self.wire.loop = VisitLoop(self.wire, self.spec, Attempts(), 1, self.copies, fill=True)
        loop.begin(clock(), n_requests=1)
        self._loop(loop)
        self.hard_stop_ns = self.opened_ns = self.closed_ns = None  # if it was stopped, the next loop stops too

    def _hold_slow_clients(self) -> None:
        until_ns = clock() + SETTLE_NS
        self.slow.tick()
        while self.slow.held < self.spec.slow_clients and clock() < until_ns and not self.stop_requested:
            self.poller.dispatch(self.poller.wait(0.02))
            self.slow.tick()
        self.slow.watch()

    def _close(self) -> None:
        """Close everything, after giving the servers a moment to close first."""
        until_ns = clock() + STOP_NS // 5
        while self.wire.leaving and clock() < until_ns:
            for fd, mask in self.poller.wait(0.01):
                if self.poller.handlers[fd] in self.wire.leaving:
                    self.poller.handlers[fd].ready(mask)
        self.slow.close()
        for connection in [*self.wire.connections, *self.wire.leaving]:
            connection.close()
        self.poller.close()


class _End:
    """Watches standard input: the load stops when the other side closes it or ends."""

    def __init__(self, engine: Engine, fd: int):
        self.engine = engine
        self.fd = fd

    def ready(self, events: int) -> None:
        if not os.read(self.fd, 4096):
            self.engine.poller.unwatch(self.fd)
            self.engine.stop()
