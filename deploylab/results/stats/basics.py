"""The basis of all statistics: cells, metrics, the t interval on logarithms, and which runs are comparable."""

from collections.abc import Callable, Sequence
from math import exp, log, sqrt
from statistics import fmean, stdev
from typing import NamedTuple

from deploylab.core import units
from deploylab.core.errors import DeployLabError
from deploylab.results import describe
from deploylab.results.record import Run

FAILURES_TO_WARN = 0.01  # share of the requests sent
LEAST_TREND = 1.5  # a smaller change from the first value to the last is no reason to give no interval


class Cell(NamedTuple):
    """What a figure is about: one server, one page, one number of clients."""

    stage: str
    variant: str | None
    view: str
    concurrency: int

    @property
    def target(self) -> str:
        return describe.target(self.stage, self.variant)


# What can be compared: a figure of a run, or None if the run has none.
METRICS: dict[str, Callable[[Run], float | None]] = {
    "rps": lambda run: run.rps,
    "p50_ns": lambda run: run.latency_ns.get("p50"),
    "p95_ns": lambda run: run.latency_ns.get("p95"),
    "p99_ns": lambda run: run.latency_ns.get("p99"),
    # Without a good answer, there is no cost per answer.
    "server_cpu_per_request_s": lambda run: run.server_cpu_per_request_s if run.n_ok else None,
    "server_pss_bytes": lambda run: run.server_pss_bytes,
    "bytes_per_answer": lambda run: run.bytes / run.n_ok if run.n_ok else None,
    "requests_per_visit": lambda run: run.notes.get("requests_per_visit"),
    "bytes_per_visit": lambda run: run.notes.get("bytes_per_visit"),
}
MORE_IS_BETTER = ("rps",)  # of all others, less
COUNTS = ("bytes_per_answer", "requests_per_visit", "bytes_per_visit")  # not times: equal ones are not suspicious


def cell_of(run: Run) -> Cell:
    """The cell that a run belongs to."""
    return Cell(run.stage, run.variant, run.view, run.concurrency)


def log_interval(values: Sequence[float]) -> tuple[float, tuple[float, float] | None]:
    """The geometric mean of positive values, and its 95 % t interval.

    Args:
        values: shape (n,), positive, any unit. With n = 1 there is no interval.

    Example:
        >>> mean, (low, high) = log_interval([1.0, 4.0])
        >>> round(mean, 6)
        2.0

    Source: Student's t on log(values), mean ± t(0.975, n - 1) s / sqrt(n), then exp; tests/results/test_stats.py
        counts how often it covers. Runs as the unit: Kalibera and Jones, "Rigorous benchmarking in
        reasonable time", ISMM 2013.
    """
    logs = [log(value) for value in values]
    centre, n = fmean(logs), len(logs)
    if n < 2:
        return exp(centre), None
    half = student_t(n) * stdev(logs) / sqrt(n)
    return exp(centre), (exp(centre - half), exp(centre + half))


def student_t(n: int) -> float:
    """How many standard errors a 95 % interval of n values reaches to each side.

    Args:
        n: how many values, 2 or more.

    Example:
        >>> round(student_t(5), 3)
        2.776
    """
    from scipy.special import stdtrit  # imported late, because importing scipy is slow

    return float(stdtrit(n - 1, 0.975))


def autocorrelation(values: Sequence[float]) -> float | None:
    """How similar a value is to the one before it, -1 to 1; None with fewer than 3 values, or if all are equal.

    Args:
        values: shape (n,), in order of time.

    Example:
        >>> autocorrelation([1, -1, 1, -1])
        -0.75

    Source: Box, Jenkins, Reinsel, "Time Series Analysis", the sample autocorrelation r_1 = c_1 / c_0.
    """
    if len(values) < 3:
        return None
    centre = fmean(values)
    off = [value - centre for value in values]
    power = sum(x * x for x in off)
    return sum(x * y for x, y in zip(off, off[1:], strict=False)) / power if power > 1e-18 else None


def drifts(r1: float | None, n: int) -> bool:
    """Whether a lag-1 autocorrelation of n values is larger than chance allows.

    Source: Bartlett's approximate limit for white noise, r_1 > 2 / sqrt(n).
    """
    return r1 is not None and r1 > 2 / sqrt(n)


def trend(values: Sequence[float], least: float = LEAST_TREND) -> float | None:
    """By what factor positive values grow from the first to the last, if they clearly move in one direction; else None.

    Such values do not scatter around one true value: something was still filling, warming up or wearing out. Their mean
    says how long it was measured, so it gets no interval.

    Args:
        values: shape (n,), positive, in order of time; fewer than 3 have no trend.
        least: a factor; smaller changes are left to the interval.

    Example:
        >>> round(trend([1, 1.5, 2.25, 3.4, 5.1]), 2)
        5.11
        >>> trend([1, 1.3, 0.9, 1.2, 1.1]) is None
        True

    Source: the t test of the slope of a straight line through log(values), at 5 % (Box, Hunter, Hunter, "Statistics for
        Experimenters"). Simulated with the noise of `tests/synthetic.py`, it finds a trend where there is none in 3 of
        100 series of ratios.
    """
    n = len(values)
    if n < 3:
        return None
    logs, times = [log(value) for value in values], [i - (n - 1) / 2 for i in range(n)]
    slope = sum(t * y for t, y in zip(times, logs, strict=True)) / sum(t * t for t in times)
    centre = fmean(logs)
    rest = sum((y - centre - slope * t) ** 2 for t, y in zip(times, logs, strict=True))
    error = sqrt(rest / (n - 2) / sum(t * t for t in times))
    clear = abs(slope) > student_t(n - 1) * error  # n - 2 degrees of freedom
    return exp(slope * (n - 1)) if clear and abs(slope) * (n - 1) > log(least) else None


def require_alike(runs: Sequence[Run], *, but: Sequence[str] = ()) -> None:
    """Do nothing if all runs had the same view, load and machine.

    Args:
        but: what may differ: "view", if two views of one server are compared on purpose.

    Raises:
        DeployLabError: they differ; the message says in what.
    """
    for name, figure in _SAME.items():
        values = list(dict.fromkeys(figure(run) for run in runs))
        if len(values) > 1 and name not in but:
            raise DeployLabError(
                f"These runs cannot be compared: their {name} differs: {' and '.join(map(str, values[:3]))}.",
                "measure both under the same load, in turns: ./lab compare A B",
            )


_SAME: dict[str, Callable[[Run], object]] = {
    "view": lambda run: run.view,
    "mode": lambda run: f"{run.mode} loop",
    "concurrency": lambda run: units.count(run.concurrency, "client"),
    "arrival rate": lambda run: run.target_rps,
    "keep-alive": lambda run: "on" if run.keepalive else "off",
    "number of slow clients": lambda run: next((flag.split()[-1].rpartition("=")[2] for flag in run.flags
                                                if describe.flag_name(flag) == "slow_clients"), "0"),
    "distance of the clients": lambda run: describe.distance(run) or "next to the server",
    "duration": lambda run: f"{run.duration_s:.1f} s",
    "state of the cache": lambda run: run.cache_state or "none",
    "machine": lambda run: describe.machine(run.machine) + f", kernel {run.machine.get('kernel')}",
}
