"""How often a comparison is right, under the noise of a real machine: simulated, as a Markdown table.

    python -m tests.benchmarks.comparing --write guides/accuracy.md

The noise is `tests/synthetic.py`'s: each run is like the one before. The intervals are the product's own. Whoever runs
all of A first and then all of B has the same runs and the same arithmetic, and is wrong far more often.
"""

from collections.abc import Callable, Sequence
from math import exp, sqrt
from statistics import median

import numpy as np

from deploylab.core import units
from deploylab.measure import order
from deploylab.results import stats
from tests.benchmarks import marks
from tests.synthetic import NOISE_CV, NOISE_RHO, ar1

PAIRS = (5, 10, 14, 20, 56)
TRUTH = 1.2
DISTURBED = (1, 0, 0, 1)  # of every four runs: in a strict order A B, B A both are runs of A
Ratios = Callable[[np.random.Generator, int, float], list[float]]


def drawn(rng: np.random.Generator, n_pairs: int, truth: float, every_four: float = 0.0) -> list[float]:
    """B over A of each pair, the side that goes first drawn as `./lab compare` draws it.

    Args:
        every_four: how much slower, as a factor minus one, the first and the last of every four runs are.
    """
    return _pairs(rng, order.drawn(n_pairs, str(rng.integers(2**32))), truth, every_four)


def in_turns(rng: np.random.Generator, n_pairs: int, truth: float, every_four: float = 0.0) -> list[float]:
    """B over A of each pair, A B then B A and so on."""
    return _pairs(rng, [number % 2 == 0 for number in range(n_pairs)], truth, every_four)


def _pairs(rng: np.random.Generator, a_first: Sequence[bool], truth: float, every_four: float) -> list[float]:
    noise = ar1(rng, 2 * len(a_first))
    noise -= np.log1p(every_four) * np.resize(DISTURBED, len(noise))
    return [truth * exp((1 if first else -1) * (later - earlier)) for first, earlier, later in
            zip(a_first, noise[::2], noise[1::2], strict=True)]


def in_blocks(rng: np.random.Generator, n_pairs: int, truth: float) -> list[float]:
    """B over A where all of A was run before all of B, and the runs were paired in order."""
    noise = ar1(rng, 2 * n_pairs)
    return [truth * exp(b - a) for a, b in zip(noise[:n_pairs], noise[n_pairs:], strict=True)]


def one_series(rng: np.random.Generator, n_runs: int, truth: float) -> list[float]:
    """The throughput of runs one after the other, of one server, around its true one."""
    return [truth * exp(x) for x in ar1(rng, n_runs)]


def intervals(how: Ratios, n: int, truth: float, times: int, seed: int = 20261124) -> list[tuple[float, float]]:
    """The 95 % intervals of so many simulated comparisons, or series, of n."""
    rng = np.random.default_rng(seed)
    return [stats.log_interval(how(rng, n, truth))[1] for _ in range(times)]


def holding(found: Sequence[tuple[float, float]], value: float) -> float:
    """The share of intervals that hold a value, 0 to 1."""
    return sum(low <= value <= high for low, high in found) / len(found)


def seen_at_last(times: int, truth: float, first: int = 5, most: int = 30) -> float:
    """The share of comparisons in which a difference is seen at last, if pairs are added one by one until it is."""
    rng = np.random.default_rng(20261129)
    series = (drawn(rng, most, truth) for _ in range(times))
    return sum(any(low > truth or high < truth for n in range(first, most + 1)
                   for low, high in [stats.log_interval(ratios[:n])[1]]) for ratios in series) / times


def half_width(found: Sequence[tuple[float, float]]) -> float:
    """The median half-width, as a factor minus one."""
    return median(sqrt(high / low) - 1 for low, high in found)


def table(times: int) -> str:
    """The table in Markdown."""
    head = ["pairs", "half-width", "A against A: “no difference seen”", f"a true {TRUTH} times is found",
            "A against A, all of A first: “no difference seen”", "one series of as many runs: interval contains "
            "the true value"]
    lines = [f"Simulated, {times:,} times each: a coefficient of variation of {units.percent(NOISE_CV)}, a lag-1 "
             f"autocorrelation of {NOISE_RHO}. An interval of 95 % should be right 95 times in 100.", "",
             f"| {' | '.join(head)} |", f"|{' ---: |' * len(head)}"]
    for n in PAIRS:
        same, other = (intervals(drawn, n, truth, times) for truth in (1.0, TRUTH))
        cells = [str(n), units.percent(half_width(same)), units.percent(holding(same, 1)),
                 units.percent(sum(low > 1 for low, _ in other) / times),
                 units.percent(holding(intervals(in_blocks, n, 1.0, times), 1)),
                 units.percent(holding(intervals(one_series, n, 1.0, times), 1))]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    marks.command(__doc__, table, "comparing", 2000, "simulations of each")
