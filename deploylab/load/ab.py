"""The same flags and output as ab, with honest numbers.

What differs from ab, on purpose: a request on a kept connection that breaks counts as failed and is never
sent again; every failure has a name; every response must be 2xx and complete; percentiles are nearest-rank,
and left out if there are too few responses.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

from deploylab.core.errors import LoadError
from deploylab.core.units import NS_PER_MS
from deploylab.load.flags import explain
from deploylab.load.spec import CLOSED, OPEN, LoadSpec
from deploylab.results.record import LoadResult

SHARES = {"p50": "50%", "p90": "90%", "p95": "95%", "p99": "99%", "p999": "99.9%"}


def spec_from_ab_flags(url: str, *, n: int | None = None, c: int | None = None, t: float | None = None,
                       k: bool = False, headers: Iterable[str] = (), s: float = 30.0,
                       rate: float | None = None, even: bool = False, **more) -> LoadSpec:
    """The spec for these flags of ab.

    Args:
        url: what to load.
        n: requests (-n); 1 if neither n nor t is given, as in ab.
        c: clients (-c); with a rate, the most connections.
        t: seconds (-t). Unlike ab's, it implies no limit of 50,000 requests.
        k: keep connections (-k).
        headers: "Name: value", each (-H).
        s: seconds until an attempt times out (-s).
        rate: requests per second, in an open loop; ab has no such flag.
        even: with rate: requests at equal distances.
        more: other fields of LoadSpec.

    Raises:
        LoadError: a value or a header is wrong.

    Example:
        >>> spec_from_ab_flags("http://127.0.0.1:8000/", n=1000, c=10, k=True).n_requests
        1000
    """
    if n is None and t is None:
        n = 1
    return LoadSpec(url=url, mode=CLOSED if rate is None else OPEN, n_requests=n, duration_s=t, concurrency=c,
                    keepalive=k, headers=dict(_header(h) for h in headers), timeout_s=s, rate_per_s=rate,
                    even=even, **more)


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
        ("Server Port:", parts.port or 80),
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
        ("Transfer rate:", f"{result.bytes / 1024 / result.duration_s:.2f} [Kbytes/sec] received"
         if result.duration_s else "-"),
    ]
    lines = ["" if value is None else f"{label:<24}{value}" for label, value in rows]
    return "\n".join([*lines, "", *_percentages(result), *_doubts(result)])


def _arrivals(result: LoadResult) -> list[tuple]:
    if result.mode != OPEN:
        return []
    return [("Arrival rate:", f"{result.target_rps:g} [#/sec], seed {result.seed}"),
            ("Due requests:", result.n_due), ("Never sent:", result.n_unsent)]


def _time_per_request(result: LoadResult) -> list[tuple]:
    """ab's mean, by Little's law; it is right only if every client always has a request in progress."""
    if result.mode == OPEN or not result.rps:
        return []
    mean_ms = 1000 / result.rps
    return [("Time per request:", f"{result.concurrency * mean_ms:.3f} [ms] (mean)"),
            ("Time per request:", f"{mean_ms:.3f} [ms] (mean, across all concurrent requests)")]


def _percentages(result: LoadResult) -> list[str]:
    """The table at the end of ab's output; a dash where there are too few responses for the figure."""
    latency, since = result.latency_ns, "it was due" if result.latency_from == "due" else "it was begun"
    lines = [f"Percentage of the good answers within a certain time (ms, since {since})"]
    for name, share in SHARES.items():
        lines.append(f"{share:>7} {_ms(latency[name]):>9}")
    lines.append(f"{'100%':>7} {_ms(latency['max']):>9} (longest request)")
    return lines


def _doubts(result: LoadResult) -> list[str]:
    return ["", *(f"Note: {explain(flag)}" for flag in result.flags)] if result.flags else []


def _ms(ns: int | None) -> str:
    return "-" if ns is None else f"{ns / NS_PER_MS:.3f}"
