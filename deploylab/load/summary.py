"""Computes a LoadResult from the attempts. Nothing here uses a clock or a socket."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import mean

from deploylab.core.errors import LoadError
from deploylab.core.units import NS_PER_S
from deploylab.load import flags
from deploylab.load.attempts import NONE, OUTCOMES, Attempts
from deploylab.load.http_head import HIT, MISS
from deploylab.load.spec import OPEN, LoadSpec
from deploylab.results.record import LoadResult

ENGINE = "deploylab 2"  # increase the number when the same load would give other figures

# In thousandths, so that ranks are computed with integers.
PERCENTILES = {"p50": 500, "p90": 900, "p95": 950, "p99": 990, "p999": 999}
BEYOND = 10  # attempts that a percentile needs above it; failed attempts are above every good answer


@dataclass(frozen=True, kw_only=True)
class RawResult:
    """What the engine recorded, before anything is computed. Times are of its clock."""

    attempts: Attempts
    zero_ns: int             # when the load began
    zero_utc: datetime
    opened_ns: int           # the window
    closed_ns: int | None    # None: it ends with the last response (for a number of requests)
    client_cpu_s: float
    client_wait_s: float | None = None  # ready, but without a processor; None: the system does not say
    client_stalled_s: float = 0.0  # it did not run at all: stopped, or without a processor
    seed: int | None
    n_due: int | None = None
    concurrency: int
    pinned: bool | None = None  # None: not requested
    shared_core: bool = False
    stopped: bool = False
    n_unfinished: int = 0    # attempts given up when the load was stopped; not counted
    n_slow_held: int = 0
    tls: str | None = None   # what the handshake agreed on
    visits: dict[str, list[int]] = field(default_factory=dict)  # the counts of each visit, in addition to its attempt


def summarise(spec: LoadSpec, raw: RawResult) -> LoadResult:
    """The result of a load test.

    An attempt belongs to the window if it was due in it; in a closed loop it is due when its client is free.
    Counts and percentiles are of the attempts that belong to the window, however late they ended; `rps` counts the
    good answers that ended in the window, whenever they began.

    Raises:
        LoadError: the counts do not add up, which is a bug in the engine.
    """
    rows = _belonging(raw)
    counts = {name: 0 for name in OUTCOMES}
    for code in rows["outcome"]:
        counts[OUTCOMES[code]] += 1
    n_sent, n_ok = len(rows["outcome"]), counts.pop("ok")
    errors = {name: n for name, n in counts.items() if n}
    if n_sent != n_ok + sum(errors.values()):
        raise LoadError(f"The engine lost count: {n_sent} sent, {n_ok} good, errors {errors}.")
    closed_ns = raw.closed_ns or max(rows["end_ns"], default=raw.opened_ns)
    window_ns = closed_ns - raw.opened_ns
    good = [end - begin for begin, end, code in
            zip(rows[_from(spec)], rows["end_ns"], rows["outcome"], strict=True) if not code]
    lag = spread([start - ready for ready, start in zip(rows["ready_ns"], rows["start_ns"], strict=True)])
    result = LoadResult(
        engine=ENGINE,
        url=spec.url,
        started_utc=_utc(raw),
        warmup_s=(raw.opened_ns - raw.zero_ns) / NS_PER_S if spec.warmup_s else 0.0,
        duration_s=window_ns / NS_PER_S,
        mode=spec.mode,
        concurrency=raw.concurrency,
        target_rps=spec.rate_per_s,
        keepalive=spec.keepalive,
        tls=raw.tls,
        n_due=raw.n_due,
        n_sent=n_sent,
        n_ok=n_ok,
        n_unsent=None if raw.n_due is None else raw.n_due - n_sent - raw.n_unfinished,
        errors=errors,
        rps=_n_ended(raw, closed_ns) * NS_PER_S / window_ns if window_ns else 0.0,
        bytes=sum(n for n, code in zip(rows["bytes"], rows["outcome"], strict=True) if not code),
        latency_ns=latencies(good, n_sent - n_ok),
        latency_mean_ns=round(mean(good)) if good else None,
        latency_from="due" if spec.mode == OPEN else "start",
        handshake_ns=handshakes(rows) if raw.tls else None,
        sender_lag_ns=lag,
        client_cpu_s=raw.client_cpu_s,
        client_wait_s=raw.client_wait_s,
        client_stalled_s=raw.client_stalled_s,
        ceiling_rps=spec.ceiling_rps,
        seed=raw.seed,
        attempts_file=spec.attempts_path,
        notes=notes(spec, raw, rows),
    )
    result.flags.extend(flags.raise_flags(
        result, stopped=raw.stopped, n_unfinished=raw.n_unfinished, pinned=raw.pinned,
        shared_core=raw.shared_core, slow_clients=spec.slow_clients, n_slow_held=raw.n_slow_held))
    return result


def notes(spec: LoadSpec, raw: RawResult, rows: dict) -> dict[str, float]:
    """Other figures, by the names of `record.NOTES`; figures that are not known are left out."""
    good = [cache for cache, code in zip(rows["cache"], rows["outcome"], strict=True) if not code]
    n_hits, n_misses = good.count(HIT), good.count(MISS)
    caches = {"n_cache_hits": n_hits, "n_cache_misses": n_misses} if n_hits or n_misses else {}
    slow = {"n_slow_held": raw.n_slow_held} if spec.slow_clients else {}
    return caches | slow | _sessions(raw, rows) | _per_visit(raw, rows)


def handshakes(rows: dict) -> dict[str, int | None]:
    """How long the TLS handshakes took that were completed, from the established connection on."""
    pairs = zip(rows["connected_ns"], rows["secured_ns"], strict=True)
    return spread([secured - connected for connected, secured in pairs if secured != NONE])


def _sessions(raw: RawResult, rows: dict) -> dict[str, float]:
    if not raw.tls or raw.visits:  # a visit has several handshakes
        return {}
    return {"n_handshakes": sum(at != NONE for at in rows["secured_ns"]), "n_resumed": list(rows["resumed"]).count(1)}


def _per_visit(raw: RawResult, rows: dict) -> dict[str, float]:
    """Means of the good visits."""
    good = [i for i, code in enumerate(rows["outcome"]) if not code]
    columns = {**{name: rows[name] for name in raw.visits}, "bytes": rows["bytes"]} if raw.visits and good else {}
    return {f"{name}_per_visit": round(mean(column[i] for i in good), 3) for name, column in columns.items()}


def percentile(ordered: list[int], thousandths: int, n_failed: int = 0) -> int | None:
    """The nearest-rank percentile of all attempts: the time within which that share of them had a good answer.

    Args:
        ordered: values of the good answers in ascending order.
        thousandths: 500 for the median.
        n_failed: attempts without a good answer. They count as slower than every good one.

    Returns:
        None if fewer attempts than that share had a good answer.

    Example:
        >>> percentile([10, 20, 30, 40], 500), percentile([10, 20, 30, 40], 500, n_failed=2)
        (20, 30)

    Source: the nearest-rank method, rank = ceil(p * n).
    """
    rank = max(_rank(thousandths, len(ordered) + n_failed), 1)
    return ordered[rank - 1] if rank <= len(ordered) else None


def _rank(thousandths: int, n: int) -> int:
    return -(-thousandths * n // 1000)


def latencies(values: list[int], n_failed: int = 0) -> dict[str, int | None]:
    """Minimum and maximum of the good answers, and percentiles of all attempts; None where there are too few.

    Args:
        values: latencies of the good answers in nanoseconds, in any order.
        n_failed: attempts without a good answer. If more than 1 - p of all attempts failed, the p-th
            percentile does not exist.

    Example:
        >>> latencies([5, 7])["max"], latencies([5, 7])["p50"]
        (7, None)

    Source: an order statistic with fewer than some 10 values beyond it is mostly chance.
    """
    ordered = sorted(values)
    n_all = len(ordered) + n_failed
    shown: dict[str, int | None] = {"min": ordered[0] if ordered else None}
    for name, p in PERCENTILES.items():
        shown[name] = percentile(ordered, p, n_failed) if n_all - _rank(p, n_all) >= BEYOND else None
    shown["max"] = ordered[-1] if ordered else None
    return shown


def spread(values: list[int]) -> dict[str, int | None]:
    """Median, 90th and 99th percentile and maximum, by the same rule."""
    every = latencies(values)
    return {name: every[name] for name in ("p50", "p90", "p99", "max")}


def _from(spec: LoadSpec) -> str:
    return "due_ns" if spec.mode == OPEN else "start_ns"


def _belonging(raw: RawResult) -> dict:
    """The columns that we need, of the attempts that belong to the window."""
    names = ("ready_ns", "end_ns", "outcome", "bytes", "cache", "start_ns", "due_ns", "connected_ns", "secured_ns",
             "resumed")
    end_ns = raw.closed_ns or float("inf")
    inside = [raw.opened_ns <= due < end_ns for due in raw.attempts.column("due_ns")]
    columns = {name: raw.attempts.column(name) for name in names} | raw.visits
    return {name: [v for v, belongs in zip(column, inside, strict=True) if belongs]
            for name, column in columns.items()}


def _n_ended(raw: RawResult, closed_ns: int) -> int:
    """How many good answers ended in the window."""
    ends, outcomes = raw.attempts.column("end_ns"), raw.attempts.column("outcome")
    return sum(not code and raw.opened_ns <= end <= closed_ns
               for end, code in zip(ends, outcomes, strict=True))


def _utc(raw: RawResult) -> str:
    opened = raw.zero_utc + timedelta(microseconds=(raw.opened_ns - raw.zero_ns) // 1000)
    return opened.astimezone(UTC).isoformat(timespec="milliseconds")
