"""The runs of one cell, summed up."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import log
from statistics import fmean, geometric_mean, median, stdev

from deploylab.core import units
from deploylab.results import describe
from deploylab.results.record import Run
from deploylab.results.stats.basics import (
    COUNTS,
    METRICS,
    Cell,
    autocorrelation,
    cell_of,
    drifts,
    require_alike,
    trend,
)

LEAST_TREND = 2  # of the runs of one server, which follow their machine's slow noise more than ratios of neighbours do
CV_TO_WARN = 0.2  # above it, the runs differ so much that there is a warning


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The runs of one cell, summed up.

    One server alone has no 95 % interval: its runs share the slow noise of the machine, so an interval from three runs
    in a row holds the true value in 65 to 76 of 100, not in 95. It has the range of its runs.
    """

    cell: Cell
    n_runs: int
    rps: float                          # geometric mean; the arithmetic mean if a run had no good answer
    rps_mean: float                     # arithmetic mean
    rps_range: tuple[float, float] | None  # the lowest and the highest; None: one run, or one without a good answer
    cv: float | None                    # standard deviation of rps / its mean
    autocorrelation: float | None       # lag 1, of log rps in order of time
    latency_ns: dict[str, float | None]  # p50 p95 p99: the median over the runs
    n_sent: int
    errors: dict[str, int]              # summed over the runs
    server_cpu_per_request_s: float | None  # median over the runs
    server_pss_bytes: float | None      # median over the runs
    bytes_per_answer: float | None      # median over the runs
    hit_ratio: float | None             # the share of good answers from a cache; None: no answer mentions a cache
    cache_state: str | None             # "cold", "steady"; None: no cache, or not known
    requests_per_visit: float | None    # median over the runs; None: no visits
    bytes_per_visit: float | None
    flags: dict[str, int]               # each flag's name, and how many runs have it
    warnings: list[str] = field(default_factory=list)

    @property
    def n_failed(self) -> int:
        return sum(self.errors.values())

    @property
    def failure_share(self) -> float:
        """Failures as a share of the requests sent, 0 to 1."""
        return self.n_failed / self.n_sent if self.n_sent else 0.0


def summarise(runs: Iterable[Run]) -> dict[Cell, Summary]:
    """One summary for each (stage, variant, view, concurrency), in the order of their first runs.

    Args:
        runs: in order of time; those of one cell with the same load on the same machine.

    Raises:
        DeployLabError: the runs of a cell differ in load or machine.

    Example:
        >>> summarise([])
        {}
    """
    cells: dict[Cell, list[Run]] = {}
    for run in runs:
        cells.setdefault(cell_of(run), []).append(run)
    return {cell: _summary(cell, members) for cell, members in cells.items()}


def _summary(cell: Cell, runs: list[Run]) -> Summary:
    require_alike(runs)
    rates = [run.rps for run in runs]
    mean = geometric_mean(rates) if min(rates) > 0 else fmean(rates)
    flags = [name for run in runs for name in {describe.flag_name(flag) for flag in run.flags}]
    summary = Summary(
        cell=cell, n_runs=len(runs), rps=mean, rps_mean=fmean(rates),
        rps_range=(min(rates), max(rates)) if len(runs) > 1 and min(rates) > 0 else None,
        cv=stdev(rates) / fmean(rates) if len(runs) > 1 and mean > 0 else None,
        autocorrelation=autocorrelation([log(rate) for rate in rates]) if min(rates) > 0 else None,
        latency_ns={p: _median_of([run.latency_ns.get(p) for run in runs]) for p in ("p50", "p95", "p99")},
        n_sent=sum(run.n_sent for run in runs),
        errors=_sum_errors(runs),
        **{name: _median_of([METRICS[name](run) for run in runs])
           for name in ("server_cpu_per_request_s", "server_pss_bytes", *COUNTS)},
        hit_ratio=_hit_ratio(runs), cache_state=runs[0].cache_state,
        flags={name: flags.count(name) for name in sorted(set(flags))},
    )
    summary.warnings.extend(_warnings(summary, runs))
    return summary


def _median_of(values: Sequence[float | None]) -> float | None:
    """The median of the values that are not None; None if more than half are missing."""
    there = [value for value in values if value is not None]
    return median(there) if 2 * len(there) >= len(values) and there else None


def _hit_ratio(runs: Sequence[Run]) -> float | None:
    spoke = [run for run in runs if run.hit_ratio is not None]
    return sum(run.hit_ratio * run.n_ok for run in spoke) / sum(run.n_ok for run in spoke) if spoke else None


def _sum_errors(runs: Sequence[Run]) -> dict[str, int]:
    kinds = dict.fromkeys(kind for run in runs for kind in run.errors)
    totals = {kind: sum(run.errors.get(kind, 0) for run in runs) for kind in kinds}
    return {kind: n for kind, n in totals.items() if n}


def _warnings(summary: Summary, runs: list[Run]) -> list[str]:
    out = describe.flags_in(runs)
    if summary.n_failed:
        out.append(describe.failures(summary.errors, summary.n_sent))
    if empty := sum(run.rps == 0 for run in runs):
        out.append(f"no good answer in {empty} of {units.count(len(runs), 'run')}: no interval")
    for name in summary.latency_ns:
        missing = sum(run.latency_ns.get(name) is None for run in runs)
        if missing:
            out.append(f"{name} is missing in {missing} of {units.count(len(runs), 'run')}: "
                       "too few answers, or too many failures")
    if summary.cv and summary.cv > CV_TO_WARN:
        out.append(f"the runs differ much: coefficient of variation {units.percent(summary.cv)}")
    if summary.rps_range and (change := trend([run.rps for run in runs], LEAST_TREND)):
        out.append(f"throughput moved in one direction, {units.factor(change)} times from the first run to the last: "
                   "something was still warming up or wearing out")
    elif drifts(summary.autocorrelation, len(runs)):
        out.append(f"successive runs are similar (lag-1 autocorrelation {summary.autocorrelation:.2f}): "
                   "the true mean may lie outside their range")
    return out
