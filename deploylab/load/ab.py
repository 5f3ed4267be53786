"""The same flags and output as ab, with honest numbers.

What differs from ab, on purpose: a request on a kept connection that breaks counts as failed and is never
sent again; every failure has a name; every response must be 2xx and complete; percentiles are nearest-rank,
and left out if there are too few responses.
"""

import base64
import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from deploylab.core.errors import LoadError
from deploylab.core.units import NS_PER_MS
from deploylab.load import attempts
from deploylab.load.allowed import PORTS
from deploylab.load.flags import explain
from deploylab.load.spec import CLOSED, OPEN, LoadSpec
from deploylab.load.summary import percentile
from deploylab.results.record import LoadResult

SHARES = {"p50": "50%", "p90": "90%", "p95": "95%", "p99": "99%", "p999": "99.9%"}


def spec_from_ab_flags(url: str, *, n: int | None = None, c: int | None = None, t: float | None = None,
                       k: bool = False, headers: Iterable[str] = (), cookies: Iterable[str] = (),
                       user: str | None = None, post: Path | None = None, content_type: str | None = None,
                       method: str | None = None, s: float = 30.0, rate: float | None = None, even: bool = False,
                       **more) -> LoadSpec:
    """The spec for these flags of ab.

    Args:
        url: what to load.
        n: requests (-n); 1 if neither n nor t is given, as in ab.
        c: clients (-c); with a rate, the most connections.
        t: seconds (-t). Unlike ab's, it implies no limit of 50,000 requests.
        k: keep connections (-k).
        headers: "Name: value", each (-H). A name that occurs several times is sent as several lines.
        cookies: "name=value", each (-C).
        user: "name:password", sent as basic authentication (-A).
        post: a file to send with POST (-p); content_type is its type (-T), text/plain if none is given, as in ab.
        method: another method (-m).
        s: seconds until an attempt times out (-s).
        rate: requests per second, in an open loop; ab has no such flag.
        even: with rate: requests at equal distances.
        more: other fields of LoadSpec.

    Raises:
        LoadError: a value or a header is wrong, or the file cannot be read.

    Example:
        >>> spec_from_ab_flags("http://127.0.0.1:8000/", n=1000, c=10, k=True).n_requests
        1000
    """
    if n is None and t is None:
        n = 1
    lines = [_header(text) for text in headers]
    if cookies:
        lines.append(("Cookie", "; ".join(cookies)))
    if user is not None:
        lines.append(("Authorization", "Basic " + base64.b64encode(user.encode(errors="surrogateescape")).decode()))
    if content_type or post:
        lines.append(("Content-Type", content_type or "text/plain"))
    return LoadSpec(url=_typed(url), mode=CLOSED if rate is None else OPEN, n_requests=n, duration_s=t, concurrency=c,
                    keepalive=k, headers=_by_name(lines), timeout_s=s, rate_per_s=rate, even=even,
                    method=method or ("POST" if post else "GET"), body=_content(post) if post else None, **more)


def _typed(url: str) -> str:
    """The URL with its bytes that are not UTF-8 as %XX, so that it can be printed."""
    return re.sub("[\udc80-\udcff]", lambda byte: f"%{ord(byte[0]) - 0xDC00:02X}", url)


def _by_name(lines: Iterable[tuple[str, str]]) -> dict[str, str | tuple[str, ...]]:
    """Headers by name; a name that occurs several times, in whatever case, has several values."""
    values, spelled = {}, {}
    for name, value in lines:
        values.setdefault(spelled.setdefault(name.lower(), name), []).append(value)
    return {name: several[0] if len(several) == 1 else tuple(several) for name, several in values.items()}


def _content(file: Path) -> str:
    try:
        return file.read_bytes().decode(errors="surrogateescape")
    except OSError as error:
        raise LoadError(f"Cannot read {file}: {error.strerror}.", "-p FILE   a file that you can read") from error


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise LoadError(f"-H {text!r} is not a header.", "-H 'Name: value'")
    return name.strip(), value.strip()


def printout(result: LoadResult) -> str:
    """A result in the format of ab's output.

    Example:
        >>> print(printout(run(spec)))  # doctest: +SKIP
    """
    parts = urlsplit(result.url)
    n_non_2xx = sum(n for name, n in result.errors.items() if name.startswith("http_"))
    rows = [
        ("Server Hostname:", parts.hostname),
        ("Server Port:", parts.port or PORTS.get(parts.scheme)),
        *_tls(result),
        ("", None),
        ("Document Path:", (parts.path or "/") + (f"?{parts.query}" if parts.query else "")),
        ("", None),
        ("Concurrency Level:", result.concurrency),
        ("Time taken for tests:", f"{result.duration_s:.3f} seconds"),
        *_arrivals(result),
        ("Complete requests:", result.n_sent),
        ("Failed requests:", result.n_errors),
        *((f"   {name}:", count) for name, count in result.errors.items()),
        *([("Non-2xx responses:", n_non_2xx)] if n_non_2xx else []),
        ("Keep-Alive:", "yes" if result.keepalive else "no"),
        ("Received, good answers:", f"{result.bytes} bytes"),
        ("Requests per second:", f"{result.rps:.2f} [#/sec] (good answers only)"),
        *_time_per_request(result),
        ("Transfer rate:", _transfer(result)),
    ]
    lines = ["" if value is None else f"{label:<24}{value}" for label, value in rows]
    return "\n".join([*lines, "", *_percentages(result), *_doubts(result)])


def _tls(result: LoadResult) -> list[tuple]:
    """What the handshakes agreed on, how many there were, and how long one took."""
    if result.tls is None:
        return []
    rows = [("SSL/TLS Protocol:", result.tls)]
    if "n_handshakes" in result.notes:
        resumed = result.notes["n_resumed"]
        rows.append(("TLS handshakes:", f"{result.notes['n_handshakes']} ({resumed or 'none'} resumed)"))
    if (p50 := (result.handshake_ns or {}).get("p50")) is not None:
        rows.append(("Time per handshake:", f"{_ms(p50)} [ms] (median)"))
    return rows


def _arrivals(result: LoadResult) -> list[tuple]:
    if result.mode != OPEN:
        return []
    return [("Arrival rate:", f"{result.target_rps:g} [#/sec], seed {result.seed}"),
            ("Due requests:", result.n_due), ("Never sent:", result.n_unsent)]


def _time_per_request(result: LoadResult) -> list[tuple]:
    """The mean of the good answers, and the time for each if they had come one after the other.

    ab divides instead: clients * time / requests. With fewer requests than clients, or with failures that take no
    time, that is many times the longest request.
    """
    if not result.rps or result.latency_mean_ns is None:
        return []
    each = [("Time per request:", f"{1000 / result.rps:.3f} [ms] (mean, across all concurrent requests)")]
    return [("Time per request:", f"{_ms(result.latency_mean_ns)} [ms] (mean of the good answers)"),
            *(each if result.mode == CLOSED else [])]


def _transfer(result: LoadResult) -> str:
    """What the good answers that ended in the window amount to: some that began in it ended after it."""
    if not result.n_ok:
        return "-"
    return f"{result.rps * result.bytes / result.n_ok / 1024:.2f} [Kbytes/sec] received"


def _percentages(result: LoadResult) -> list[str]:
    """The table at the end of ab's output; a dash where there are too few responses for the figure."""
    latency, since = result.latency_ns, "it was due" if result.latency_from == "due" else "it was begun"
    lines = [f"Percentage of the requests that had a good answer within a certain time (ms, since {since})"]
    for name, share in SHARES.items():
        lines.append(f"{share:>7} {_ms(latency[name]):>9}")
    lines.append(f"{'good':>7} {_ms(latency['max']):>9} (longest good answer)" if result.n_errors else
                 f"{'100%':>7} {_ms(latency['max']):>9} (longest request)")
    return lines


def percentages(path: Path) -> str:
    """The lines of ab's -e: for each percentage of the requests, within how many milliseconds they had a good answer.

    A percentage that was not reached, because requests failed, has no time.

    Args:
        path: the file of all attempts.
    """
    head, columns = attempts.read(path)
    since, ok = columns["due_ns" if head["mode"] == OPEN else "start_ns"], head["outcomes"].index("ok")
    closed_ns = float("inf") if head["closed_ns"] is None else head["closed_ns"]
    inside = [i for i, due in enumerate(columns["due_ns"]) if head["opened_ns"] <= due < closed_ns]
    good = sorted(columns["end_ns"][i] - since[i] for i in inside if columns["outcome"][i] == ok)
    times = [percentile(good, 10 * share, len(inside) - len(good)) for share in range(101)]
    rows = [f"{share},{'' if ns is None else _ms(ns)}" for share, ns in enumerate(times)]
    return "\n".join(["Percentage served,Time in ms", *rows, ""])


def _doubts(result: LoadResult) -> list[str]:
    return ["", *(f"Note: {explain(flag)}" for flag in result.flags)] if result.flags else []


def _ms(ns: int | None) -> str:
    return "-" if ns is None else f"{ns / NS_PER_MS:.3f}"
