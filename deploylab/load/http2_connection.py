"""One HTTP/2 connection of a visit, and the requests that it carries at one time."""

from typing import Any

from deploylab.load.attempts import NONE
from deploylab.load.connection import CODE, clock
from deploylab.load.connections import Wire
from deploylab.load.http2 import Http2, Http2Error, Http2Response
from deploylab.load.tls_connection import TlsConnection

AT_ONCE = 100  # requests on one connection; a server should allow no fewer. Source: RFC 9113, 6.5.2


class Stream(Http2Response):
    """One request. To a visit it looks like a connection that carries nothing else."""

    __slots__ = ("path", "visit", "state", "first_byte_ns", "secured_ns", "resumed")

    def __init__(self, path: str, visit: Any, state: int):
        super().__init__()
        self.path, self.visit, self.state = path, visit, state
        self.first_byte_ns = self.secured_ns = self.resumed = NONE

    @property
    def parser(self) -> Http2Response:
        return self


class Http2Connection(TlsConnection):
    """One connection. `ask` takes requests, and `flush` sends them, all at once.

    Args:
        wire: what all connections share.
        visit: whose connection it is.
    """

    __slots__ = ("visit", "http2", "over", "opener")

    def __init__(self, wire: Wire, visit: Any):
        super().__init__(wire)
        self.visit, self.http2 = visit, Http2()
        self.over = False      # it takes no more requests
        self.opener = None     # the request for which it was opened
        self.waiting_request = b""

    def ask(self, path: str, block: bytes) -> None:
        """Take a request with this header block, to be sent by `flush`."""
        stream = Stream(path, self.visit, self.state)
        self.opener = self.opener or stream
        self.waiting_request += self.http2.ask(block, stream)

    def flush(self) -> None:
        """Send what waits; connect if necessary. During the handshake it goes on waiting."""
        if not self.waiting_request:
            return
        if self.sock is None and not self.over:
            self.start_ns = clock()
            self.connected_ns = self.secured_ns = self.first_byte_ns = self.resumed = NONE
            self.broken, self.reused = 0, False
            self.unsent = self.waiting_request
            self._open()
        elif self.secure:
            self.tls.write(self.waiting_request)
            self.waiting_request = b""
            self.unsent = bytes(self.unsent) + self.outgoing.read()
            self._send()

    def close(self) -> None:
        self.over = True
        super().close()

    def _shake_hands(self) -> bool:
        complete = super()._shake_hands()
        if complete:
            self.opener.secured_ns, self.opener.resumed = self.secured_ns, self.resumed
        return complete

    def _parse(self, data: bytes) -> None:
        try:
            reply = self.http2.feed(data, self._begun, self._ended_stream)
        except Http2Error:
            self._finish("bad_response", clock())
            return
        self.over = self.over or self.http2.leaving
        if reply and self.secure:
            self.waiting_request += reply
            self.flush()

    def _begun(self, stream: Stream) -> None:
        stream.first_byte_ns = clock()

    def _ended_stream(self, stream: Stream) -> None:
        outcome = stream.outcome
        if outcome == "ok" and stream.status >= 300:
            outcome = f"http_{stream.status // 100}xx"
        self.wire.loop.done(stream, clock(), CODE[outcome])

    def _finish(self, outcome: str, now: int) -> None:
        """Close the connection; all that was asked over it has this outcome."""
        self.close()
        self.http2.give_up(outcome, self._ended_stream)
