"""How the time is spent: who gets more pairs, and that only the width of an interval decides."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import synthetic

from deploylab import course as courses
from deploylab.measure import full_run, rounds, schedule
from deploylab.measure.bench import WARMUP_S
from deploylab.measure.schedule import MOST_PAIRS, QUICK, THOROUGH, USUAL, half_width, more_pairs
from tests.benchmarks import schedule as simulated

COURSE = courses.load()
STEADY, NOISY, WILD = [0.70, 0.71, 0.69], [0.1, -0.3, 0.4], [1.0, -1.0, 1.0]
ALIKE_S = {"steady": 2.0, "noisy": 2.0, "wild": 2.0}
BEGAN = datetime(2026, 11, 29, tzinfo=UTC)


def at(seconds, name="gzip", number=1, side="A", **more):
    more = {"purpose": "pair", "pair_id": f"{name}/{number}", "side": side, "duration_s": 0.5, **more}
    return synthetic.run(started_utc=(BEGAN + timedelta(seconds=seconds)).isoformat(), round=None, **more)


def test_the_widest_interval_gets_the_next_pair():
    assert more_pairs({"steady": STEADY, "noisy": NOISY, "wild": WILD}, USUAL, 2.0 + schedule.WAKE_S,
                      ALIKE_S) == {"steady": 3, "noisy": 3, "wild": 4}


@pytest.mark.parametrize("left_s", [-1.0, 0.0, 7.3, 40.0, 1000.0])
def test_the_budget_is_kept(left_s):
    n = more_pairs({"noisy": NOISY, "wild": WILD, "steady": STEADY}, USUAL, left_s, ALIKE_S)
    more = {name: pairs - USUAL.n_pairs for name, pairs in n.items()}
    assert sum(2.0 * pairs + schedule.WAKE_S * (pairs > 0) for pairs in more.values()) <= max(0.0, left_s)
    assert n["steady"] == USUAL.n_pairs and max(n.values()) <= MOST_PAIRS
    assert left_s < 1000 or n["wild"] == MOST_PAIRS


def test_a_pair_that_takes_long_uses_its_own_time():
    first, left_s = {"wild": WILD, "noisy": NOISY}, 24.0
    assert more_pairs(first, USUAL, left_s, {"wild": 2.0, "noisy": 2.0})["wild"] > 4
    assert more_pairs(first, USUAL, left_s, {"wild": 20.0, "noisy": 2.0})["wild"] == 4


def test_whether_an_interval_contains_1_plays_no_part():
    """A true ratio shifts all logarithms alike: the number of pairs stays what it was."""
    lot = random.Random(5)  # noqa: S311 (a test)
    first = {f"c{i}": [lot.gauss(0, 0.1 * i) for _ in range(4)] for i in range(1, 9)}
    shifted = {name: [x + 1.7 for x in logs] for name, logs in first.items()}
    one_s = dict.fromkeys(first, 2.0)
    assert more_pairs(first, USUAL, 60.0, one_s) == more_pairs(shifted, USUAL, 60.0, one_s)


def test_a_contrast_without_ratios_keeps_its_pairs():
    first = {"slow-clients": [], "one": [0.1]}
    assert more_pairs(first, USUAL, 60.0, dict.fromkeys(first, 2.0)) == {"slow-clients": 3, "one": 3}


def test_without_a_budget_nothing_is_added():
    assert more_pairs({"wild": [1.0, -1.0, 1.0]}, QUICK, QUICK.budget_s - 100, ALIKE_S) == {"wild": 3}


def test_more_pairs_make_it_narrower():
    assert half_width(0.2, 4) > half_width(0.2, 5) > half_width(0.2, 12) > 0
    assert half_width(0.2, 1) == float("inf")


def test_the_time_is_read_from_the_runs():
    runs = [at(0), at(1.5, side="B"), at(3.2, number=2), at(4.6, number=2, side="B"), at(4000, number=3)]
    assert schedule.spent_s(runs) == pytest.approx(4.6 + schedule.PAUSE_S + 0.5)
    assert schedule.pair_s(runs[:4]) == pytest.approx(2 * 4.6 / 3)
    assert schedule.spent_s([*runs, at(-900, purpose="preview", pair_id=None)]) == schedule.spent_s(runs)
    assert schedule.pair_s(runs) == pytest.approx((4.6 + schedule.PAUSE_S) / 2)
    assert schedule.spent_s([]) == 0 == schedule.pair_s([])


def test_only_the_first_pairs_decide():
    """So a session that is stopped while it measures further pairs would decide the same again."""
    def runs(name, ratios, first=1):
        return [at(10.0 * number + half, name, number, side, rps=rps)
                for number, ratio in enumerate(ratios, start=first)
                for half, (side, rps) in enumerate([("A", 100.0), ("B", 100.0 * ratio)])]

    session = [*runs("gzip", [1, 2, 1]), *runs("nopush", [1, 1.01, 1])]
    effort = replace(USUAL, budget_s=schedule.spent_s(session) + 20)
    chosen = schedule.pairs_of(["gzip", "nopush"], session, effort)
    assert chosen["gzip"] > 3 == chosen["nopush"]
    later = [replace(run, started_utc=session[0].started_utc) for run in runs("gzip", [9, 0.1], first=4)]
    assert schedule.pairs_of(["gzip", "nopush"], [*session, *later], effort) == chosen


def test_a_stage_is_judged_beside_the_one_before_it():
    loads = schedule.judged(COURSE.stages)
    for stage in COURSE.stages:
        if stage.headline:
            load = (stage.headline.view, stage.headline.concurrency)
            before = [name for name, *rest in loads if tuple(rest) == load and name != stage.name]
            assert (stage.name, *load) in loads and before
    assert len(set(loads)) == len(loads)
    assert set(loads) <= {(cell.target.name, cell.view.name, cell.concurrency)
                          for cell in rounds.cells(COURSE, COURSE.stages)}


def test_of_one_stage_nothing_is_judged_but_itself():
    nginx = COURSE.stage("nginx")
    assert schedule.judged([nginx]) == [("nginx", nginx.headline.view, nginx.headline.concurrency)]


def test_the_usual_run_fits_into_its_budget_with_time_for_more_pairs():
    contrasts = full_run.contrasts_among(COURSE, COURSE.stages, thorough=False)
    first_s = len(contrasts) * (USUAL.n_pairs * 2 * (USUAL.pair_seconds + simulated.BESIDE_S - WARMUP_S +
                                          USUAL.warmup_again_s) + schedule.WAKE_S)
    assert simulated._rounds_s(len(rounds.cells(COURSE, COURSE.stages)), USUAL) + first_s < USUAL.budget_s <= 15 * 60


def test_a_thorough_run_measures_every_load_five_times_and_has_time_for_more_pairs():
    assert THOROUGH.n_rounds == THOROUGH.n_rounds_others == 5 and THOROUGH.all_contrasts
    n_runs = THOROUGH.n_rounds * len(rounds.cells(COURSE, COURSE.stages))
    first_s = len(COURSE.contrasts) * THOROUGH.n_pairs * 2 * (THOROUGH.pair_seconds + simulated.BESIDE_S)
    assert n_runs * (THOROUGH.seconds + simulated.BESIDE_S) + first_s < THOROUGH.budget_s <= 40 * 60


# ------------------------------------------------------------------ what the simulation says

CONTRASTS = [simulated.Sides("page", 40, 40), simulated.Sides("hello", 800, 900), simulated.Sides("many", 120, 180),
             simulated.Sides("asset", 20_000, 40_000),
             simulated.Sides("wait", 37, 290, simulated.STEADY_SD)]


def spent(rule, minutes=1.6):
    return simulated.sessions(CONTRASTS, USUAL, 60 * minutes, rule, 100)


def test_equal_sides_are_told_apart_no_more_often_than_promised():
    """In 94 to 95 of 100 nothing is seen; if pairs were added until a difference is seen, in 84."""
    assert spent(simulated.by_width).right >= 0.92
    assert spent(simulated.until_it_differs).right < 0.90


def test_the_time_goes_where_it_makes_the_interval_narrower():
    few, many = (simulated.sessions(CONTRASTS, USUAL, left_s, simulated.by_width, 60) for left_s in (0.0, 130.0))
    assert many.widest < few.widest and many.median < few.median


def test_the_machine_is_simulated_as_it_was_recorded():
    assert simulated.memory_s(simulated.recorded()) == pytest.approx(simulated.MEMORY_S, rel=0.1)
