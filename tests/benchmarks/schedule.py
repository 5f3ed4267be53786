"""How the time of `./lab run` is best spent, under the noise of a real machine: simulated, as Markdown tables.

    python -m tests.benchmarks.schedule --write guides/accuracy.md

The noise is `tests/synthetic.py`'s, in continuous time: a run's throughput is the mean of the machine's speed over its
window, counted in whole answers. How long the machine stays as it is, and what a run costs besides its window, is read
from the recorded session.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import exp, log, sqrt
from statistics import fmean, median

import numpy as np

from deploylab import course as courses
from deploylab import results
from deploylab.core import units
from deploylab.measure import order, schedule
from deploylab.measure.bench import WARMUP_S
from deploylab.measure.schedule import QUICK, THOROUGH, USUAL, Effort
from deploylab.results import stats
from deploylab.results.record import Run
from tests.benchmarks import marks
from tests.synthetic import NOISE_CV, NOISE_SD, ar1

STEP_S = 0.1             # how finely the machine's speed is simulated
MEMORY_S = 3.1           # after so many seconds, its speed is correlated with what it was by 1/e: see `memory_s`
BESIDE_S = 1.1           # of a run, beside its window: the median of the recorded session, with WARMUP_S in it
STEADY_SD = 0.02         # of a page that only waits
WINDOWS_S = (0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 3.0)
BUDGETS_MIN = (8, 8.75, 9.5, 10, 12, 15)
TRUTH = 1.2


@dataclass(frozen=True)
class Sides:
    """A contrast: the answers per second of both sides, and the noise of the machine on them."""

    name: str
    a_rps: float
    b_rps: float
    sd: float = NOISE_SD


# ------------------------------------------------------------------ what is read from the recorded session

def recorded() -> list[Run]:
    """The runs of the recorded session of `./lab run`."""
    return results.recorded()[-1].runs()


def memory_s(runs: Sequence[Run], near: tuple[float, float] = (2.0, 5.0), far_s: float = 60.0) -> float:
    """After how many seconds the machine's speed is correlated with what it was by 1/e.

    Args:
        runs: of rounds; those of a page that waits say nothing of the machine's speed.
    """
    course = courses.load()
    cells: dict[tuple, list[tuple[float, float]]] = {}
    for run in runs:
        if run.purpose == "round" and run.rps and not course.view(run.view).wait_s:
            cells.setdefault((run.stage, run.view, run.concurrency), []).append((_began_s(run), log(run.rps)))
    points = sorted((t, (x - fmean(v for _, v in cell)) * sqrt(len(cell) / (len(cell) - 1)))
                    for cell in cells.values() if len(cell) > 2 for t, x in cell)
    gaps = [(b[0] - a[0], (b[1] - a[1]) ** 2) for i, a in enumerate(points) for b in points[i + 1:i + 60]]
    close = [(gap, square) for gap, square in gaps if near[0] < gap < near[1]]
    apart = [square for gap, square in gaps if gap > far_s]
    return -fmean(gap for gap, _ in close) / log(1 - fmean(square for _, square in close) / fmean(apart))


def contrasts_of(runs: Sequence[Run]) -> list[Sides]:
    """The course's contrasts, with the rates of their sides in a session.

    One that it lacks gets those of its view, or where that was not measured either, those of all views.
    """
    course, rates = courses.load(), {}
    for run in runs:
        if run.purpose == "pair" and run.rps:
            sides = rates.setdefault(run.pair_id.rpartition("/")[0], {})
            sides.setdefault((run.stage, run.variant, run.view), []).append(run.rps)
    of_view = {view: median([run.rps for run in runs if run.view == view and run.rps] or
                            [run.rps for run in runs if run.rps]) for view in {one.view for one in course.contrasts}}
    known = {name: [median(side) for side in sides.values()] for name, sides in rates.items() if len(sides) == 2}
    return [Sides(one.name, *known.get(one.name, [of_view[one.view]] * 2),
                  STEADY_SD if course.view(one.view).wait_s else NOISE_SD) for one in course.contrasts]


def _began_s(run: Run) -> float:
    return datetime.fromisoformat(run.started_utc).timestamp()


# ------------------------------------------------------------------ pairs on a machine whose speed changes

def pairs(rng: np.random.Generator, sides: Sides, n: int, window_s: float, beside_s: float, *, truth: float = 1.0,
          between_s: float = 0.0) -> np.ndarray:
    """The logarithms of the ratios of n pairs, B over A; the side that goes first is drawn.

    Args:
        sides: their rates; B's counts with `truth` times what A's does, whatever it was recorded as.
        between_s: the time between two pairs, in addition.
    """
    each_s, width = window_s + beside_s, round(window_s / STEP_S)
    pair_s = 2 * each_s + between_s
    speed = np.exp(ar1(rng, round((n * pair_s + 1) / STEP_S), sides.sd, exp(-STEP_S / MEMORY_S)))
    starts = [round((number * pair_s + half * each_s) / STEP_S) for number in range(n) for half in (0, 1)]
    speeds = np.array([speed[start:start + width].mean() for start in starts]).reshape(n, 2)
    keeps = np.array(order.drawn(n, str(rng.integers(2**32))))
    a, b = np.where(keeps, speeds[:, 0], speeds[:, 1]), np.where(keeps, speeds[:, 1], speeds[:, 0])
    counted = [np.maximum(rng.poisson(side * rps * window_s), 1) / (rps * window_s)
               for side, rps in ((a, sides.a_rps), (b * truth, sides.b_rps))]
    return np.log(counted[1] / counted[0])


def intervals(series: Sequence[np.ndarray]) -> list[tuple[float, float]]:
    """The product's own 95 % interval of each series of logarithms."""
    return [stats.log_interval(np.exp(logs))[1] for logs in series]


def half_width(found: Sequence[tuple[float, float]]) -> float:
    """The median half-width, as a factor minus one."""
    return median(sqrt(high / low) - 1 for low, high in found)


def right(found: Sequence[tuple[float, float]], truth: float = 1.0) -> float:
    """The share of intervals that hold the truth."""
    return sum(low <= truth <= high for low, high in found) / len(found)


# ------------------------------------------------------------------ whole sessions

Rule = Callable[[dict[str, np.ndarray], Effort, float, float], dict[str, int]]


def by_width(series: dict[str, np.ndarray], effort: Effort, left_s: float, one_s: float) -> dict[str, int]:
    """The product's rule: decided once, from the spread of the first pairs."""
    first = {name: logs[:effort.n_pairs] for name, logs in series.items()}
    return schedule.more_pairs(first, effort, left_s, dict.fromkeys(first, one_s))


def by_width_again(series: dict[str, np.ndarray], effort: Effort, left_s: float, one_s: float) -> dict[str, int]:
    """Decided again after each pair, from the spread of all pairs so far."""
    n = dict.fromkeys(series, effort.n_pairs)
    while left_s >= one_s:
        widths = {name: schedule.half_width(float(np.std(logs[:n[name]], ddof=1)), n[name])
                  for name, logs in series.items() if n[name] < schedule.MOST_PAIRS}
        widest = max(widths, key=widths.get, default=None)
        if widest is None or widths[widest] <= schedule.NARROW:
            break
        n[widest], left_s = n[widest] + 1, left_s - one_s
    return n


def until_it_differs(series: dict[str, np.ndarray], effort: Effort, left_s: float, one_s: float) -> dict[str, int]:
    """What nobody should do: more pairs as long as the interval contains 1."""
    def ends(logs: np.ndarray) -> int:
        return next((n for n in range(effort.n_pairs, schedule.MOST_PAIRS)
                     if not right(intervals([logs[:n]]))), schedule.MOST_PAIRS)

    return {name: ends(logs) for name, logs in series.items()}


@dataclass(frozen=True)
class Spent:
    """Simulated sessions: half-widths of the median and the widest contrast, shares, minutes of the contrasts."""

    median: float
    widest: float
    right: float
    found: float
    minutes: float


def sessions(contrasts: Sequence[Sides], effort: Effort, left_s: float, rule: Rule, times: int) -> Spent:
    """So many sessions' contrasts, under an effort and a rule for further pairs.

    Args:
        left_s: for all contrasts, their first pairs included.
    """
    rng, beside_s = np.random.default_rng(20261129), BESIDE_S - WARMUP_S + effort.warmup_again_s
    one_s = 2 * (effort.pair_seconds + beside_s)
    first_s = len(contrasts) * (effort.n_pairs * one_s + schedule.WAKE_S)
    middle, widest, same, other, spent = [], [], [], [], []
    for _ in range(times):
        series = {one.name: pairs(rng, one, schedule.MOST_PAIRS, effort.pair_seconds, beside_s) for one in contrasts}
        n = rule(series, effort, left_s - first_s, one_s)
        found = intervals([logs[:n[name]] for name, logs in series.items()])
        middle.append(half_width(found))
        widest.append(max(sqrt(high / low) - 1 for low, high in found))
        same.append(right(found))
        other.append(sum(low * TRUTH > 1 for low, _ in found) / len(found))  # a true ratio shifts both ends
        spent.append(first_s + sum(k - effort.n_pairs for k in n.values()) * one_s)
    return Spent(median(middle), median(widest), fmean(same), fmean(other), fmean(spent) / 60)


# ------------------------------------------------------------------ the tables

def windows(times: int, minutes: float = 0.4) -> str:
    """For each length of a window: how many pairs fit in, and how narrow their interval is."""
    rng, slow, fast = np.random.default_rng(20261129), Sides("slow", 40, 40), Sides("fast", 1000, 1000)
    lines = ["| window | pairs in 24 s | half-width, 40 answers/s | half-width, 1,000 answers/s | right, A against A |",
             "|" + " ---: |" * 5]
    for window_s in WINDOWS_S:
        n = int(minutes * 60 / (2 * (window_s + BESIDE_S)))
        found = [intervals([pairs(rng, sides, n, window_s, BESIDE_S) for _ in range(times)]) for sides in (slow, fast)]
        lines.append(f"| {window_s:g} s | {n} | {_width(half_width(found[0]))} | {_width(half_width(found[1]))} | "
                     f"{units.percent(right([*found[0], *found[1]]))} |")
    return "\n".join(lines)


def orders(times: int) -> str:
    """Five pairs in a row, and spread over time."""
    rng, sides = np.random.default_rng(20261129), Sides("", 1000, 1000)
    lines = ["| five pairs of 0.5 s | half-width | right, A against A |", "| --- | ---: | ---: |"]
    for name, between_s in (("in a row", 0.0), ("one every half minute", 30.0)):
        found = intervals([pairs(rng, sides, 5, 0.5, BESIDE_S, between_s=between_s) for _ in range(times)])
        lines.append(f"| {name} | {_width(half_width(found))} | {units.percent(right(found))} |")
    return "\n".join(lines)


def designs(times: int, runs: Sequence[Run]) -> str:
    """What each way to measure the course's contrasts gives."""
    everything, n_cells = contrasts_of(runs), len(results.recorded()[-1].plan["cells"])
    left_out = {contrast.name for contrast in courses.load().contrasts if contrast.thorough}
    rounds_s = _rounds_s(n_cells, USUAL)
    thorough_s = THOROUGH.budget_s - _rounds_s(n_cells, THOROUGH)
    rows = [("`--thorough`", THOROUGH, thorough_s, by_width), ("`--quick`", QUICK, 0.0, by_width)]
    rows += [(f"{minutes:g} minutes of measuring", USUAL, 60 * minutes - rounds_s, by_width) for minutes in BUDGETS_MIN]
    usual_s = USUAL.budget_s - rounds_s
    rows += [("decided again after each pair", USUAL, usual_s, by_width_again),
             ("more pairs until it differs", USUAL, usual_s, until_it_differs)]
    lines = ["| | minutes of the contrasts | half-width: median | widest | “no difference seen”, A against A | "
             f"a true {TRUTH} times is found |", "| --- |" + " ---: |" * 5]
    for name, effort, left_s, rule in rows:
        contrasts = [one for one in everything if effort.all_contrasts or one.name not in left_out]
        seen = sessions(contrasts, effort, left_s, rule, times)
        lines.append(f"| {name} | {seen.minutes:.1f} | {_width(seen.median)} | {_width(seen.widest)} | "
                     f"{units.percent(seen.right)} | {units.percent(seen.found)} |")
    return "\n".join(lines)


def _rounds_s(n_cells: int, effort: Effort) -> float:
    """What the rounds of a run over the whole course take."""
    n_judged = len(schedule.judged(courses.load().stages))
    n_runs = n_judged * effort.n_rounds + (n_cells - n_judged) * effort.n_rounds_others
    return n_runs * (effort.seconds + BESIDE_S)


def _width(share: float) -> str:
    return units.half_width(share)


def table(times: int) -> str:
    """All of it in Markdown."""
    runs = recorded()
    head = (f"Simulated, with a coefficient of variation of {units.percent(NOISE_CV)}. In the recorded session the "
            f"machine's speed is forgotten after {memory_s(runs):.1f} s, and a run takes {BESIDE_S:g} s in addition "
            f"to its window, {WARMUP_S:g} s of it warm-up.")
    return "\n\n".join([head, windows(times), orders(times), designs(max(1, times // 10), runs)])


if __name__ == "__main__":
    marks.command(__doc__, table, "schedule", 1000, "simulations of each; of whole sessions a tenth")
