"""Parses responses in whatever pieces they arrive.

Source: RFC 9112 (message framing).
"""

import re

from deploylab.load.http_head import BARE, CHUNKED, NO_CACHE, UNTIL_CLOSE, BadResponse, Head, Surplus, parse_head

MAX_HEAD = 65_536  # bytes; no server of the course sends a longer head
SLACK = 64         # whitespace that may follow the end marker, in bytes
HEX = re.compile(rb"0*[0-9A-Fa-f]{1,15}")

# The states of a parser.
HEAD, BODY, CHUNK_SIZE, CHUNK_DATA, CHUNK_END, TRAILER, REST = range(7)


class Parser:
    """Reads responses one after the other; `feed` says when one is complete.

    Args:
        marker: the end of a good body, apart from whitespace. A compressed body is not
            searched: decompressing it would cost the generator more than the request.
        no_body: the requests are HEAD requests.

    Example:
        >>> parser = Parser(marker=b"</html>")
        >>> parser.feed(b"HTTP/1.1 200 OK\\r\\nContent-Length: 7\\r\\n\\r\\n</ht"), parser.feed(b"ml>")
        (False, True)
    """

    __slots__ = ("status", "keep", "n_bytes", "marked", "cache", "_marker", "_no_body", "_heads", "_state",
                 "_pending", "_left", "_tail", "_search")

    def __init__(self, marker: bytes = b"", no_body: bool = False, heads: dict[bytes, Head] | None = None):
        self._marker = marker
        self._no_body = no_body
        # Most responses within a second have exactly the same head, so it is parsed only once.
        # Connections may share this cache.
        self._heads = {} if heads is None else heads
        self._state = None
        self.reset()

    def reset(self) -> None:
        """Get ready for the next response."""
        self.status = 0       # of the response; 0 while its head is not complete
        self.keep = False     # the connection may be used for another request
        self.n_bytes = 0      # received for this response, head included
        self.marked = True    # the body ends with the marker, or could not be searched
        self.cache = NO_CACHE
        if self._state is HEAD and not self._pending:  # the last response came in one piece and left nothing behind
            return
        self._state = HEAD
        self._pending = b""   # the beginning of a head or line that is not complete
        self._left = 0        # bytes that are still missing from this body or chunk
        self._tail = b""      # the end of the body so far
        self._search = False  # whether the tail is kept

    def feed(self, data: bytes) -> bool:
        """True if these bytes complete the response.

        Raises:
            BadResponse: this is not HTTP.
            Surplus: there are more bytes than the response should have.
        """
        self.n_bytes += len(data)
        if self._state == HEAD:
            return self._head(self._pending + data if self._pending else data)
        if self._state == BODY:
            return self._body(data)
        if self._state == REST:
            self._keep_tail(data)
            return False
        return self._chunks(self._pending + data if self._pending else data)

    def end(self) -> bool:
        """True if the end of the connection completes the response."""
        if self._state != REST:
            return False
        return self._complete()

    def _head(self, data: bytes) -> bool:
        begin = 0
        while True:
            end = data.find(b"\r\n\r\n", begin)
            if end < 0:
                return self._wait_for_head(data[begin:])
            head = data[begin:end]
            parsed = self._heads.get(head)
            if parsed is None:
                parsed = self._remember(head)
            begin = end + 4
            if parsed.status >= 200:
                break  # anything before it was an interim response (1xx)
        self.status, self.keep, length, encoded, self.cache = parsed
        if length == len(data) - begin:  # the usual case: the whole response arrived at once
            marker = self._marker
            if marker and length and not encoded:
                self.marked = data.endswith(marker, begin) or data[begin:].rstrip().endswith(marker)
            elif marker and not length:
                self.marked = self._may_be_empty()
            return True
        self._pending = b""
        self._search = bool(self._marker) and not encoded
        self._left = length
        if length == CHUNKED:
            self._state = CHUNK_SIZE
            return self._chunks(data[begin:])
        if length == UNTIL_CLOSE:
            self._state = REST
            self._keep_tail(data[begin:])
            return False
        self._state = BODY
        return self._body(data[begin:])

    def _remember(self, head: bytes) -> Head:
        """Parse a head that is not in the cache."""
        parsed = parse_head(head, self._no_body)
        if parsed.status == 101:
            raise BadResponse("the server switches to another protocol")
        if len(self._heads) >= 64:
            self._heads.clear()
        self._heads[head] = parsed
        return parsed

    def _wait_for_head(self, data: bytes) -> bool:
        """Wait for the rest of the head; raise BadResponse at once if this cannot become one."""
        start = data[:7]
        if not b"HTTP/1.".startswith(start) or BARE.search(data) or len(data) > MAX_HEAD:
            raise BadResponse(f"not HTTP: {data[:80]!r}")
        self._pending = data
        return False

    def _body(self, data: bytes) -> bool:
        self._left -= len(data)
        if self._left < 0:
            raise Surplus("more bytes than the Content-Length says", data[self._left:])
        self._keep_tail(data)
        return self._left == 0 and self._complete()

    def _chunks(self, data: bytes) -> bool:
        """Parse chunks with their extensions and trailers. Source: RFC 9112, 7.1."""
        at = 0
        while at < len(data):
            if self._state == CHUNK_DATA:
                piece = data[at:at + self._left]
                self._keep_tail(piece)
                self._left -= len(piece)
                at += len(piece)
                if self._left == 0:
                    self._state = CHUNK_END
                continue
            end = data.find(b"\r\n", at)
            if end < 0:
                return self._wait_for_line(data[at:])
            line, at = data[at:end], end + 2
            if b"\n" in line or b"\r" in line:
                raise BadResponse(f"a line does not end in CRLF: {line[:80]!r}")
            if self._state == CHUNK_END:
                if line:
                    raise BadResponse("a chunk is longer than it says")
                self._state = CHUNK_SIZE
            elif self._state == CHUNK_SIZE:
                size = line.partition(b";")[0].strip()
                if HEX.fullmatch(size) is None:
                    raise BadResponse(f"not the size of a chunk: {line[:80]!r}")
                self._left = int(size, 16)
                self._state = CHUNK_DATA if self._left else TRAILER
            elif not line:  # the empty line after the trailers
                if at < len(data):
                    raise Surplus("more bytes after the last chunk", data[at:])
                return self._complete()
        self._pending = b""
        return False

    def _wait_for_line(self, data: bytes) -> bool:
        if len(data) > MAX_HEAD or BARE.search(data) or (self._state == CHUNK_END and data != b"\r"):
            raise BadResponse(f"not a chunk: {data[:80]!r}")
        self._pending = data
        return False

    def _keep_tail(self, data: bytes) -> None:
        if self._search:
            size = len(self._marker) + SLACK
            self._tail = data[-size:] if len(data) >= size else (self._tail + data)[-size:]

    def _complete(self) -> bool:
        if self._search:
            self.marked = (self._tail.rstrip().endswith(self._marker) if self._tail else self._may_be_empty())
        return True

    def _may_be_empty(self) -> bool:
        """Whether an empty body is correct: responses to HEAD, and 204, 205 and 304, have none."""
        return self._no_body or self.status in (204, 205, 304)
