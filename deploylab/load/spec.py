"""The settings of one load test."""

import json
import re
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from deploylab.core.errors import LoadError

CLOSED = "closed"  # c clients, each waits for its response before its next request
OPEN = "open"      # requests are due at a rate, whether or not the server keeps up

FIRST = "first"          # a visitor who comes for the first time
RETURNING = "returning"  # a visitor who returns with a browser's cache

OPEN_CONNECTIONS = 1000  # at most, if the spec does not say
OURS = {"connection", "content-length", "transfer-encoding", "expect", "upgrade"}  # the engine's own headers
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # Source: RFC 9110, 5.6.2


@dataclass(frozen=True, kw_only=True)
class LoadSpec:
    """One load test. A wrong value raises LoadError, which names the field.

    Example:
        >>> LoadSpec(url="http://127.0.0.1:8000/", duration_s=3).concurrency
        1
    """

    url: str
    mode: str = CLOSED
    concurrency: int | None = None    # clients (closed, default 1), most connections (open)
    n_requests: int | None = None     # stop after this many (ab -n)
    duration_s: float | None = None   # stop after this time (ab -t); with both, whichever comes first
    warmup_s: float = 0.0             # the same load before the window, not counted
    rate_per_s: float | None = None   # open: requests due per second, on average
    even: bool = False                # open: equal distances instead of random (Poisson) arrivals
    seed: int | None = None           # of arrival times and paths; if None, a random one is recorded
    paths: tuple[str, ...] = ()       # several paths on the url's server instead of its own path
    zipf: float = 1.0                 # the k-th path is requested in proportion to 1/k**zipf
    in_order: bool = False            # the paths one after the other instead, each as often as the others
    keepalive: bool = True
    method: str = "GET"
    body: str | None = None           # sent as UTF-8; bytes that are none as surrogates (PEP 383), like headers
    headers: dict[str, str | tuple[str, ...]] = field(default_factory=dict)  # several values: a line for each
    timeout_s: float = 30.0           # for each attempt, from connect to the last byte
    marker: str | None = None         # the end of a good body, apart from whitespace
    expect_status: int | None = None  # the only good status, for example 304; None: any 2xx
    visitor: str | None = None        # FIRST or RETURNING: each attempt is a visit, a page with its files
    http2: bool = False               # https, with a visitor: all over one connection, as a browser does it
    slow_clients: int = 0             # half-sent requests held open during the load
    attempts_path: str | None = None  # the file for all attempts
    cpus: tuple[int, ...] | None = None  # cores to run on
    ceiling_rps: float | None = None  # what this generator reaches against a static stub
    allowed_addresses: tuple[str, ...] = ()  # IP addresses of the kit's own machines
    own_up: bool = False              # a person said: this server is mine
    ca_file: str | None = None        # https: the certificates to trust, as PEM; None: those of this system
    server_name: str | None = None    # https: the name that the certificate must have; None: the url's
    resume: bool = False              # https: new connections resume an earlier session, as a browser's do

    def __post_init__(self):
        for name in ("cpus", "allowed_addresses", "paths"):
            if isinstance(getattr(self, name), list):
                object.__setattr__(self, name, tuple(getattr(self, name)))
        if isinstance(self.headers, dict):
            object.__setattr__(self, "headers", {name: tuple(value) if isinstance(value, list) else value
                                                 for name, value in self.headers.items()})
        if self.concurrency is None:
            object.__setattr__(self, "concurrency", OPEN_CONNECTIONS if self.mode == OPEN else 1)
        _check(self)

    def to_json(self) -> str:
        """The spec as one line for the engine's standard input."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, line: str) -> "LoadSpec":
        """The spec from the engine's first line.

        Raises:
            LoadError: it is not JSON, or has an unknown field or a wrong value.
        """
        try:
            data = json.loads(line)
        except ValueError as error:
            raise LoadError(f"The load spec is not JSON: {error}") from error
        if not isinstance(data, dict) or "url" not in data:
            raise LoadError("The load spec has no url.", 'write {"url": "http://127.0.0.1:8000/", …}')
        unknown = sorted(data.keys() - {f.name for f in fields(cls)})
        if unknown:
            raise LoadError(f"The load spec has unknown fields: {', '.join(unknown)}.")
        return cls(**data)


def _check(spec: LoadSpec) -> None:
    """Raise LoadError at the first wrong value."""
    _need(isinstance(spec.url, str), "url", "a text", spec.url)
    _need(spec.mode in (CLOSED, OPEN), "mode", "'closed' or 'open'", spec.mode)
    for name in ("concurrency", "n_requests"):
        value = getattr(spec, name)
        _need(value is None or _whole(value) and value >= 1, name, "a whole number from 1", value)
    for name in ("duration_s", "rate_per_s", "ceiling_rps"):
        value = getattr(spec, name)
        _need(value is None or _number(value) and value > 0, name, "a number above 0", value)
    _need(_number(spec.timeout_s) and spec.timeout_s > 0, "timeout_s", "a number above 0", spec.timeout_s)
    _need(_number(spec.warmup_s) and spec.warmup_s >= 0, "warmup_s", "a number from 0", spec.warmup_s)
    _need(_whole(spec.slow_clients) and spec.slow_clients >= 0, "slow_clients", "a whole number from 0",
          spec.slow_clients)
    for name in ("even", "in_order", "keepalive", "own_up", "resume", "http2"):
        _need(isinstance(getattr(spec, name), bool), name, "true or false", getattr(spec, name))
    for name in ("body", "marker", "attempts_path", "ca_file", "server_name"):
        value = getattr(spec, name)
        _need(value is None or isinstance(value, str), name, "a text", value)
    _need(isinstance(spec.paths, tuple) and all(isinstance(p, str) and p.startswith("/") for p in spec.paths),
          "paths", "a list of texts that begin with /", spec.paths)
    _need(_number(spec.zipf) and spec.zipf >= 0, "zipf", "a number from 0", spec.zipf)
    _need(spec.seed is None or _whole(spec.seed), "seed", "a whole number", spec.seed)
    status = spec.expect_status
    _need(status is None or _whole(status) and 200 <= status <= 599, "expect_status", "200 to 599", status)
    _need(spec.cpus is None or bool(spec.cpus) and all(_whole(c) and c >= 0 for c in spec.cpus),
          "cpus", "a list of core numbers", spec.cpus)
    _need(spec.visitor in (None, FIRST, RETURNING), "visitor", "'first' or 'returning'", spec.visitor)
    _check_request(spec)
    _check_together(spec)


def _check_request(spec: LoadSpec) -> None:
    """Check the parts that are sent: nothing in them may start another header or request."""
    _need(isinstance(spec.method, str) and TOKEN.fullmatch(spec.method) is not None, "method",
          "an HTTP method", spec.method)
    _need(spec.method.upper() != "CONNECT", "method", "a method other than CONNECT", spec.method)
    _need(isinstance(spec.headers, dict), "headers", "names with values", spec.headers)
    for name, value in spec.headers.items():
        _need(TOKEN.fullmatch(name) is not None, "headers", "header names", name)
        for line in value if isinstance(value, tuple) else (value,):
            _need(isinstance(line, str) and not re.search(r"[\r\n\0]", line), "headers",
                  f"one line of text for {name}", line)
        if name.lower() in OURS:
            raise LoadError(f"The engine itself sets the header {name}.",
                            "leave it out; use keepalive, method and body instead")


def _check_together(spec: LoadSpec) -> None:
    """Check the parts that only make sense together."""
    if spec.n_requests is None and spec.duration_s is None:
        raise LoadError("The load test has no end.", "give n_requests (-n) or duration_s (-t)")
    if not spec.url.lower().startswith("https:") and (spec.ca_file or spec.server_name or spec.resume):
        raise LoadError(f"{spec.url} is plain HTTP: there is no certificate and no session.",
                        "leave out --ca, --server-name and --resume, or write https://")
    if spec.http2 and not (spec.visitor and spec.url.lower().startswith("https:")):
        raise LoadError("HTTP/2 is for visits over https: a page and its files over one connection.",
                        "leave out http2, or give a visitor and write https://")
    if spec.mode == OPEN and spec.rate_per_s is None:
        raise LoadError("An open loop needs a rate.", "give rate_per_s (--rate)")
    if spec.mode == CLOSED and (spec.rate_per_s is not None or spec.even):
        raise LoadError("A closed loop has no rate: its clients wait for their answers.",
                        "leave out --rate and --even, or ask for mode 'open'")
    if spec.visitor and (spec.mode == OPEN or spec.paths or spec.expect_status or spec.body or spec.method != "GET"):
        raise LoadError("A visitor loads one page after another and waits for each, so there is no rate, and no "
                        "method, body, status or list of paths to choose.", "leave those out, or the visitor")


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: Any) -> bool:
    return _whole(value) or isinstance(value, float) and value == value and abs(value) != float("inf")


def _need(good: bool, name: str, expected: str, value: Any) -> None:
    if not good:
        raise LoadError(f"The load spec's {name} must be {expected}, not {value!r}.", f"correct {name}")
