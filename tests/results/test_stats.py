"""stats: worked by hand where a hand can, simulated where it cannot."""

from dataclasses import replace
from math import exp, isclose, log, sqrt

import pytest
import synthetic
from synthetic import run

from deploylab.core.errors import DeployLabError
from deploylab.load.flags import SENTENCES
from deploylab.results import describe, stats


def side(stage, rates, **other):
    return [run(stage, round=i, rps=rate, **other) for i, rate in enumerate(rates, start=1)]


def test_log_interval_by_hand():
    # logs of 1, 2, 4: mean log 2, standard deviation log 2; t(0.975, 2) = 4.30265
    mean, (low, high) = stats.log_interval([1, 2, 4])
    half = 4.30265 * log(2) / sqrt(3)
    assert isclose(mean, 2) and isclose(low, 2 * exp(-half), rel_tol=1e-5)
    assert isclose(high, 2 * exp(half), rel_tol=1e-5)


@pytest.mark.parametrize(("values", "factor"), [
    ([1, 1.5, 2.25, 3.4, 5.1], 5.1),
    ([1, 1.5, 2.25], 2.25),
    ([442, 1106, 17113, 41327, 51035], 190),
    ([51035, 41327, 17113, 1106, 442], 1 / 190),
    ([1, 1.5], None), ([1, 1, 1], None), ([1, 2, 1, 2, 1], None), ([1, 1.01, 1.02, 1.03], None),
])
def test_values_that_move_in_one_direction(values, factor):
    assert stats.trend(values) == (factor and pytest.approx(factor, rel=0.01))


def test_a_ratio_that_moves_has_no_interval_and_no_verdict_but_its_series():
    """A cache that fills: each pair finds more in it than the pair before."""
    result = stats.compare(side("static", [120] * 5), side("edge", [442, 1106, 17113, 41327, 51035]))
    assert (result.ratio, result.ci95, result.half_width, result.n_pairs) == (None, None, None, 5)
    assert result.verdict == ("edge against static: no ratio, because it moved in one direction from pair to pair: "
                              "3.7 → 9.2 → 143 → 344 → 425 times")
    assert [round(ratio) for ratio in result.series] == [4, 9, 143, 344, 425]
    calm = stats.compare(side("static", [120] * 5), side("edge", [1106, 442, 41327, 51035, 17113]))
    assert calm.ratio and calm.series == ()


def test_runs_of_one_server_that_move_say_so():
    summary = next(iter(stats.summarise(side("edge", [100, 150, 225, 340, 510])).values()))
    assert any("throughput moved in one direction, 5.1 times from the first run" in text for text in summary.warnings)


def test_one_value_has_no_interval():
    assert stats.log_interval([3.0]) == (pytest.approx(3.0), None)


def test_autocorrelation_by_hand():
    # 1 2 3 4: offs -1.5 -0.5 0.5 1.5; products 0.75 -0.25 0.75 = 1.25; squares 5
    assert stats.autocorrelation([1, 2, 3, 4]) == pytest.approx(0.25)
    assert stats.autocorrelation([5, 5, 5, 5]) is None
    assert stats.autocorrelation([1, 2]) is None


def test_summary_by_hand():
    runs = [run(rps=100, round=1, server_cpu_s=0.3, flags=["client_cpu=93%"]),
            run(rps=200, round=2, server_cpu_s=1.2, n_failed=6),
            run(rps=400, round=3, server_cpu_s=4.8)]
    summary = stats.summarise(runs)[("nginx", None, "page", 10)]
    assert (summary.n_runs, summary.n_failed, summary.n_sent) == (3, 6, 300 + 606 + 1200)
    assert summary.rps == pytest.approx(200)
    assert summary.rps_mean == pytest.approx(700 / 3)
    assert summary.rps_range == (100, 400)
    assert summary.latency_ns["p50"] == 50_000_000
    assert summary.server_cpu_per_request_s == pytest.approx(1.2 / 606)
    assert summary.cv == pytest.approx(152.7525 / (700 / 3), rel=1e-4)
    assert summary.flags == {"client_cpu": 1}
    warnings = " ".join(summary.warnings)
    assert "short of CPU (1 of 3 runs)" in warnings and "6 of 2,106 failed" in warnings and "differ much" in warnings


def test_summary_warns_of_runs_like_their_neighbours():
    summary = next(iter(stats.summarise(side("nginx", [100] * 6 + [200] * 6 + [100] * 6)).values()))
    assert any("autocorrelation" in text for text in summary.warnings)


def test_summary_of_failures_only():
    summary = next(iter(stats.summarise(side("nginx", [0, 0, 0])).values()))
    assert (summary.rps, summary.rps_range, summary.failure_share) == (0, None, 1)
    assert summary.latency_ns == {"p50": None, "p95": None, "p99": None}


def test_summary_of_one_run():
    summary = next(iter(stats.summarise([run()]).values()))
    assert summary.rps_range is None and summary.cv is None


def test_a_percentile_missing_in_most_runs_is_not_shown():
    cut = [replace(r, latency_ns={**r.latency_ns, "p99": None}) for r in side("nginx", [100, 110])]
    summary = next(iter(stats.summarise([*cut, run(round=3)]).values()))
    assert summary.latency_ns["p99"] is None and summary.latency_ns["p95"] is not None
    assert any("p99 is missing in 2 of 3 runs" in text for text in summary.warnings)


def test_compare_by_hand():
    # ratios 2, 2, 8: logs mean (5/3) log 2
    comparison = stats.compare(side("apache", [100, 200, 50]), side("nginx", [200, 400, 400]))
    assert comparison.n_pairs == 3 and comparison.ratio == pytest.approx(2 ** (5 / 3))
    assert comparison.ci95 == pytest.approx(stats.log_interval([2, 2, 8])[1])
    assert comparison.half_width == pytest.approx(comparison.ci95[1] / comparison.ratio - 1)
    assert (comparison.a, comparison.b, comparison.view, comparison.metric) == ("apache", "nginx", "page", "rps")


def test_verdict_names_both_and_prints_the_half_width():
    comparison = stats.compare(side("apache", [100, 101, 99, 100]), side("nginx", [210, 208, 211, 213]))
    assert comparison.verdict.startswith("nginx against apache: 2.1 times as many requests per second (2.1 to 2.2)")
    assert comparison.verdict.endswith("; half-width 3 %")


def test_a_loss_is_said_as_one():
    comparison = stats.compare(side("apache", [100, 101, 99, 100]), side("nginx", [80, 82, 79, 80]))
    assert "20 % fewer requests per second" in comparison.verdict


def test_no_difference_is_never_the_same():
    comparison = stats.compare(side("apache", [100, 101, 99, 100]), side("nginx", [101, 99, 100, 100]))
    assert "no difference seen (within 2 %)" in comparison.verdict and "same" not in comparison.verdict


def test_no_pair():
    comparison = stats.compare([run("apache", round=1)], [run("nginx", round=2)])
    assert (comparison.ratio, comparison.ci95, comparison.n_pairs) == (None, None, 0)
    assert "no two runs share a round or a pair" in comparison.verdict
    assert stats.compare([], []).ratio is None


def test_one_pair_has_a_ratio_but_no_interval():
    comparison = stats.compare([run("apache", rps=100)], [run("nginx", rps=200)])
    assert comparison.ratio == pytest.approx(2) and comparison.ci95 is None and comparison.half_width is None
    assert "one pair alone has no interval" in comparison.verdict


def test_all_equal_is_suspicious():
    comparison = stats.compare(side("apache", [100] * 4), side("nginx", [100] * 4))
    assert comparison.ratio == pytest.approx(1) and comparison.half_width == pytest.approx(1 / 300)  # of whole answers
    assert any("something fixed decides it" in text for text in comparison.warnings)


def test_all_failed_gives_a_reason_and_no_ratio():
    comparison = stats.compare(side("apache", [100, 100]), side("nginx", [0, 0]))
    assert comparison.ratio is None and "because nginx gave no good answer" in comparison.verdict
    assert any("100 % of its requests failed" in text for text in comparison.warnings)


def test_a_pair_with_a_failed_side_is_left_out_aloud():
    comparison = stats.compare(side("apache", [100, 100, 100]), side("nginx", [200, 0, 210]))
    assert comparison.n_pairs == 2 and "in 2 of 3 pairs" in comparison.verdict
    assert any("1 of 3 pairs left out" in text for text in comparison.warnings)


def test_flagged_runs_stay_in_with_a_warning():
    comparison = stats.compare(side("apache", [100, 101], flags=["client_cpu=93%"]), side("nginx", [200, 201]))
    assert comparison.n_pairs == 2
    assert "apache: the load generator was short of CPU (2 of 2 runs)" in comparison.warnings


def test_a_metric_that_was_not_sampled():
    comparison = stats.compare(side("apache", [1, 2], server_cpu_s=None), side("nginx", [1, 2]),
                               "server_cpu_per_request_s")
    assert comparison.ratio is None and "server CPU per request on both sides" in comparison.verdict


def test_pairs_by_pair_id():
    a = [run("apache", round=None, rps=r, pair_id=p) for r, p in ((100, "x"), (200, "y"))]
    b = [run("nginx", round=None, rps=r, pair_id=p) for r, p in ((600, "y"), (300, "x"))]
    assert stats.compare(a, b).ratio == pytest.approx(3)


def test_rounds_of_two_sessions_are_not_mixed():
    assert stats.compare([run("apache")], [run("nginx", session_id="s2")]).n_pairs == 0


@pytest.mark.parametrize(("change", "word"), [
    ({"view": "hello"}, "view"), ({"mode": "open"}, "mode"), ({"concurrency": 32}, "concurrency"),
    ({"target_rps": 9.0}, "arrival rate"), ({"keepalive": False}, "keep-alive"),
    ({"duration_s": 5.0}, "duration"),
    ({"machine": {**synthetic.MACHINE, "n_cpu": 2}}, "machine"),
])
def test_runs_that_do_not_go_together_are_refused(change, word):
    with pytest.raises(DeployLabError, match=f"their {word} differs"):
        stats.compare([run("apache")], [run("nginx", **change)])


def test_software_versions_may_differ():
    other = {**synthetic.MACHINE, "versions": {"nginx": "1.27"}}
    assert stats.compare([run("apache")], [run("nginx", machine=other)]).n_pairs == 1


def test_an_unknown_metric_is_named():
    with pytest.raises(DeployLabError, match="no metric 'speed'"):
        stats.compare([run()], [run()], "speed")


def test_every_flag_of_the_load_generator_has_words():
    assert set(SENTENCES) <= set(describe.FLAGS)


def test_steps_compare_each_stage_with_the_one_before():
    course = synthetic.the_course()
    steps = stats.steps(synthetic.rounds(course), course)
    assert len(steps) == 5 * 6
    first = steps[0]
    assert (first.before.stage, first.stage.stage, first.cell.view) == ("runserver", "apache", "hello")
    assert first.main.ratio == pytest.approx(1900 / 700, rel=0.15)
    assert first.a.rps < first.b.rps


def test_a_step_skips_a_stage_that_lacks_the_view():
    course = synthetic.the_course("runserver", "apache", "nginx")
    runs = [r for r in synthetic.rounds(course) if (r.stage, r.view) != ("apache", "cpu")]
    cpu = [step for step in stats.steps(runs, course) if step.cell.view == "cpu"]
    assert [(step.before.stage, step.stage.stage) for step in cpu] == [("runserver", "nginx")]


def test_one_stage_makes_no_step():
    course = synthetic.the_course("nginx")
    assert stats.steps(synthetic.rounds(course), course) == []


def test_an_interval_is_never_narrower_than_the_rounding_of_whole_answers():
    def pair(number, **fields):
        return synthetic.run(round=None, pair_id=f"p/{number}", duration_s=0.5, **fields)

    a = [pair(n, rps=20, stage="runserver") for n in range(4)]        # 10 answers in each run
    b = [pair(n, rps=200) for n in range(4)]                          # 100 answers
    comparison = stats.compare(a, b)
    assert comparison.ratio == pytest.approx(10)
    assert comparison.ci95 == pytest.approx((10 / 1.055, 10 * 1.055))  # 0.5 / 10 + 0.5 / 100
    assert not any("exactly the same" in text for text in comparison.warnings)
    many = stats.compare([replace(run, rps=2000) for run in a], [replace(run, rps=20_000) for run in b])
    assert many.half_width < 0.001 and any("exactly the same" in text for text in many.warnings)
