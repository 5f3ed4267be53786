"""Two sides, paired run by run."""

from collections.abc import Sequence
from math import exp, log, sqrt
from statistics import fmean

from deploylab.core import units
from deploylab.core.errors import DeployLabError
from deploylab.results import describe
from deploylab.results.record import Comparison, Run
from deploylab.results.stats.basics import (
    COUNTS,
    FAILURES_TO_WARN,
    METRICS,
    autocorrelation,
    drifts,
    log_interval,
    require_alike,
    student_t,
    trend,
)

COARSE = 0.01  # a rounding of whole answers that makes equal ratios likely

Pair = tuple[list[Run], list[Run]]


def compare(a_runs: Sequence[Run], b_runs: Sequence[Run], metric: str = "rps", *,
            of_views: bool = False) -> Comparison:
    """How B compares to A in one figure: the logarithms of the ratios of all pairs, with a t interval.

    If the ratio clearly moves in one direction from pair to pair, there is no ratio, only the series. An interval of
    throughputs is never narrower than half an answer more or less in each run: ten answers in each of four short runs
    are no proof that it is ten times exactly.

    A pair is the runs of A and B with the same `pair_id`, or else in the same round of the same session.
    Flagged runs are included, with a warning.

    Args:
        a_runs, b_runs: in order of time, each side of one cell.
        metric: a key of METRICS.
        of_views: the two sides are two views, perhaps of one server; otherwise different views are an error.

    Raises:
        DeployLabError: the runs differ in view, load or machine, or the metric is unknown.

    Example:
        >>> compare(runs_of_apache, runs_of_nginx).verdict          # doctest: +SKIP
        'nginx against apache: 2.1 times as many requests per second (1.9 to 2.3); half-width 10 %'

    Source: as `log_interval`, on log(B/A); pairing removes the slow drift that both sides share
        (Box, Hunter, Hunter, "Statistics for Experimenters", the paired comparison).
    """
    if metric not in METRICS:
        raise DeployLabError(f"There is no metric '{metric}'. They are: {', '.join(METRICS)}.")
    for runs in (a_runs, b_runs):
        require_alike(runs)
    may_differ = ["view", "keep-alive"] if of_views else []  # how its clients connect is a part of a view
    if any(run.cache_state is None for run in (*a_runs, *b_runs)):  # only one side has a cache
        may_differ.append("state of the cache")
    require_alike([*a_runs, *b_runs], but=may_differ)
    a_name, b_name = _name(a_runs, "A", of_views), _name(b_runs, "B", of_views)
    pairs = _pairs(a_runs, b_runs)
    ratios = [ratio for pair in pairs if (ratio := _ratio(pair, metric)) is not None]
    moves = metric not in COUNTS and trend(ratios) is not None
    ratio, ci95 = log_interval(ratios) if ratios and not moves else (None, None)
    rounding = _rounding(pairs) if metric == "rps" else 0.0
    if ratio is not None and ci95:
        ci95 = min(ci95[0], ratio / (1 + rounding)), max(ci95[1], ratio * (1 + rounding))
    half_width = sqrt(ci95[1] / ci95[0]) - 1 if ci95 else None
    unit = "visits" if any(run.unit == "visits" for run in (*a_runs, *b_runs)) else "requests"
    return Comparison(
        a=a_name, b=b_name, view=" and ".join(dict.fromkeys(run.view for run in (*a_runs, *b_runs))), metric=metric,
        n_pairs=len(ratios), ratio=ratio, ci95=ci95, half_width=half_width,
        verdict=_verdict(f"{b_name} against {a_name}", pairs, metric, ratio, ci95, half_width, ratios, unit),
        unit=unit, series=tuple(ratios) if moves else (),
        warnings=_warnings(pairs, ratios, metric, len(a_runs), len(b_runs), rounding),
    )


def pairs_needed(comparison: Comparison, half_width: float) -> int | None:
    """How many pairs with this noise would give that half-width; None if there is no interval.

    Args:
        half_width: as a factor minus one: 0.05 for 5 %.

    Example:
        >>> comparison = Comparison(a="a", b="b", view="page", metric="rps", n_pairs=5, ratio=1.0, ci95=(0.8, 1.25),
        ...                    half_width=0.25, verdict="")
        >>> pairs_needed(comparison, 0.25), pairs_needed(comparison, 0.10)
        (5, 17)

    Source: as `log_interval`, solved for n with the observed spread.
    """
    if not comparison.half_width or comparison.n_pairs < 2:
        return None
    spread = log(1 + comparison.half_width) * sqrt(comparison.n_pairs) / student_t(comparison.n_pairs)
    n = 2
    while student_t(n) * spread / sqrt(n) > log(1 + half_width) + 1e-12:
        n += max(1, n // 50)  # a count in thousands need not be exact
    return n


def _name(runs: Sequence[Run], otherwise: str, with_view: bool = False) -> str:
    names = list(dict.fromkeys(describe.target(run.stage, run.variant) + (f" {run.view}" if with_view else "")
                               for run in runs))
    if len(names) > 1:
        raise DeployLabError(f"One side of a comparison holds several servers: {', '.join(names)}.",
                             "give the runs of one stage or variant to each side")
    return names[0] if names else otherwise


def _pairs(a_runs: Sequence[Run], b_runs: Sequence[Run]) -> list[Pair]:
    """The pairs of runs; if one half was repeated, both of its runs belong to the pair."""
    sides: dict[tuple, Pair] = {}
    for side, runs in enumerate((a_runs, b_runs)):
        for run in runs:
            if (key := _pair_key(run)) is not None:
                sides.setdefault(key, ([], []))[side].append(run)
    return [pair for pair in sides.values() if pair[0] and pair[1]]


def _pair_key(run: Run) -> tuple | None:
    if run.pair_id is not None:
        return (run.session_id, "pair", run.pair_id)
    return None if run.round is None else (run.session_id, "round", run.round)


def _ratio(pair: Pair, metric: str) -> float | None:
    """B over A, or None if one of them has no such figure or it is 0."""
    sides = [[METRICS[metric](run) for run in side] for side in pair]
    if not all(value for side in sides for value in side):
        return None
    a_mean, b_mean = (fmean(map(log, side)) for side in sides)
    return exp(b_mean - a_mean)


def _rounding(pairs: list[Pair]) -> float:
    """By what share a ratio of throughputs may be wrong, because answers are whole: half of one on each side."""
    n_answers = [[run.rps * run.duration_s for run in side if run.rps] for side in _by_side(pairs)]
    return sum(0.5 / fmean(counts) for counts in n_answers if counts)


def _verdict(names: str, pairs: list[Pair], metric: str, ratio: float | None,
             ci95: tuple[float, float] | None, half_width: float | None, ratios: list[float],
             unit: str) -> str:
    if ratio is None and ratios:
        return (f"{names}: no ratio, because it moved in one direction from pair to pair: {describe.series(ratios)} "
                "times")
    if ratio is None:
        return f"{names}: no ratio, because {_why_none(pairs, metric)}"
    left_out = f" in {len(ratios)} of {len(pairs)} pairs" if len(ratios) < len(pairs) else ""
    text = f"{names}{left_out}: {describe.change(ratio, ci95, metric, unit)}"
    if half_width is None:
        return f"{text}; one pair alone has no interval"
    return f"{text}; half-width {units.half_width(half_width)}"


def _why_none(pairs: list[Pair], metric: str) -> str:
    if not pairs:
        return "no two runs share a round or a pair"
    silent = [_name(runs, "") for runs in _by_side(pairs) if all(run.n_ok == 0 for run in runs)]
    if silent:
        return f"{' and '.join(silent)} gave no good answer"
    return f"no pair has a {describe.METRICS[metric][0]} on both sides"


def _by_side(pairs: list[Pair]) -> tuple[list[Run], list[Run]]:
    return [run for a, _ in pairs for run in a], [run for _, b in pairs for run in b]


def _warnings(pairs: list[Pair], ratios: list[float], metric: str, n_a: int, n_b: int,
              rounding: float) -> list[str]:
    out = []
    if 0 < len(ratios) < len(pairs):
        out.append(f"{len(pairs) - len(ratios)} of {units.count(len(pairs), 'pair')} left out: "
                   f"one side had no {describe.METRICS[metric][0]}; the ratio is of the others only")
    sides = _by_side(pairs)
    if single := n_a + n_b - sum(map(len, sides)):
        out.append(f"{units.count(single, 'run')} without a partner left out")
    for runs in sides:
        out += _side_warnings(runs)
    if len(ratios) > 1 and max(ratios) == min(ratios) and metric not in COUNTS and rounding < COARSE:
        out.append("every pair gave exactly the same ratio: something fixed decides it, a rate or a wait for example; "
                   "the interval says nothing about precision")
    if metric not in COUNTS and drifts(autocorrelation([log(ratio) for ratio in ratios]), len(ratios)):
        out.append("successive pairs are similar (autocorrelation): the interval is too narrow")
    return out + _differences([run for runs in sides for run in runs])


def _side_warnings(runs: Sequence[Run]) -> list[str]:
    name = _name(runs, "")
    out = [f"{name}: {text}" for text in describe.flags_in(runs, but=describe.INFORMATION)]
    sent, failed = sum(run.n_sent for run in runs), sum(run.n_errors for run in runs)
    if sent and failed / sent > FAILURES_TO_WARN:
        out.append(f"{name}: {units.percent(failed / sent)} of its requests failed; "
                   "only good answers are compared")
    return out


def _differences(runs: Sequence[Run]) -> list[str]:
    """What should be the same on both sides and is not, although the comparison is still possible."""
    checks = {"source revision of the app": {run.app_rev for run in runs},
              "load generator": {run.engine for run in runs}}
    return [f"the {name} differs: {', '.join(sorted(values))}"
            for name, values in checks.items() if len(values) > 1]
