"""Visits: a page and all its files, requested as a browser does it.

The page comes first; when it is complete, its files follow, in the order of the page, over at most six connections, or
with HTTP/2 all at once over one.
Every visit begins without a connection. A first visitor has nothing; a returning visitor has the copies of a visit one
day ago: files that may be kept longer are not requested, the others are requested with their ETag or date. The page
itself is always requested. A visit fails if one of its requests fails.
"""

import socket
import struct
from collections import deque

from deploylab.load import page_links
from deploylab.load.attempts import NONE, Attempts
from deploylab.load.closed_loop import ClosedLoop
from deploylab.load.connection import CODE, GOOD, IDLE, Connection, clock
from deploylab.load.connections import ConnectionLike, Wire
from deploylab.load.http2 import Http2
from deploylab.load.http2_connection import AT_ONCE, Http2Connection, Stream
from deploylab.load.http_cache import CachedCopy, Recorder, Resource, copy_of, read
from deploylab.load.http_head import NO_CACHE
from deploylab.load.request import request_bytes
from deploylab.load.spec import LoadSpec
from deploylab.load.tls_connection import TlsConnection

CONNECTIONS = 6  # that browsers open to one server over HTTP/1.1
COUNTS = ("requests", "not_modified", "from_cache")
TLS_COUNTS = ("handshakes", "resumed")
BROWSER = {"User-Agent": "deploylab", "Accept": "*/*"}  # as in `request_bytes`
NO_FAREWELL = struct.pack("ii", 1, 0)


class VisitLoop(ClosedLoop):
    """c visitors. Each visitor makes one visit after the other.

    Args:
        wire: what the connections share.
        spec: one with a visitor.
        visits: each visit is added to them.
        concurrency: how many visitors.
        copies: the cache of a returning visitor, by path; {} for a first visitor.
        fill: put the responses into `copies`.
    """

    def __init__(self, wire: Wire, spec: LoadSpec, visits: Attempts, concurrency: int, copies: dict[str, CachedCopy], *,
                 fill: bool = False):
        super().__init__(wire, concurrency)
        self.spec, self.visits, self.copies, self.fill = spec, visits, copies, fill
        names = COUNTS + (TLS_COUNTS if wire.tls else ())
        self.counts: dict[str, list[int]] = {name: [] for name in names}  # of each visit, in addition to its row
        self.on_their_way: set[Visit] = set()
        self.blocks: dict[str, bytes] = {}  # of HTTP/2: a visitor's request for a path is always the same
        self.outgoing: deque[bytes] = deque()
        wire.next_request = self.outgoing.popleft

    def done(self, connection: "Fetch | Stream", now: int, outcome: int) -> None:
        """A request ended; with the last request, its visit ends."""
        visit = connection.visit
        visit.answered(connection, outcome)
        if visit.over and visit in self.on_their_way:  # not handled yet, by a request that failed at once
            self.on_their_way.discard(visit)
            visit.leave()
            if visit.outcome == GOOD and now - visit.start_ns >= self.wire.timeout_ns:
                visit.outcome = CODE["timeout"]
            self._write_down(visit, now)
            self._free(None, now, visit.outcome)

    def _ask(self, connection: ConnectionLike | None, due_ns: int, ready_ns: int) -> None:
        visit = Visit(self, due_ns, ready_ns)
        self.on_their_way.add(visit)
        visit.begin()

    def _write_down(self, visit: "Visit", now: int) -> None:
        self.visits.add((visit.due_ns, visit.ready_ns, visit.start_ns, NONE, NONE, visit.first_byte_ns, now,
                         visit.outcome, visit.n_bytes, visit.cache, NONE, NONE))
        for name, values in self.counts.items():
            values.append(visit.counts[name])


class Visit:
    """One visit. `begin` starts it; it is `over` when nothing is left to request."""

    def __init__(self, loop: VisitLoop, due_ns: int, ready_ns: int):
        self.loop, self.wire = loop, loop.wire
        self.due_ns, self.ready_ns = due_ns, ready_ns
        self.start_ns = self.first_byte_ns = NONE
        self.outcome = GOOD
        self.n_bytes, self.cache = 0, NO_CACHE
        self.counts = dict.fromkeys(loop.counts, 0)
        self._page = self.wire.endpoint.path
        self._known: set[str] = set()
        self._waiting: deque[str] = deque()
        self._idle: list[Fetch] = []
        self._n_open = 0
        self._most_at_once = AT_ONCE if loop.spec.http2 else CONNECTIONS
        self._shared: Http2Connection | None = None  # with HTTP/2, the one connection

    @property
    def over(self) -> bool:
        return not self._n_open and not self._waiting

    def begin(self) -> None:
        self.start_ns = clock()
        self._want((self._page,))
        self._go_on()

    def answered(self, fetch: "Fetch | Stream", outcome: int) -> None:
        """A request has ended."""
        self._n_open -= 1
        self.n_bytes += fetch.parser.n_bytes
        if fetch.secured_ns != NONE:
            self.counts["handshakes"] += 1
            self.counts["resumed"] += fetch.resumed
        if fetch.path == self._page:
            self.first_byte_ns, self.cache = fetch.first_byte_ns, fetch.parser.cache
        outcome, references = self._judge(fetch, outcome)
        if self.outcome == GOOD:
            self.outcome = outcome
        if fetch.state == IDLE:
            self._idle.append(fetch)
        self._want(references)
        self._go_on()

    def expire(self, now: int) -> None:
        """The visit has timed out: give up its requests."""
        self._waiting.clear()
        if self.outcome == GOOD:
            self.outcome = CODE["timeout"]
        for fetch in [fetch for fetch in self.wire.connections if fetch.visit is self and fetch.busy]:
            fetch.expire(now)

    def leave(self) -> None:
        """Close the connections that are still open."""
        for fetch in self._idle:
            fetch.leave()
        if self._shared:
            self._shared.leave()

    def _judge(self, fetch: "Fetch | Stream", outcome: int) -> tuple[int, tuple[str, ...]]:
        """The outcome of a request for a browser, and the paths that its response refers to."""
        copy = self.loop.copies.get(fetch.path)
        if fetch.parser.status == 304 and copy and copy.conditions:
            self.counts["not_modified"] += 1
            return GOOD, copy.references
        if outcome != GOOD:
            return outcome, ()
        try:
            return GOOD, self._read(fetch)
        except ValueError:
            return CODE["bad_body"], ()

    def _read(self, fetch: "Fetch | Stream") -> tuple[str, ...]:
        """The paths that a response refers to. Raises ValueError if the response is wrong."""
        raw, is_page = bytes(fetch.parser.raw), fetch.path == self._page
        if not (is_page or self.loop.fill or b"text/css" in raw[:2048].lower()):
            return ()  # a picture or a script; there is no need to decompress it
        resource, endpoint = read(raw), self.wire.endpoint
        references = self._references(resource, f"{endpoint.scheme}://{endpoint.host}{fetch.path}", is_page)
        if self.loop.fill and (copy := copy_of(resource, references)):
            self.loop.copies[fetch.path] = copy
        return references

    def _references(self, resource: Resource, url: str, is_page: bool) -> tuple[str, ...]:
        if is_page:
            if self.loop.spec.marker and not resource.text.rstrip().endswith(self.loop.spec.marker):
                raise ValueError("the page lacks its end")
            return page_links.of_page(resource.text, url)
        return page_links.of_style_sheet(resource.text, url) if resource.is_style_sheet else ()

    def _want(self, paths: tuple[str, ...]) -> None:
        """Put paths that are new on the list."""
        for path in paths:
            if path in self._known:
                continue
            self._known.add(path)
            copy = self.loop.copies.get(path)
            if copy and copy.fresh and path != self._page and not self.loop.fill:
                self.counts["from_cache"] += 1
                self._want(copy.references)
            else:
                self._waiting.append(path)

    def _go_on(self) -> None:
        """Request what is on the list, as far as there are connections."""
        while self._waiting and self._n_open < self._most_at_once and not self.wire.void:
            self._n_open += 1
            self.counts["requests"] += 1
            self._ask(self._waiting.popleft())
        if self._shared:
            self._shared.flush()

    def _ask(self, path: str) -> None:
        copy = self.loop.copies.get(path)
        more = {"Accept-Encoding": "gzip", **(copy.conditions if copy else {})}
        if self.loop.spec.http2:
            if self._shared is None or self._shared.over:
                self._shared = VisitHttp2(self.wire, self)
            if path not in self.loop.blocks:
                headers = {**BROWSER, **self.loop.spec.headers, **more}
                self.loop.blocks[path] = Http2.block(self.wire.endpoint.host, path, headers)
            self._shared.ask(path, self.loop.blocks[path])
            return
        self.loop.outgoing.append(request_bytes(self.loop.spec, self.wire.endpoint, path, more))
        now = clock()
        self._connection(path).request(now, now)

    def _connection(self, path: str) -> "Fetch":
        """A kept connection that the server has not closed, or a new one."""
        while self._idle:
            fetch = self._idle.pop()
            if fetch.sock is not None:
                fetch.path = path
                return fetch
        return (TlsFetch if self.wire.tls else Fetch)(self.wire, self, path)


class _Leaves:
    """A connection that is closed by its visit."""

    __slots__ = ()

    def leave(self) -> None:
        """Close at once, by a reset.

        A browser would keep the connection until the server's time-out. The side that closes first keeps the port
        for a minute, and hundreds of visits per second would use up all ports.
        """
        if self.sock is not None:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_FAREWELL)
        self.close()


class _Fetch(_Leaves):
    """A connection with one request at a time; it keeps what it receives."""

    __slots__ = ()

    def __init__(self, wire: Wire, visit: Visit, path: str):
        super().__init__(wire)
        self.parser = Recorder(heads=wire.heads)
        self.visit, self.path = visit, path


class Fetch(_Fetch, Connection):
    """A connection of one visit."""

    __slots__ = ("visit", "path")


class TlsFetch(_Fetch, TlsConnection):
    """A connection of one visit over TLS."""

    __slots__ = ("visit", "path")


class VisitHttp2(_Leaves, Http2Connection):
    """The connection of one visit over HTTP/2."""

    __slots__ = ()
