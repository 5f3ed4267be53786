"""`./lab run` without a machine: what it measures, in which order, and that a stopped run goes on where it stopped."""

from collections import Counter
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
import synthetic

from deploylab import course as courses
from deploylab import results
from deploylab.core.progress import Progress
from deploylab.measure import compare, full_run, load_test
from deploylab.measure.bench import Bench, LoadSettings
from deploylab.measure.schedule import MOST_PAIRS, QUICK, USUAL
from deploylab.results import stats

COURSE = courses.load()
STAGES = [COURSE.stage(name) for name in ("runserver", "wsgi", "nginx")]
NOISY = "debug"


@pytest.fixture
def loads(tmp_path, monkeypatch):
    """The loads of a machine that takes no time; "stop_at" of them raises KeyboardInterrupt."""
    monkeypatch.setenv("DEPLOYLAB_RESULTS", str(tmp_path))
    loads = SimpleNamespace(n=0, stop_at=None, busy=False, events=[])

    def measure(bench, cell, *, purpose, round_number=None, pair_id=None, side=None, seed=None, on_progress=None):
        loads.n += 1
        if loads.n == loads.stop_at:
            raise KeyboardInterrupt
        noisy = side == "B" and pair_id in (f"{NOISY}/1", f"{NOISY}/3")
        began = datetime(2026, 11, 29, tzinfo=UTC) + timedelta(seconds=2 * loads.n)
        rps = 150.0 if noisy else 100.0
        run = synthetic.run(cell.target.stage, cell.view.name, cell.concurrency, round_number, rps, run_id=str(loads.n),
                            started_utc=began.isoformat(), variant=cell.target.variant,
                            purpose=purpose, pair_id=pair_id, side=side, duration_s=bench.settings.seconds,
                            warmup_s=bench.settings.warmup_s)
        bench.session.append(run)
        loads.events.append(purpose)
        return run

    def to_stage(machine, course, stage, progress, variants, later):
        loads.events.append(f"set up {stage.name}")
        return SimpleNamespace(ok=True, converged=SimpleNamespace(seconds=1.0),
                               to_json=lambda: {"stage": stage.name, "changed": 1, "checks": []})

    monkeypatch.setattr(load_test, "measure", measure)
    monkeypatch.setattr(load_test, "calibrated", lambda bench, seconds, progress: replace(
        bench, settings=replace(bench.settings, seconds=seconds)))
    monkeypatch.setattr(full_run.prepare, "to_stage", to_stage)
    monkeypatch.setattr(full_run.prepare, "calibration_stub", lambda *_: None)
    monkeypatch.setattr(compare, "awake", lambda *_: nullcontext())
    monkeypatch.setattr(compare, "differences", lambda *_: [])
    monkeypatch.setattr(Bench, "of", classmethod(lambda cls, machine, course, session, settings: cls(
        machine=machine, course=course, session=session, facts=synthetic.FACTS, app_rev="", settings=settings)))
    return loads


def run(loads, effort=USUAL, stages=STAGES):
    return full_run.run(None, COURSE, stages, effort=effort, progress=Progress("test"),
                        on_news=lambda session: loads.events.append("news"))[0]


def test_the_report_begins_with_the_second_stage(loads):
    run(loads)
    first_news = loads.events.index("news")
    assert loads.events[:first_news] == ["set up runserver", "preview", "set up wsgi", "preview"]
    assert loads.events[first_news + 1] == "set up nginx"


def test_the_page_is_there_after_two_stages_and_grows(loads, monkeypatch):
    """What `./lab run` does with the news: the page's first lines, each time that it is written."""
    from deploylab import report
    from deploylab.report.plots import base

    monkeypatch.setattr(base, "_render", lambda figure, kind: b'<svg viewBox="0 0 1 1"></svg>')
    growing, pages = report.Growing(COURSE, Progress("test")), []

    def on_news(session):
        growing(session)
        pages.append((session.folder / "report.html").read_text(encoding="utf-8"))

    session, _ = full_run.run(None, COURSE, STAGES, effort=USUAL, progress=Progress("test"), on_news=on_news)
    assert "2 of 3 stages set up and checked: runserver, wsgi" in pages[0] and "A first look" in pages[0]
    assert "1 stage: nginx" in pages[0] and "3 of 3 stages" in pages[1]
    assert "A first look" not in pages[2] and "one pair: no interval" in pages[2]
    text = report.write(session, COURSE).read_text(encoding="utf-8")
    assert "So far" not in text and text.count("<article class=\"contrast\"") == len(session.plan["contrasts"])


def test_the_first_looks_are_what_the_stages_are_judged_by(loads):
    session = run(loads)
    looks = [(one.stage, one.view) for one in session.runs("preview")]
    assert looks == [("runserver", "hello"), ("wsgi", "hello"), ("runserver", "asset"), ("nginx", "asset")]


def test_what_the_stages_are_judged_by_is_in_each_round_the_rest_in_the_first(loads):
    session = run(loads)
    n = Counter((one.stage, one.view, one.concurrency) for one in session.runs("round"))
    assert n["nginx", "asset", 10] == n["runserver", "asset", 10] == USUAL.n_rounds
    assert {count for load, count in n.items() if load[1] != "asset"} == {USUAL.n_rounds_others}
    assert len(n) == len(session.plan["cells"]) and {one.round for one in session.runs("round")
                                                     if one.view != "asset"} == {1}
    assert any(step.main.n_pairs == USUAL.n_rounds for step in stats.steps(session.runs("round"), COURSE))


def test_the_widest_interval_gets_more_pairs_and_the_plan_says_how_many(loads):
    session = run(loads)
    pairs = session.plan["pairs_of"]
    assert USUAL.n_pairs < pairs[NOISY] <= MOST_PAIRS
    assert {n for name, n in pairs.items() if name != NOISY} == {USUAL.n_pairs}
    assert Counter(one.pair_id for one in session.runs("pair")) == {
        f"{name}/{number}": 2 for name, n in pairs.items() for number in range(1, n + 1)}


def test_only_the_first_pair_in_a_row_has_the_long_warm_up(loads):
    session = run(loads)
    of_one = [one.warmup_s for one in session.runs("pair") if one.pair_id.startswith("threads/")]
    assert of_one == [0.5, 0.5] + [USUAL.warmup_again_s] * (len(of_one) - 2)
    assert {one.warmup_s for one in session.runs("round")} == {0.5}


def test_nothing_is_told_within_a_round_or_a_pair(loads):
    session = run(loads)
    told = [i for i, event in enumerate(loads.events) if event == "news"]
    n_rounds = len({one.round for one in session.runs("round")})
    n_contrasts = len(session.plan["contrasts"])
    assert len(told) == 2 + n_rounds + n_contrasts + 1  # stages, rounds, contrasts, and the one with more pairs


@pytest.mark.parametrize("stop_at", [3, 9, 30, 60, 72, 78])
def test_a_stopped_run_goes_on_and_ends_with_the_same_plan(loads, stop_at):
    loads.stop_at = stop_at
    with pytest.raises(KeyboardInterrupt):
        run(loads)
    stopped = results.latest_run()
    assert not stopped.finished
    session = run(loads)
    assert session.id == stopped.id and session.finished
    runs = session.runs()
    keys = Counter((one.purpose, one.stage, one.variant, one.view, one.concurrency, one.round, one.pair_id, one.side)
                   for one in runs if one.purpose != "pair")
    assert set(keys.values()) == {1}
    whole = {pair for pair, n in Counter(one.pair_id for one in session.runs("pair")).items() if n >= 2}
    assert whole == {f"{name}/{k}" for name, n in session.plan["pairs_of"].items() for k in range(1, n + 1)}


def test_another_effort_is_another_session(loads):
    loads.stop_at = 30
    with pytest.raises(KeyboardInterrupt):
        run(loads)
    stopped, session = results.latest_run(), run(loads, QUICK)
    assert session.id != stopped.id and session.plan["quick"]
    assert set(session.plan["pairs_of"].values()) == {QUICK.n_pairs}


def test_settings_without_a_second_warm_up_keep_the_first():
    assert LoadSettings(seconds=1.0).warmup_again_s is None
