"""The first screen of a report: each stage judged by what it is for, and the same as JSON."""

import json

import pytest
import synthetic
from report_helpers import RUNS, TWO, Page, written

from deploylab import course as courses
from deploylab import report, results
from deploylab.report import headlines, sentences
from deploylab.results import Session, stats
from deploylab.results.record import Comparison

pytestmark = pytest.mark.usefixtures("own_results", "undrawn")
RECORDED = results.recorded()[-1]


@pytest.fixture(scope="module")
def rows():
    course = courses.load()
    runs = [run for run in RECORDED.runs("round") if run.variant is None]
    return {row.stage.name: row for row in headlines.rows(stats.steps(runs, course), course)}


def test_each_stage_that_is_a_step_is_judged_by_a_measure_that_there_is():
    course = courses.load()
    judged = [stage for stage in course.stages if stage.headline]
    assert [stage.name for stage in judged] == [stage.name for stage in stats.on_ladder(course)[1:]]
    for stage in judged:
        assert set(stage.headline.metrics) <= set(headlines.SHOWN) <= set(stats.METRICS)


def far_visits():
    """Rounds of far visits that no machine made: what `nginx` and `static` send, and about the time that it takes."""
    def visits(stage, number, requests, n_bytes, per_s):
        return synthetic.run(stage, "visit_far", 1, number, per_s * (1 + number / 100), duration_s=12.0,
                             notes={"requests_per_visit": requests, "bytes_per_visit": n_bytes}, line_rtt_ms=40.0,
                             line_mbit_per_s=10.0, line_means="tun", line_connect_ns=40_700_000)

    return [run for number in range(1, 6)
            for run in (visits("nginx", number, 17.0, 159_000.0, 2.2), visits("static", number, 11.0, 61_000.0, 3.6))]


def test_tuned_static_files_are_judged_by_a_far_visit_and_not_by_throughput():
    course = courses.load()
    row, = (row for row in headlines.rows(stats.steps(far_visits(), course), course) if row.stage.name == "static")
    figures = {figure.metric: figure for figure in row.figures}
    assert [*figures] == ["requests_per_visit", "bytes_per_visit", "p50_ns"] and row.where == "visit_far, 1 client"
    assert (figures["requests_per_visit"].before, figures["requests_per_visit"].now) == ("17", "11")
    assert {figure.kind for figure in row.figures} == {"gain"}


def test_a_session_without_far_visits_says_that_they_were_not_measured():
    course = courses.load()
    runs = [run for run in RECORDED.runs("round") if run.variant is None and run.view != "visit_far"]
    row, = (row for row in headlines.rows(stats.steps(runs, course), course) if row.stage.name == "static")
    assert (row.before, row.where) == ("nginx", "visit_far, 1 client")
    assert {(one.before, one.now, one.ratio) for one in row.figures} == {("–", "–", "not measured")}
    assert {one.kind for one in row.figures} == {"unknown"}
    assert [one.name for one in row.figures][:2] == ["requests per visit", "bytes per visit"]


def test_the_report_says_how_far_away_visitors_were():
    page = Page(written(courses.load(), far_visits())).text
    assert "40 ms away over 10 Mbit/s (made by tun; a connection took 40.7 ms)" in page
    assert "12 s per run, 40 ms away over 10 Mbit/s" in page


def test_less_is_better_where_it_is():
    def kind(metric, ratio, ci95):
        comparison = Comparison(a="a", b="b", view="page", metric=metric, n_pairs=5, ratio=ratio, ci95=ci95,
                                half_width=0.1, verdict="")
        return sentences.kind(comparison)

    assert kind("rps", 2.0, (1.8, 2.2)) == kind("p50_ns", 0.5, (0.4, 0.6)) == "gain"
    assert kind("rps", 0.5, (0.4, 0.6)) == kind("bytes_per_visit", 2.0, (2.0, 2.0)) == "loss"
    assert kind("rps", 1.1, (0.9, 1.3)) == "none" and kind("rps", None, None) == "unknown"


@pytest.mark.parametrize(("n", "words"), [(1, "0 or 1"), (20, "1"), (27, "1 or 2"), (47, "2 or 3"), (60, "3")])
def test_how_many_intervals_miss_by_chance(n, words):
    assert headlines.expected_false(n) == words


def test_the_first_screen_has_a_row_for_each_stage_and_everything_else_is_folded():
    page = written(courses.load(), [run for run in RECORDED.runs("round") if run.variant is None])
    first, _, rest = page.partition("<details")
    text = Page(first).text
    for name in ("apache", "nginx", "static", "cache", "edge"):
        assert name in text
    assert "requests per visit" in text and "not measured" not in text
    assert rest.count("<h2>") == page.count("<h2>") == rest.count("<summary><h2>")
    steps = stats.steps(RECORDED.runs("round"), courses.load())
    n_intervals = sum(step.main.ci95 is not None for step in steps)  # one that moved has none
    assert 35 < n_intervals <= len(steps) == 48
    assert (f"Of {n_intervals} intervals, {headlines.expected_false(n_intervals)} miss the true ratio by chance alone"
            in " ".join(Page(page).text.split()))


def test_the_document_says_what_the_page_says(lab):
    done = lab("report", "--session", RECORDED.id, "--json")
    document = json.loads(done.stdout)
    static = next(stage for stage in document["stages"] if stage["stage"] == "static")
    figures = {figure["metric"]: figure for figure in static["headline"]}
    assert (figures["requests_per_visit"]["before"], figures["requests_per_visit"]["now"]) == ("17", "11")
    assert figures["p50_ns"]["kind"] == "gain" and figures["p50_ns"]["ratio"].startswith("0.")
    assert len(document["contrasts"]) == len(RECORDED.plan["contrasts"]) > 40 and document["recorded"]
    assert {"client_cpu", "ceiling"} & {flag["flag"].partition("=")[0] for flag in document["flags"]}
    edge = next(one for one in document["contrasts"] if one["contrast"]["name"] == "edge")
    rps = next(ratio for ratio in edge["ratios"] if ratio["metric"] == "rps")
    assert rps["ratio"] > 10 and rps["series"] == []


def test_a_session_of_one_contrast_has_a_document_too(tmp_path):
    session = Session.create(kind="compare")
    for run in RUNS:
        session.append(run)
    document = report.document(session, TWO)
    assert [stage.stage for stage in document.stages] == [stage.name for stage in TWO.stages]
