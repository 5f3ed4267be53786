"""Comparisons under the noise of a real machine, simulated: how often they are right, and that blocks are not.

The noise is `synthetic.ar1`: coefficient of variation 25 %, lag-1 autocorrelation 0.69. Every seed is fixed. The shares
in the docstrings are those of 20,000 simulations.
"""

import re
from math import exp, log

import numpy as np
import pytest
import synthetic
from synthetic import run

from deploylab.results import lines, stats
from deploylab.results.record import Comparison
from deploylab.results.stats import summary
from tests.benchmarks import comparing
from tests.benchmarks.comparing import drawn, holding, in_blocks, in_turns, intervals, one_series


def side(stage, rates):
    return [run(stage, round=i, rps=rate) for i, rate in enumerate(rates, start=1)]


def verdicts(truth, times, n_pairs=14):
    """What `compare` says of so many comparisons."""
    rng = np.random.default_rng(20261124)
    series = (drawn(rng, n_pairs, truth) for _ in range(times))
    return [stats.compare(side("apache", [100] * n_pairs), side("nginx", [100 * r for r in ratios])).verdict
            for ratios in series]


def test_the_noise_is_as_it_was_measured():
    series = np.exp(synthetic.ar1(np.random.default_rng(1), 40_000))
    assert np.std(series) / np.mean(series) == pytest.approx(synthetic.NOISE_CV, rel=0.05)
    assert stats.autocorrelation(list(np.log(series))) == pytest.approx(synthetic.NOISE_RHO, abs=0.03)


@pytest.mark.parametrize("n_pairs", [5, 8, 20])
def test_a_against_a_sees_no_difference(n_pairs):
    """In 95 of 100."""
    assert holding(intervals(drawn, n_pairs, 1.0, 2000), 1) >= 0.93


@pytest.mark.parametrize("n_pairs", [5, 8, 20])
def test_a_disturbance_that_returns_every_four_runs_does_not_mislead(n_pairs):
    """It makes two of four runs slower by a half. With an order that is drawn, the interval holds the truth in 89, 95
    and 94 of 100; with a strict A B, B A in 7 of 100 with five pairs, and in none with twenty."""
    def disturbed(how):
        return lambda rng, n, truth: how(rng, n, truth, every_four=0.5)

    assert holding(intervals(disturbed(drawn), n_pairs, 1.0, 1000), 1) >= (0.87 if n_pairs == 5 else 0.92)
    assert holding(intervals(disturbed(in_turns), n_pairs, 1.0, 200), 1) < 0.6


def test_the_verdict_is_what_the_interval_says():
    spans = intervals(drawn, 14, 1.0, 100)
    said = [(span, verdict) for span, verdict in zip(spans, verdicts(1.0, 100), strict=True)
            if "moved in one direction" not in verdict]
    assert len(said) > 90
    assert ["no difference seen" in verdict for _, verdict in said] == [low <= 1 <= high for (low, high), _ in said]


def test_a_true_ratio_of_1_2_is_found_with_14_pairs():
    """In 89 of 100; with 5 pairs in 38 of 100, with 20 in 97."""
    assert sum("20 % more" in verdict or "more requests" in verdict for verdict in verdicts(1.2, 100)) >= 80
    spans = intervals(drawn, 14, 1.2, 500)
    assert holding(spans, 1.2) >= 0.92
    assert exp(np.mean([(log(low) + log(high)) / 2 for low, high in spans])) == pytest.approx(1.2, rel=0.02)


def test_more_pairs_find_it_more_often():
    power = [sum(low > 1 for low, _ in intervals(drawn, n, 1.2, 300)) / 300 for n in (5, 14, 20)]
    assert power == sorted(power) and power[0] < 0.5 and power[2] > 0.9


def test_one_block_after_the_other_misleads():
    """Why runs are interleaved: the same noise and the same arithmetic, all of A before all of B. 0.62."""
    assert holding(intervals(in_blocks, 14, 1.0, 500), 1) < 0.75


def test_whoever_adds_pairs_until_a_difference_is_seen_sees_one():
    """From 5 pairs to 30, one more each time: in 23 of 100 comparisons of equal sides, instead of in 5."""
    assert 0.17 < comparing.seen_at_last(400, 1.0) < 0.29


def test_the_interval_of_one_series_is_too_narrow_and_says_so():
    """Of 30 runs in a row it holds the truth in 59 of 100, instead of 95; so a series warns, in words."""
    assert 0.51 <= holding(intervals(one_series, 30, 1.0, 500), 1) <= 0.66
    rng = np.random.default_rng(20261124)
    warnings = [" ".join(next(iter(stats.summarise(side("nginx", one_series(rng, 30, 100.0))).values())).warnings)
                for _ in range(20)]
    assert sum("successive runs are similar (lag-1 autocorrelation 0." in text for text in warnings) >= 16
    assert sum("the runs differ much: coefficient of variation 2" in text for text in warnings) >= 10


@pytest.mark.parametrize("n", [3, 4, 5, 6, 7])
def test_noise_is_seldom_taken_for_a_trend(n):
    """Ratios of neighbours: in 2 to 3 of 100. Runs of one server alone, by its wider limit: in 0.2 to 5."""
    rng = np.random.default_rng(20261124)
    ratios = [stats.trend(drawn(rng, n, 1.0)) for _ in range(1000)]
    rates = [stats.trend(one_series(rng, n, 100.0), summary.LEAST_TREND) for _ in range(1000)]
    assert sum(map(bool, ratios)) <= 100 and sum(map(bool, rates)) <= 100


def test_the_line_of_a_series_says_so_too():
    rng = np.random.default_rng(3)
    said = lines.summed([*side("nginx", one_series(rng, 30, 100.0)), *side("apache", [100])])
    assert re.fullmatch(r"nginx, page: [\d.]+/s, [\d.]+ to [\d.]+ in 30 runs", said[0])
    assert any(line.startswith("  Beware: successive runs are similar") for line in said)
    assert not any("apache" in line for line in said), "one run has no interval"


def test_a_series_without_memory_does_not_warn():
    rng = np.random.default_rng(20261124)
    quiet = [stats.summarise(side("nginx", 100 * np.exp(rng.normal(0, 0.05, 30)))) for _ in range(20)]
    assert sum(bool(next(iter(summaries.values())).warnings) for summaries in quiet) <= 3


def test_how_many_pairs_it_would_take():
    """What is told from 14 pairs is what 56 then reach."""
    spans = intervals(drawn, 14, 1.0, 200)
    width = comparing.half_width(spans)
    few = Comparison(a="a", b="b", view="page", metric="rps", n_pairs=14, ratio=1.0, ci95=spans[0], half_width=width,
                     verdict="")
    reached = comparing.half_width(intervals(drawn, 56, 1.0, 200))
    assert stats.pairs_needed(few, width) == 14
    assert stats.pairs_needed(few, reached) == pytest.approx(56, rel=0.25)


def test_without_an_interval_nobody_knows_how_many_pairs():
    assert stats.pairs_needed(stats.compare(side("apache", [100]), side("nginx", [200])), 0.1) is None


def test_the_table_has_a_row_for_each_number_of_pairs():
    rows = [line for line in comparing.table(4).splitlines() if line[2:3].isdigit()]
    assert [int(row.split()[1]) for row in rows] == list(comparing.PAIRS)
