"""report: stands alone, shows stats' own numbers, and says what each step bought, including nothing or a loss."""

import re
from dataclasses import replace

import pytest
import synthetic
from report_helpers import PART, RUNS, TWO, Page, with_contrasts, written

from deploylab import course as courses
from deploylab import report, results
from deploylab.results import Session, stats

pytestmark = pytest.mark.usefixtures("own_results", "undrawn")


@pytest.fixture(scope="module")
def ordinary(tmp_path_factory):
    """The report of an ordinary session, written once, and the only one with plots: `undrawn` comes after it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEPLOYLAB_RESULTS", str(tmp_path_factory.mktemp("results")))
        return written(TWO, RUNS)


def test_it_asks_for_nothing_from_anywhere(ordinary):
    text = ordinary
    page = Page(text)
    assert page.open == [] and page.addresses
    assert all(address.startswith("#") for address in page.addresses)
    assert not re.search(r"@import|url\((?!#)|<script|<link|<iframe", text)
    assert all(address.removeprefix("#") in page.ids for address in page.addresses)
    assert len(page.ids) == len(set(page.ids))


def test_every_plot_has_its_alternative_and_its_caption(ordinary):
    text = ordinary
    page = Page(text)
    assert len(page.svgs) == page.figures == 1 + 2 * 6 + 1
    assert all(svg["role"] == "img" and len(svg["aria-label"]) > 40 for svg in page.svgs)
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", text, flags=re.S)
    assert len(captions) == page.figures
    assert all("Load: " in caption and " runs." in caption and "Machine: " in caption for caption in captions)


def test_its_numbers_are_those_of_stats(ordinary):
    rows = Page(ordinary).rows
    for cell, summary in stats.summarise(RUNS).items():
        key = f"{cell.stage} {cell.view} {cell.concurrency}"
        assert rows["data-cell", key] == [str(summary.rps), str(summary.n_sent)]
        assert rows["data-latency", key] == [str(summary.latency_ns[p]) for p in ("p50", "p95", "p99")]
    for step in stats.steps(RUNS, TWO):
        key = f"{step.stage.stage} {step.cell.view} {step.cell.concurrency}"
        assert rows["data-step", key] == [str(step.a.rps), str(step.b.rps), str(step.main.ratio)]


def test_the_first_screen_says_gain_loss_and_nothing():
    slower = [replace(r, rps=0.7 * r.rps) if (r.stage, r.view) == ("nginx", "cpu") else r for r in RUNS]
    first = Page(written(TWO, slower)).text.partition("Changed at once")[0]
    assert "Most on asset:" in first and "as many requests per second" in first
    assert re.search(r"A loss on cpu: \d+ % fewer requests per second \(\d+ to \d+ %\)", first)
    assert re.search(r"p50 [\d.]+ → [\d.]+ ms", first)
    assert "Memory (PSS):" in first and "Server CPU per request:" in first
    assert "Failures: none, before or now" in first
    assert "the number is for the whole step, never for one part" in first


def test_a_step_that_bought_nothing_says_so():
    course = synthetic.the_course("nginx", "static")
    hello = [r for r in synthetic.rounds(course) if r.view == "hello"]
    text = Page(written(course, hello)).text
    assert "No gain in throughput was seen. No difference seen on hello (within" in text


def test_it_says_what_a_step_changes_and_what_is_not_proven(ordinary):
    text = Page(ordinary).text
    for part in (*TWO.stage("nginx").changes, "What these numbers do not prove",
                 '"No difference seen" is not "the same"'):
        assert part in text


def test_previews_and_variants_do_not_count():
    extra = [replace(RUNS[0], purpose="preview", rps=1e6), replace(RUNS[0], variant="nothreading", rps=1e6)]
    strip = lambda text: re.sub(r"2\d{3}-\d\d-\d\d_\w+|-[0-9a-f]{6}-", "", text)  # noqa: E731
    assert strip(written(TWO, RUNS + extra)) == strip(written(TWO, RUNS))


def test_an_unfinished_session_says_so(ordinary):
    text = Page(written(TWO, RUNS[:24], finished=False)).text
    assert "So far: 24 of 60 planned runs of the rounds are here." in text
    assert "Still to come: rounds over all stages, which give ratios their intervals." in text
    assert "this page grows: load it again" in text and "So far" not in Page(ordinary).text


def test_the_report_of_a_session_that_has_just_begun_shows_the_first_looks():
    looks = [synthetic.run(stage, "asset", round=None, rps=rps, purpose="preview")
             for stage, rps in (("runserver", 750), ("nginx", 10_500))]
    plan = {"stages": ["runserver", "nginx", "static"], "converge": [{"stage": "runserver", "changed": 9},
                                                                     {"stage": "nginx", "changed": 4}]}
    page = Page(written(TWO, looks, finished=False, **plan))
    assert "So far: 2 of 3 stages set up and checked: runserver, nginx; 0 of 60 planned runs" in page.text
    assert "Still to come: 1 stage: static; rounds over all stages" in page.text
    assert page.figures == 1 and "A first look" in page.text and "no ratio is made of them" in page.text
    assert "10,500/s" in page.svgs[0]["aria-label"]
    assert "A first look" not in Page(written(TWO, [*looks, *RUNS[:24]], finished=False, **plan)).text
    assert "A first look" not in Page(written(TWO, [*looks, *RUNS], **plan)).text


def test_a_load_that_was_measured_once_is_said_to_be():
    cells = [{"n_rounds": 4}, {"n_rounds": 1}]
    session = Session.create(cells=cells, n_rounds=4, n_pairs=4, pair_seconds=0.5, budget_s=660)
    for run in RUNS:
        session.append(run)
    text = Page(report.html(session, TWO)).text
    assert "everything else is measured in 1 round only" in text
    assert "time left of the 11 min 00 s that were declared before" in text
    assert "never whether an interval contains 1" in text


def test_no_run_at_all():
    assert "No round has been measured yet" in Page(written(TWO, [], finished=False)).text


def test_one_stage_only():
    course = synthetic.the_course("nginx")
    page = Page(written(course, synthetic.rounds(course)))
    assert "no stage before to compare it with" in page.text and len(page.svgs) == 2 * 6 + 1


@pytest.mark.parametrize("failing", [("nginx",), ("runserver", "nginx")])
def test_a_view_that_failed_everywhere(failing):
    runs = [synthetic.run(r.stage, r.view, r.concurrency, r.round, 0, flags=["no_answers"])
            if r.view == "cpu" and r.stage in failing else r for r in RUNS]
    text = Page(written(TWO, runs)).text
    assert f"No verdict on cpu: {' and '.join(failing)} gave no good answer." in text
    assert "Not one good answer came back." in text
    assert "150 of 150 failed (100 %): 150 timeout" in text


def test_visits_are_counted_as_visits_with_what_they_asked_for():
    notes = {"requests_per_visit": 12, "bytes_per_visit": 66_800, "not_modified_per_visit": 0,
             "from_cache_per_visit": 0}
    runs = [synthetic.run(stage, "visit", 1, n, rps + n / 100, notes=notes)
            for n in range(1, 6) for stage, rps in (("runserver", 10), ("nginx", 30))]
    text = Page(written(TWO, [*RUNS[:24], *runs])).text
    for part in ("3.0 times as many visits per second", "visits/s", "nginx: 12 requests and 66.8 kB per visit",
                 "CPU per visit", "30.0 visits/s"):
        assert part in text, part


def test_doubts_damage_machine_and_checks_are_told():
    runs = [replace(r, flags=["client_cpu=93%"]) if r.view == "asset" else r for r in RUNS]
    converge = [{"stage": "nginx", "changed": 12, "seconds": 31.0, "checks": [
        {"name": "answers", "ok": True, "seen": "200"}, {"name": "debug off", "ok": False, "seen": "it is on"}]}]
    session = Session.create(n_rounds=5, cells=[{}] * 12, converge=converge, phase_seconds={"load": 702.0},
                             ceiling={"keepalive": 16000.0})
    for run in runs:
        session.append(run)
    with session.runs_file.open("a") as file:
        file.write('{"schema"\n')
    text = Page(report.html(session, TWO)).text
    for part in ("The load generator used 93 % of its core", "Line 61 of", "is damaged", "1 of 2",
                 "no: debug off: it is on", "load 11 min 42 s", "16,000/s (kept connections)", "gunicorn 27.0.0",
                 "nearest-rank over all attempts", "⚑ Numbers in doubt"):
        assert part in text, part


def test_a_warning_stands_once_with_the_stages_it_is_about():
    few = [replace(run, latency_ns={**run.latency_ns, "p99": None}) for run in RUNS]
    text = Page(written(TWO, few)).text
    assert "runserver, nginx: p99 is missing in 5 of 5 runs" in text and " runserver: p99 is missing" not in text


def test_runs_of_another_machine_are_left_out_aloud():
    other = {**synthetic.MACHINE, "kernel": "6.13.0"}
    text = Page(written(TWO, [*RUNS, replace(RUNS[0], machine=other, round=6)])).text
    assert "1 run made on another machine" in text and "60 runs." in text


def test_what_was_measured_is_escaped():
    text = written(TWO, [replace(r, machine={**r.machine, "cpu": "<b>&cpu"}) for r in RUNS])
    assert "<b>&cpu" not in text and "&lt;b&gt;&amp;cpu" in text


def test_the_report_of_a_recorded_session_is_written_among_ones_own_results(tmp_path):
    """Its clone may be read-only: then DEPLOYLAB_RESULTS, which the error message names, is what helps."""
    shipped = results.recorded()[-1]
    before = {path.name: path.stat().st_mtime_ns for path in shipped.folder.iterdir()}
    path = report.write(shipped, courses.load())
    assert path == tmp_path / "results" / "recorded" / shipped.id / "report.html" and "RECORDED" in path.read_text()
    assert {path.name: path.stat().st_mtime_ns for path in shipped.folder.iterdir()} == before
    assert results.Session.open(shipped.id).folder == shipped.folder  # the page alone does not hide the session


def test_a_recorded_session_is_marked(tmp_path):
    session = Session.create()
    (tmp_path / "results" / "recorded").mkdir()
    session.folder.rename(tmp_path / "results" / "recorded" / session.id)
    session = Session.open(session.id)
    for run in RUNS:
        session.append(run)
    assert report.html(session, TWO).count("RECORDED") > 10


def test_a_session_without_contrasts_does_not_speak_of_them(ordinary):
    assert "What one change does" not in ordinary
    contrast = synthetic.contrast()
    assert "What one change does" not in with_contrasts((contrast, [PART], synthetic.pairs(contrast)[:1]))


def test_a_stage_beside_the_road_is_in_the_numbers_but_not_in_the_picture():
    aside = replace(TWO.stage("nginx"), stage="aside", ladder=False, variants=())
    course = replace(TWO, stages=(*TWO.stages, aside))
    runs = [replace(run, stage="aside") for run in RUNS if run.stage == "nginx" and run.view == "hello"]
    page = Page(written(course, [*RUNS, *runs]))
    assert "aside: not a step of the course" in page.text and ("data-cell", "aside hello 10") in page.rows
    assert not any("aside" in svg["aria-label"] for svg in page.svgs[:-1])
    assert "aside against" not in page.text
    alone = Page(written(course, runs))
    assert ("data-cell", "aside hello 10") in alone.rows and len(alone.svgs) == 1


def test_visits_are_counted_as_visits():
    runs = [synthetic.run(stage, "visit", 1, number, rps * (1 + number / 500),
                          notes={"requests_per_visit": n, "bytes_per_visit": 1000 * n})
            for number in range(1, 6) for stage, rps, n in (("runserver", 50, 17), ("nginx", 120, 11))]
    text = Page(written(TWO, runs)).text
    assert "Most on visit: 2.4 times as many visits per second" in text
    assert "17 → 11 requests" in text.partition("Changed at once")[0]
    assert "17 requests and 17.0 kB per visit" in text
