"""How the time of `./lab run` is spent: how long each run is, how many rounds and pairs there are, and who gets more.

    declared before:  the length of a run, the rounds of each cell, the first pairs of each contrast, the seconds in all
    decided once:     the time that is left goes to the contrasts with the widest intervals, by the spread of the first
                      pairs

Only the *width* of an interval decides, never whether it contains 1. If you add pairs until a difference is seen, you
see one in 23 of 100 comparisons of equal sides; with this rule in 8.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from math import exp, inf, log, sqrt
from statistics import fmean, stdev

from deploylab.course import Stage
from deploylab.measure.bench import Scenario
from deploylab.results.record import Run
from deploylab.results.stats.basics import student_t

Load = tuple[str, str, int]  # stage, view, number of clients

LONG_ROUNDS = 3        # of a load whose windows are long; it waits for the line most of the time, and varies little
MOST_PAIRS = 12        # more of them for one contrast take the time from all the others
NARROW = 0.10          # a half-width that needs no more pairs
WAKE_S = 1.6           # what coming back to a contrast costs: some variants sleep, and have to start
PAUSE_S = 20.0         # a longer gap between two runs was something else: a report, a stop


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much is measured.

    Attributes:
        seconds: the window of a run in the rounds.
        n_rounds: rounds of the loads that a stage is judged by.
        n_rounds_others: rounds of all other loads.
        pair_seconds: the window of a run in a pair.
        n_pairs: pairs that each contrast gets, whatever they show.
        warmup_again_s: warm-up of a run whose server was under load a moment ago, in the pair before.
        budget_s: seconds for all rounds and pairs; what the above leaves of it is for more pairs. 0: no more.
        all_contrasts: whether those are measured too that are `thorough`.
    """

    seconds: float
    n_rounds: int
    n_rounds_others: int
    pair_seconds: float
    n_pairs: int
    warmup_again_s: float
    budget_s: float
    all_contrasts: bool = False


# Short windows: the noise of neighbouring runs is alike, so a long window costs time and a second pair brings more. A
# round is longer, because a percentile needs answers.
# Source: tests/benchmarks/schedule.py; guides/accuracy.md has its table.
USUAL = Effort(seconds=0.8, n_rounds=4, n_rounds_others=1, pair_seconds=0.5, n_pairs=3, warmup_again_s=0.2,
               budget_s=8.75 * 60)
QUICK = Effort(seconds=0.8, n_rounds=3, n_rounds_others=1, pair_seconds=0.5, n_pairs=3, warmup_again_s=0.2,
               budget_s=0)
# Five rounds of everything: with fewer, the t interval is too wide to be useful.
THOROUGH = Effort(seconds=0.8, n_rounds=5, n_rounds_others=5, pair_seconds=0.5, n_pairs=3, warmup_again_s=0.2,
                  budget_s=40 * 60, all_contrasts=True)


def judged(stages: Sequence[Stage]) -> list[Load]:
    """The loads that the stages are judged by, each on the stage and on the one before it that serves it.

    Args:
        stages: in the order of the course.
    """
    loads = {}
    for number, stage in enumerate(stages):
        if stage.headline:
            earlier = (one for one in reversed(stages[:number]) if one.ladder and stage.headline.view in one.views)
            for one in (*[before for before in [next(earlier, None)] if before], stage):
                loads[(one.name, stage.headline.view, stage.headline.concurrency)] = None
    return list(loads)


def n_rounds(cell: Scenario, judged: Sequence[Load], effort: Effort) -> int:
    """How many rounds a cell gets.

    Args:
        judged: what the stages are judged by, as the function of that name returns it.
    """
    if (cell.target.name, cell.view.name, cell.concurrency) not in judged:
        return effort.n_rounds_others
    return min(effort.n_rounds, LONG_ROUNDS) if cell.view.least_s else effort.n_rounds


def pairs_of(contrasts: Sequence[str], runs: Sequence[Run], effort: Effort) -> dict[str, int]:
    """How many pairs each contrast gets, decided by its first pairs and by what is left of the budget.

    Only the first `n_pairs` of each contrast are looked at, and never whether an interval contains 1.

    Args:
        contrasts: their names; all of them have their first pairs.
        runs: all runs of the session.
    """
    first = [run for run in runs if run.purpose == "pair" and run.pair_id and _number(run) <= effort.n_pairs]
    of = {name: [run for run in first if _contrast(run) == name] for name in contrasts}
    ratios, one_s = ({name: of_runs(of[name]) for name in contrasts} for of_runs in (_log_ratios, pair_s))
    return more_pairs(ratios, effort, effort.budget_s - spent_s(runs), one_s)


def more_pairs(first: Mapping[str, Sequence[float]], effort: Effort, left_s: float,
               one_s: Mapping[str, float]) -> dict[str, int]:
    """How many pairs each contrast gets: one more for whichever has the widest interval, until the time is used.

    Args:
        first: the logarithms of the ratios of the first pairs, by contrast.
        left_s: the time for all further pairs.
        one_s: what one pair takes, by contrast.

    Example:
        >>> steady, noisy = [0.70, 0.71, 0.69], [0.1, -0.3, 0.4]
        >>> more_pairs({"steady": steady, "noisy": noisy}, USUAL, left_s=12.0, one_s={"steady": 3.0, "noisy": 3.0})
        {'steady': 3, 'noisy': 6}

    Source: C. Stein, "A two-sample test for a linear hypothesis whose power is independent of the variance", 1945: how
        many values follow may depend on the spread of the first. tests/benchmarks/schedule.py counts how often the
        intervals are right.
    """
    n_pairs = dict.fromkeys(first, effort.n_pairs)
    spread = {name: stdev(logs) for name, logs in first.items() if len(logs) > 1}
    while open_ones := [name for name in spread if n_pairs[name] < MOST_PAIRS
                        and half_width(spread[name], n_pairs[name]) > NARROW]:
        widest = max(open_ones, key=lambda name: half_width(spread[name], n_pairs[name]))
        left_s -= one_s[widest] + (WAKE_S if n_pairs[widest] == effort.n_pairs else 0)
        if left_s < 0:
            break
        n_pairs[widest] += 1
    return n_pairs


def half_width(spread: float, n: int) -> float:
    """The half-width to expect of n pairs, as a factor minus one.

    Args:
        spread: the standard deviation of the logarithms of the ratios.

    >>> round(half_width(0.2, 4), 2), round(half_width(0.2, 8), 2)
    (0.37, 0.18)
    """
    return exp(student_t(n) * spread / sqrt(n)) - 1 if n > 1 else inf


def spent_s(runs: Sequence[Run]) -> float:
    """The time that was spent on rounds and pairs, with what lies between their runs.

    A long pause counts as a short one. It is read from the runs themselves, so that a session that was stopped and
    resumed counts like any other.
    """
    runs = [run for run in runs if run.purpose in ("round", "pair")]
    began = sorted(_began_s(run) for run in runs)
    ended_s = max((run.duration_s for run in runs), default=0.0)
    gaps_s = [later - earlier for earlier, later in pairwise(began)]
    return sum(min(gap_s, PAUSE_S) for gap_s in gaps_s) + ended_s


def pair_s(runs: Sequence[Run]) -> float:
    """What one pair of a contrast takes, to the start of the next one; 0 if there is no whole pair.

    Args:
        runs: of that contrast. A long pause between two of them counts as a short one.
    """
    began = sorted(_began_s(run) for run in runs)
    gaps_s = [min(later - earlier, PAUSE_S) for earlier, later in pairwise(began)]
    return 2 * fmean(gaps_s) if gaps_s else 0.0


def _log_ratios(runs: Sequence[Run]) -> list[float]:
    """The logarithms of the ratios of a contrast's pairs; a pair without a good answer on one side has none."""
    sides: dict[str | None, dict[str | None, float]] = {}
    for run in runs:
        sides.setdefault(run.pair_id, {})[run.side] = run.rps
    return [log(pair["B"] / pair["A"]) for pair in sides.values() if pair.get("A") and pair.get("B")]


def _contrast(run: Run) -> str:
    return (run.pair_id or "/0").rpartition("/")[0]


def _number(run: Run) -> int:
    return int((run.pair_id or "/0").rpartition("/")[2])


def _began_s(run: Run) -> float:
    return datetime.fromisoformat(run.started_utc).timestamp()
