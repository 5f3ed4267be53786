"""Parses the head of an HTTP/1.1 response.

Source: RFC 9112 (message framing), RFC 9110 (what the headers mean).
"""

import re
from typing import NamedTuple

CHUNKED = -1      # instead of a length
UNTIL_CLOSE = -2

NO_CACHE, MISS, HIT = -1, 0, 1

STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5]\d\d)(?: [^\r\n]*)?")
BARE = re.compile(rb"(?<!\r)\n|\r(?!\n|\Z)")  # a line feed or carriage return that is not part of a CRLF
HEADER_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class BadResponse(Exception):
    """The bytes are not an HTTP response."""


class Surplus(BadResponse):
    """There are more bytes than the response should have."""

    def __init__(self, what: str, data: bytes):
        super().__init__(what)
        self.is_response = data.startswith(b"HTTP/1.")  # a whole response that was not requested


class Head(NamedTuple):
    """What the head of a response says about the rest."""

    status: int
    keep: bool     # the connection may be used for another request
    length: int    # of the body in bytes, or CHUNKED, or UNTIL_CLOSE
    encoded: bool  # the body is compressed
    cache: int     # what X-Cache says: HIT, MISS, or NO_CACHE


def parse_head(head: bytes, no_body: bool = False) -> Head:
    """The parsed head.

    Args:
        head: the bytes before the empty line.
        no_body: the request was a HEAD request.

    Raises:
        BadResponse: it is not HTTP/1.x, or it is inconsistent.

    Example:
        >>> parse_head(b"HTTP/1.1 200 OK\\r\\nContent-Length: 5").length
        5
    """
    if BARE.search(head + b"\r\n"):
        raise BadResponse(f"a line does not end in CRLF: {head[:80]!r}")
    # A folded header line counts as one line (RFC 9112, 5.2).
    lines = head.replace(b"\r\n ", b"  ").replace(b"\r\n\t", b"  ").split(b"\r\n")
    first = STATUS_LINE.fullmatch(lines[0])
    if first is None:
        raise BadResponse(f"not a status line: {lines[0][:80]!r}")
    status, connection, coding, encoding, lengths, cache = int(first[2]), b"", b"", b"", set(), NO_CACHE
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if not colon or HEADER_NAME.fullmatch(name) is None:
            raise BadResponse(f"not a header: {line[:80]!r}")
        name = name.lower()
        if name == b"content-length":
            lengths.update(part.strip() for part in value.split(b","))
        elif name == b"connection":
            connection += b"," + value.lower()
        elif name == b"transfer-encoding":
            coding += b"," + value.lower()
        elif name == b"content-encoding":
            encoding = value.strip().lower()
        elif name == b"x-cache":
            cache = HIT if value.strip().upper().startswith(b"HIT") else MISS
    options = {option.strip() for option in connection.split(b",")}
    keep = b"close" not in options and (first[1] == b"1" or b"keep-alive" in options)
    if coding and first[1] == b"0":  # Source: RFC 9112, 6.1
        raise BadResponse("HTTP/1.0 has no Transfer-Encoding")
    length = 0 if no_body or status < 200 or status in (204, 304) else _length(coding, lengths)
    return Head(status, keep and length != UNTIL_CLOSE, length, encoding not in (b"", b"identity"), cache)


def _length(coding: bytes, lengths: set[bytes]) -> int:
    """The length of the body, or how its end is recognised. Source: RFC 9112, 6.3."""
    if coding:
        return CHUNKED if coding.rpartition(b",")[2].strip() == b"chunked" else UNTIL_CLOSE
    if not lengths:
        return UNTIL_CLOSE
    text = lengths.pop()
    if lengths or not text.isdigit() or len(text) > 15:
        raise BadResponse("the Content-Length is not one number")
    return int(text)
