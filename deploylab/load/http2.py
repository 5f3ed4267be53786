"""The client's side of one HTTP/2 connection: bytes go in, responses come out. Nothing here uses a socket.

It is for visits: GET alone, no body, no dynamic table, and windows so large that the server never waits for more room.

Source: RFC 9113 (HTTP/2).
"""

import struct
from collections.abc import Callable

from deploylab.load import hpack
from deploylab.load.http_head import HIT, MISS, NO_CACHE

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, HAS_PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20
HEADER_TABLE_SIZE, ENABLE_PUSH, INITIAL_WINDOW_SIZE = 1, 2, 4
MOST = 2**31 - 1       # bytes of a window
FIRST_WINDOW = 65_535  # bytes of the connection's window before anything is said
LONGEST_FRAME = 16_384
OURS = {"connection", "host"}  # headers of HTTP/1.1 that HTTP/2 says in another way


class Http2Error(Exception):
    """The bytes are not HTTP/2, or say something that this client did not agree to."""


class Http2Response:
    """One response, as its frames arrive. It has the attributes of a `Recorder`, which keeps those of HTTP/1.1."""

    __slots__ = ("status", "n_bytes", "cache", "body", "headers", "outcome")

    def __init__(self):
        self.status, self.n_bytes, self.cache = 0, 0, NO_CACHE
        self.headers: list[tuple[str, str]] = []
        self.body = bytearray()
        self.outcome = ""  # one of the load engine's, once it is over

    @property
    def raw(self) -> bytes:
        """The response as HTTP/1.1 has it."""
        lines = [f"HTTP/1.1 {self.status} -", *(f"{name}: {value}" for name, value in self.headers)]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body

    def begin(self, headers: tuple[tuple[str, str], ...]) -> None:
        """The headers of a response have arrived. Raises Http2Error if they are none."""
        status = dict(headers).get(":status", "")
        if not (len(status) == 3 and status.isdigit()):
            raise Http2Error(f"a response with the status {status!r}")
        if status < "200":
            return  # an interim response: the real one follows
        self.status = int(status)
        self.headers = [(name, value) for name, value in headers if not name.startswith(":")]
        for name, value in headers:
            if name == "x-cache":
                self.cache = HIT if value.upper().startswith("HIT") else MISS

    def end(self) -> None:
        """The last frame has arrived."""
        lengths = {value for name, value in self.headers if name == "content-length"}
        as_said = self.status in (204, 304) or not lengths - {str(len(self.body))}
        self.outcome = "ok" if self.status and as_said else "bad_response"


class Http2:
    """One connection.

    Example:
        >>> client = Http2()
        >>> answer = Http2Response()
        >>> client.ask(client.block("example.org", "/", {}), answer)[:3]
        b'PRI'
    """

    def __init__(self):
        self.streams: dict[int, Http2Response] = {}   # those that are not complete
        self.leaving = False                   # the server takes no more requests
        self._next_id = 1
        self._received = b""
        self._reply = bytearray()
        self._headers: tuple[int, int, bytearray] | None = None  # a block in several frames: stream, flags, bytes

    @staticmethod
    def block(host: str, path: str, headers: dict[str, str]) -> bytes:
        """The header block of a request; to make it ahead saves time."""
        more = [(name.lower(), value) for name, value in headers.items() if name.lower() not in OURS]
        return hpack.encode([(":method", "GET"), (":scheme", "https"), (":path", path), (":authority", host), *more])

    def ask(self, block: bytes, answer: Http2Response) -> bytes:
        """The bytes that send a request.

        Args:
            block: of the request's headers.
            answer: what is received for it goes there.
        """
        number = self._next_id
        self._next_id += 2
        self.streams[number] = answer
        request = _frame(HEADERS, END_STREAM | END_HEADERS, number, block)
        return request if number > 1 else self._begin() + request

    def feed(self, data: bytes, on_begun: Callable[[Http2Response], None],
             on_ended: Callable[[Http2Response], None]) -> bytes:
        """Handle received bytes; returns those to send for them, b"" for none.

        Args:
            on_begun: called when the first frame of a response has arrived.
            on_ended: called when a response is over, with its outcome.

        Raises:
            Http2Error: this is not HTTP/2.
        """
        data = self._received + data
        at = 0
        while len(data) - at >= 9:
            size = int.from_bytes(data[at:at + 3])
            if size > LONGEST_FRAME:
                raise Http2Error(f"a frame of {size:,} bytes")
            end = at + 9 + size
            if len(data) < end:
                break
            kind, flags, number = struct.unpack_from(">BBI", data, at + 3)
            self._handle(kind, flags, number & MOST, data[at + 9:end], on_begun, on_ended)
            at = end
        self._received = data[at:]
        reply, self._reply = bytes(self._reply), bytearray()
        return reply

    def _begin(self) -> bytes:
        settings = ((HEADER_TABLE_SIZE, 0), (ENABLE_PUSH, 0), (INITIAL_WINDOW_SIZE, MOST))
        return b"".join([PREFACE, _frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *pair) for pair in settings)),
                         _frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", MOST - FIRST_WINDOW))])

    def _handle(self, kind: int, flags: int, number: int, payload: bytes, on_begun: Callable,
                on_ended: Callable) -> None:
        if self._headers and kind != CONTINUATION:
            raise Http2Error("a header block is interrupted")
        answer = self.streams.get(number)
        if answer:
            if not answer.n_bytes and kind in (DATA, HEADERS):
                on_begun(answer)
            answer.n_bytes += 9 + len(payload)
        if kind == DATA:
            if answer is None or not answer.status:
                raise Http2Error("data that nobody asked for")
            answer.body += _unpadded(flags, payload)
            if flags & END_STREAM:
                self._end(number, on_ended)
        elif kind in (HEADERS, CONTINUATION):
            self._read_headers(kind, flags, number, payload, on_ended)
        elif kind == SETTINGS:
            if not flags & ACK:
                self._reply += _frame(SETTINGS, ACK, 0, b"")
        elif kind == PING:
            if not flags & ACK:
                self._reply += _frame(PING, ACK, 0, payload)
        elif kind == RST_STREAM:
            self._give_up(number, "reset", on_ended)
        elif kind == GOAWAY:
            self.leaving = True
            last = int.from_bytes(payload[:4]) & MOST
            for one in [one for one in self.streams if one > last]:
                self._give_up(one, "closed_early", on_ended)
        elif kind == PUSH_PROMISE:
            raise Http2Error("the server pushes, although it was told not to")
        # A window of ours is never used up, priorities are only advice, and frames of unknown kinds mean nothing.

    def _read_headers(self, kind: int, flags: int, number: int, payload: bytes, on_ended: Callable) -> None:
        if kind == HEADERS:
            payload = _unpadded(flags, payload)
            self._headers = (number, flags, bytearray(payload[5:] if flags & HAS_PRIORITY else payload))
        elif self._headers and self._headers[0] == number:
            self._headers[2].extend(payload)
        else:
            raise Http2Error("the rest of a header block without its beginning")
        if not flags & END_HEADERS:
            return
        (_, first_flags, block), self._headers = self._headers, None
        answer = self.streams.get(number)
        if answer is None:
            raise Http2Error("a response that nobody asked for")
        try:
            headers = hpack.decode(bytes(block))
        except hpack.BadBlock as error:
            raise Http2Error(str(error)) from error
        if not answer.status:  # otherwise these are trailers
            answer.begin(headers)
        if first_flags & END_STREAM:
            self._end(number, on_ended)

    def give_up(self, outcome: str, on_ended: Callable[[Http2Response], None]) -> None:
        """Every response that is not complete is over, with this outcome."""
        for number in list(self.streams):
            self._give_up(number, outcome, on_ended)

    def _give_up(self, number: int, outcome: str, on_ended: Callable) -> None:
        answer = self.streams.pop(number, None)
        if answer:
            answer.outcome = outcome
            on_ended(answer)

    def _end(self, number: int, on_ended: Callable) -> None:
        answer = self.streams.pop(number)
        answer.end()
        on_ended(answer)


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3) + struct.pack(">BBI", kind, flags, stream) + payload


def _unpadded(flags: int, payload: bytes) -> bytes:
    if not flags & PADDED:
        return payload
    if not payload or payload[0] >= len(payload):
        raise Http2Error("more padding than frame")
    return payload[1:len(payload) - payload[0]]
