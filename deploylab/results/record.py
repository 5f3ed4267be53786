"""The records that deploylab writes: load tests, runs, comparisons.

These are plain frozen dataclasses. A `Run` is one line of `runs.jsonl`; every
field has its unit in its name. Nothing here measures or draws anything.
"""

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from deploylab.core.errors import ResultsError

SCHEMA = 1  # increase it when a field changes its meaning; readers refuse other schemas

# Every attempt of the load engine ends in exactly one outcome.
OK = "ok"
ERRORS = (
    "http_3xx",      # a response, but not the page
    "http_4xx",
    "http_5xx",
    "connect",       # no connection: refused, unreachable
    "handshake",     # a connection, but no TLS: the two sides did not agree, or the server hung up
    "certificate",   # the server's certificate is for another name, has expired, or is from a stranger
    "reset",         # the server reset the connection
    "closed_early",  # the server closed in the middle of the response
    "stale",         # a kept connection was closed after the request was sent, before any response
    "timeout",       # no complete response in time
    "bad_response",  # not HTTP
    "bad_body",      # complete, but not the page: its length or end marker is wrong
)

# What `notes` may contain. A figure is included only if it is known.
NOTES = {
    "n_cache_hits": "good answers whose X-Cache says HIT",
    "n_cache_misses": "good answers whose X-Cache says anything else",
    "n_handshakes": "TLS handshakes that were completed",
    "n_resumed": "of these, those that resumed an earlier session",
    "n_slow_held": "the fewest half-sent requests held at once",
    "requests_per_visit": "with a visitor: mean of the good visits, like all of its kind",
    "bytes_per_visit": "received, headers included",
    "not_modified_per_visit": "requests that the server answered with 304",
    "from_cache_per_visit": "files that were used without a request",
    "handshakes_per_visit": "TLS handshakes that were completed",
    "resumed_per_visit": "of these, those that resumed an earlier session",
    "n_db_queries": "SELECT, INSERT, UPDATE and DELETE that the database server executed meanwhile, for any client",
    "n_app_cache_hits": "lookups in the application's cache server meanwhile that found something",
    "n_app_cache_misses": "lookups that did not",
}

SWEEP = "sweep"  # the purpose of a sweep's runs, and the kind of its session

PERCENTILE_DEF = "nearest-rank over all attempts, a failed one slower than any answer"


@dataclass(frozen=True, kw_only=True)
class LoadResult:
    """The result of one load test, as the engine reports it.

    `n_sent == n_ok + sum(errors.values())` always holds. A percentile in
    `latency_ns` is None if there are too few answers for it.
    """

    engine: str                       # "deploylab" and its version, or "ab 2.3"
    url: str
    started_utc: str                  # ISO 8601, when the window opened
    warmup_s: float                   # load before the window, not counted
    duration_s: float                 # the window in which answers count
    mode: str                         # "closed" or "open"
    concurrency: int                  # clients (closed), most connections (open)
    target_rps: float | None          # the requested arrival rate (open), else None
    keepalive: bool
    tls: str | None = None            # what its handshakes agreed on: "TLSv1.3, TLS_AES_256_GCM_SHA384"
    n_due: int | None                 # open loop: requests in the schedule
    n_sent: int
    n_ok: int
    n_unsent: int | None              # open loop: due, but not sent before the end
    errors: dict[str, int]            # outcomes of ERRORS, and how often each occurred
    rps: float                        # ok answers that ended in the window / window
    bytes: int                        # received in ok answers, headers included
    latency_ns: dict[str, int | None]  # min and max of the ok answers; p50 p90 p95 p99 p999 as percentile_def says
    latency_mean_ns: int | None = None  # of the ok answers
    latency_from: str                 # "start" (closed) or "due" (open)
    percentile_def: str = PERCENTILE_DEF
    handshake_ns: dict[str, int | None] | None = None  # p50 p90 p99 max, of new connections; None without TLS
    sender_lag_ns: dict[str, int | None] = field(default_factory=dict)  # p50 p90 p99 max
    client_cpu_s: float               # CPU the generator used in the window
    client_wait_s: float | None = None  # it was ready but had no processor; None: not known
    client_stalled_s: float | None = None  # it did not run at all, for whatever reason; None: not known
    ceiling_rps: float | None = None  # what this generator reaches against a static stub
    seed: int | None = None           # of the arrival times (open) and of the order of many pages
    attempts_file: str | None = None  # all attempts, compressed; beside runs.jsonl
    flags: list[str] = field(default_factory=list)  # why the number is in doubt; empty is good
    notes: dict[str, float] = field(default_factory=dict)  # other figures: see NOTES
    line_rtt_ms: float | None = None  # clients far away: the round trip and the rate of their line, as they were asked
    line_mbit_per_s: float | None = None  # for; None: the clients were next to the server
    line_means: str | None = None     # what made the line: "netem", "tun" or "packet sockets"
    line_connect_ns: int | None = None  # measured just before: what a TCP connection through the line took, the median,
    line_carried_mbit_per_s: float | None = None  # and the rate at which frames that were sent at once arrived

    @property
    def n_errors(self) -> int:
        """How many attempts did not end in a good answer."""
        return sum(self.errors.values())

    @property
    def unit(self) -> str:
        """What an attempt is: "requests", or "visits" of a page with all its files."""
        return "visits" if "requests_per_visit" in self.notes else "requests"

    @property
    def hit_ratio(self) -> float | None:
        """The share of good answers that came from a cache, or None if no answer mentions one."""
        if "n_cache_hits" not in self.notes or not self.n_ok:
            return None
        return self.notes["n_cache_hits"] / self.n_ok

    @property
    def db_queries_per_request(self) -> float | None:
        """Database queries per request, or None if they were not counted."""
        return self.notes["n_db_queries"] / self.n_sent if "n_db_queries" in self.notes and self.n_sent else None

    @property
    def app_cache_hit_ratio(self) -> float | None:
        """The share of the application's lookups that its cache server answered, or None without lookups."""
        hits, misses = (self.notes.get(f"n_app_cache_{kind}", 0) for kind in ("hits", "misses"))
        return hits / (hits + misses) if hits + misses else None


@dataclass(frozen=True, kw_only=True)
class Run(LoadResult):
    """One repeat of one load test against one stage: a line of `runs.jsonl`."""

    schema: int = SCHEMA
    run_id: str
    session_id: str
    purpose: str                      # "preview", "round", "measure", "pair" or "sweep"
    round: int | None                 # from 1; None outside the rounds
    pair_id: str | None
    side: str | None = None           # of a pair: "A" or "B"; None in records of earlier versions
    cache_state: str | None = None    # "cold": empty at first; "steady": full all the time; None: no cache
    stage: str
    variant: str | None
    view: str
    server_cpu_s: float | None        # CPU of the stage's processes during the window
    server_runq_wait_s: float | None  # time that its threads were ready but had no processor
    server_rss_bytes: int | None      # sum over processes: counts shared pages many times
    server_pss_bytes: int | None      # sum over processes: shared pages divided fairly
    machine: dict[str, Any]           # kind provider cpu n_cpu memory_bytes kernel distro versions
    config_hash: str                  # of the stage's deploy and configuration files
    app_rev: str                      # of the deployed source

    @property
    def server_cpu_per_request_s(self) -> float | None:
        """CPU seconds that the server used per request, or None if not sampled."""
        if self.server_cpu_s is None or not self.n_sent:
            return None
        return self.server_cpu_s / self.n_sent

    def to_json(self) -> str:
        """The run as one JSON line, without the newline."""
        return json.dumps(asdict(self), separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, line: str) -> "Run":
        """The run that `to_json` wrote.

        Raises:
            ResultsError: the line is incomplete, or from another version.
        """
        try:
            data = json.loads(line)
        except ValueError as error:
            raise ResultsError(f"A result line is not valid JSON: {error}") from error
        if not isinstance(data, dict) or data.get("schema") != SCHEMA:
            schema = data.get("schema") if isinstance(data, dict) else type(data).__name__
            raise ResultsError(
                f"A result has schema {schema}; this version reads schema {SCHEMA}.",
                "measure again with this version, or read it with the one that wrote it",
            )
        known = {f.name for f in fields(cls)}
        try:
            return cls(**{name: value for name, value in data.items() if name in known})
        except TypeError as error:
            raise ResultsError(f"A result lacks fields: {error}") from error


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How B compares to A in one figure: the ratio of B over A with its interval.

    Computed from pairs of runs that are next to each other in time.
    """

    a: str
    b: str
    view: str
    metric: str                       # "rps", "p50_ns", "server_cpu_per_request_s"
    n_pairs: int
    ratio: float | None               # geometric mean of B/A over the pairs; None: nothing to compare, or a trend
    ci95: tuple[float, float] | None  # None with fewer than two pairs
    half_width: float | None          # the interval as a factor: 0.08 reads "± 8 %"
    verdict: str                      # in words, for a person
    unit: str = "requests"            # what was counted, or "visits"
    series: tuple[float, ...] = ()    # with a trend: B/A of each pair, in order of time
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing that is configured differently on the two sides of a comparison."""

    name: str                         # "gunicorn worker_class", "environment DJANGO_DEBUG", "django DEBUG"
    a: str | None                     # its value on side A; None: not set there
    b: str | None
    file: str = ""                    # its file, with the target's own name replaced by NAME; "": in no file
