"""What a browser does with a response: read it, cache it, and decide the next day whether to ask again.

Source: RFC 9111 (caching).
"""

import gzip
import zlib
from dataclasses import dataclass, field
from email.message import Message
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPResponse
from io import BytesIO

from deploylab.load.http_parser import Parser

AWAY_S = 86_400  # a returning visitor comes back after a day


class Recorder(Parser):
    """A parser that keeps the bytes of the response."""

    __slots__ = ("raw",)

    def reset(self) -> None:
        super().reset()
        self.raw = bytearray()

    def feed(self, data: bytes) -> bool:
        self.raw += data
        return super().feed(data)


@dataclass(frozen=True)
class Resource:
    """A complete response, with its body decompressed."""

    headers: Message
    body: bytes

    @property
    def is_style_sheet(self) -> bool:
        return self.headers.get_content_type() == "text/css"

    @property
    def text(self) -> str:
        return self.body.decode(self.headers.get_content_charset("utf-8"), errors="replace")


def read(raw: bytes) -> Resource:
    """The response in these bytes, which a parser has already checked.

    Raises:
        ValueError: its body is damaged, or compressed in a way that was not requested.
    """
    while raw[9:10] == b"1":  # "HTTP/1.1 103 Early Hints": the response comes after it
        raw = raw.partition(b"\r\n\r\n")[2]
    response = HTTPResponse(_Socket(raw))
    try:
        response.begin()
        body = response.read()
        coding = (response.headers.get("Content-Encoding") or "identity").lower()
        if coding == "gzip":
            body = gzip.decompress(body)
        elif coding != "identity":
            raise ValueError(f"the body is in {coding}")
    except (HTTPException, LookupError, OSError, EOFError, zlib.error) as error:
        raise ValueError(f"the body cannot be read: {error}") from error
    return Resource(response.headers, body)


class _Socket:
    """The part of a socket that HTTPResponse needs."""

    def __init__(self, data: bytes):
        self.data = data

    def makefile(self, mode: str) -> BytesIO:
        return BytesIO(self.data)


@dataclass(frozen=True)
class CachedCopy:
    """A copy in a browser's cache.

    Attributes:
        fresh: whether after a day it is still used without asking.
        conditions: headers that ask whether it is still valid; {} if the server sent neither ETag nor date.
        references: the paths that it refers to.
    """

    fresh: bool
    conditions: dict[str, str] = field(default_factory=dict)
    references: tuple[str, ...] = ()


def copy_of(resource: Resource, references: tuple[str, ...]) -> CachedCopy | None:
    """The copy that a browser keeps of a resource, or None if it may not keep one."""
    rules = _rules(resource.headers)
    if "no-store" in rules:
        return None
    known = {"If-None-Match": resource.headers.get("ETag"), "If-Modified-Since": resource.headers.get("Last-Modified")}
    conditions = {name: value for name, value in known.items() if value}
    return CachedCopy(lifetime_s(resource.headers) > AWAY_S, conditions, references)


def lifetime_s(headers: Message) -> float:
    """For how many seconds a copy may be used without asking.

    0 if the server does not say. A browser may then use a tenth of the file's age, but one cannot rely on that.

    Example:
        >>> headers = Message()
        >>> headers["Cache-Control"] = "public, max-age=31536000, immutable"
        >>> lifetime_s(headers)
        31536000
    """
    rules = _rules(headers)
    if "no-cache" in rules:
        return 0
    if rules.get("max-age", "").isdigit():
        return int(rules["max-age"])
    try:
        return (parsedate_to_datetime(headers["Expires"]) - parsedate_to_datetime(headers["Date"])).total_seconds()
    except (TypeError, ValueError):  # one of them is missing, or "0"
        return 0


def _rules(headers: Message) -> dict[str, str]:
    """The rules of Cache-Control, by name; the header may occur several times."""
    parts = (part.partition("=") for part in ",".join(headers.get_all("Cache-Control", [])).lower().split(","))
    return {name.strip(): value.strip(' "') for name, _, value in parts}
