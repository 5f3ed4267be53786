"""Sweep: its result, the order of its runs, and that it resumes where it stopped."""

import re
from dataclasses import replace
from types import SimpleNamespace

import pytest
import synthetic
import typer
from load_helpers import FaultyServer
from synthetic import run

from deploylab import course as courses
from deploylab.cli.measuring import _rates
from deploylab.core.progress import Progress
from deploylab.core.units import NS_PER_MS
from deploylab.machine import shell
from deploylab.measure import load_test, sweep
from deploylab.measure.bench import Bench, LoadSettings
from deploylab.report import sweep as sweep_page
from deploylab.results import Session, stats

COURSE = courses.load()
TARGET, VIEW = COURSE.stage("nginx"), COURSE.view("wait")
LIMIT_NS = 200 * NS_PER_MS
SLOTS, WAIT_S = 16, 0.05


def closed(**rps):
    """Levels of a closed loop: c4=80 is 80 requests per second with 4 clients."""
    return stats.levels([run(concurrency=int(name[1:]), rps=rate) for name, rate in rps.items()], "closed")


def due(rate, p99_ms=50, n_failed=0, p95_ms=40, **other):
    """A run of an open loop with so many requests due per second."""
    made = run(mode="open", concurrency=1000, target_rps=float(rate), rps=rate, n_failed=n_failed, **other)
    p95, p99 = (None if ms is None else int(ms * NS_PER_MS) for ms in (p95_ms, p99_ms))
    return replace(made, latency_ns={**made.latency_ns, "p95": p95, "p99": p99})


def capacity(*runs):
    return stats.capacity(stats.levels(runs, "open"), LIMIT_NS)


# ----------------------------------------------------------------------------------- what it reports

def test_the_knee_is_where_more_clients_gain_almost_nothing():
    knee = stats.knee(closed(c1=20, c2=40, c4=80, c8=158, c16=300, c32=312, c64=310))
    assert (knee.level.load, knee.best.load, knee.observed) == (16, 32, True)
    assert knee.text == ("Beyond 16 clients, more of them gain almost nothing: 300/s there, at most 312/s with 32 "
                         "clients. One round does not show how uncertain that is.")


@pytest.mark.parametrize("rps", [{"c1": 20, "c2": 40, "c4": 80, "c8": 160}, {"c1": 20, "c2": 40, "c4": 44}, {"c1": 20}])
def test_without_enough_levels_past_it_the_peak_is_not_observed(rps):
    knee = stats.knee(closed(**rps))
    assert not knee.observed and knee.text.startswith("Peak not observed")


def test_throughput_that_falls_again_is_reported():
    knee = stats.knee(closed(c4=80, c8=160, c16=200, c32=180, c64=120))
    assert "With 64 clients it was only 120/s" in knee.text


def test_a_knee_that_may_come_from_the_generator_says_so():
    runs = [run(concurrency=c, rps=rate, flags=["client_cpu=97%"] if c >= 16 else [])
            for c, rate in ((4, 4000), (8, 7900), (16, 8000), (32, 8100))]
    knee = stats.knee(stats.levels(runs, "closed"))
    assert "In doubt from 16 on: the load generator was short of CPU" in knee.text


def test_without_good_answers_there_is_no_knee():
    assert stats.knee(closed(c1=0, c2=0)).level is None and stats.knee([]).level is None


def test_the_result_is_the_highest_rate_in_time_below_the_first_that_is_not():
    best = capacity(due(50), due(100, 88), due(150, 612), due(200, 90))
    assert (best.level.load, best.above.load) == (100, 150)
    assert best.text == ("It sustains 100 requests per second with p99 under 200 ms (88.0 ms); at 150 p99 was 612 ms.")


@pytest.mark.parametrize(("runs", "text"), [
    ([due(50), due(100)], "sustains at least 100 requests per second"),
    ([due(50, 900)], "Not even the lowest rate that was tried is answered within 200 ms: at 50 p99 was 900 ms."),
    ([due(50), due(100, n_failed=30)], "at 100 9 % failed"),
    ([due(50), due(100, flags=["behind=61%"])], "at 100 the server did not keep up with the rate"),
    ([due(50, None), due(100, None, p95_ms=300)], "sustains 50 requests per second with p95 under 200 ms (40.0 ms); at "
                                                  "100 p95 was 300 ms. There were too few answers for a p99."),
    ([due(50, None, p95_ms=None), due(100)], "sustains at least 100 requests per second with p99 under"),
    ([due(50, None, p95_ms=None)], "Nothing can be said"),
    ([], "No arrival rate was tried"),
])
def test_the_reason_why_a_rate_is_too_high(runs, text):
    assert text in capacity(*runs).text


def test_a_percentile_needs_enough_answers_in_every_run_of_a_level():
    level, = stats.levels([due(50, 90), due(50, None)], "open")
    assert level.latency_ns["p99"] is None and level.tail == ("p95", 40 * NS_PER_MS)


def test_repeats_of_a_rate_are_one_level():
    levels = stats.levels([due(50, ms) for ms in (90, 300, 95)], "open")
    assert [level.summary.n_runs for level in levels] == [3]
    assert stats.capacity(levels, LIMIT_NS).level.load == 50


# ------------------------------------------------------------------------------------ what it measures

def theoretical_run(settings, cell):
    """The run of a server with 16 slots for a page that waits 50 ms, according to theory."""
    capacity_rps = SLOTS / WAIT_S
    if settings.rate_per_s is None:
        rps, p99_s = min(cell.concurrency, SLOTS) / WAIT_S, WAIT_S * max(1, cell.concurrency / SLOTS)
    else:
        rps = min(settings.rate_per_s, capacity_rps)
        p99_s = WAIT_S + max(0.0, settings.rate_per_s / capacity_rps - 1) * settings.seconds
    made = run(view=VIEW.name, concurrency=cell.concurrency, rps=rps, mode="open" if settings.rate_per_s else "closed",
               target_rps=settings.rate_per_s, duration_s=settings.seconds)
    return replace(made, latency_ns={**made.latency_ns, "p99": int(p99_s * 1e9)})


@pytest.fixture
def made(monkeypatch):
    """The measured loads, (round, clients, rate) each, from `theoretical_run`; `fail_at` interrupts the n-th."""
    made = SimpleNamespace(loads=[], fail_at=None)

    def measure(bench, cell, *, purpose, round_number, on_progress):
        if len(made.loads) == made.fail_at:
            raise KeyboardInterrupt
        rate = bench.settings.rate_per_s
        run = replace(theoretical_run(bench.settings, cell), session_id=bench.session.id, purpose=purpose,
                      round=round_number, run_id=str(len(made.loads)))
        made.loads.append((round_number, None if rate else cell.concurrency, rate))
        bench.session.append(run)
        return run

    monkeypatch.setattr(load_test, "measure", measure)
    return made


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """The bench of a sweep with two rounds, and no machine."""
    monkeypatch.setenv("DEPLOYLAB_RESULTS", str(tmp_path))
    session = Session.create(kind="sweep", target=TARGET.name, view=VIEW.name, seconds=3.0, n_rounds=2, limit_ms=200.0,
                             wanted_rates=[], clients=[1, 8, 16, 32, 64])
    return Bench(machine=None, course=COURSE, session=session, facts=synthetic.FACTS, app_rev="",
                 settings=LoadSettings(seconds=3.0))


def test_clients_first_then_rates_until_the_latency_explodes(bench, made):
    sweep.levels(bench, TARGET, VIEW, Progress("test"))
    first = [clients for number, clients, rate in made.loads if number == 1 and rate is None]
    second = [clients for number, clients, rate in made.loads if number == 2 and rate is None]
    assert first == [1, 8, 16, 32, 64] and second == first[::-1]
    rates = [rate for number, _, rate in made.loads if number == 1 and rate]
    assert rates == sorted(rates) and rates[0] < 0.5 * SLOTS / WAIT_S < rates[-1]
    swept = sweep_page.swept(bench.session)
    assert swept.knee.level.load == SLOTS and swept.knee.observed
    assert swept.carried.level.load == 320 and "It sustains 320 requests per second" in swept.carried.text
    assert {level.summary.n_runs for level in (*swept.closed, *swept.arrivals)} == {2}
    assert swept.to_json()["carries_per_s"] == 320 and swept.to_json()["knee_clients"] == 16
    assert any("It sustains 320" in line for line in sweep_page.lines(swept))
    page = sweep_page.write(bench.session, COURSE)
    text = page.read_text(encoding="utf-8")
    assert swept.carried.text in text and "| 16 | 2 | 320/s |" in text
    for name in re.findall(r"\]\((\w+)\.png\)", text):
        assert (page.parent / f"{name}.png").stat().st_size > 10_000 and (page.parent / f"{name}.svg").is_file()


def test_rates_far_too_high_are_not_tried_further(bench, made):
    bench.session.update(wanted_rates=[100.0, 2000.0, 4000.0, 8000.0, 16000.0])
    sweep.levels(bench, TARGET, VIEW, Progress("test"))
    assert {rate for *_, rate in made.loads if rate} == {100, 2000, 4000}


def test_a_sweep_that_was_stopped_resumes_where_it_stopped(bench, made):
    made.fail_at = 7
    with pytest.raises(KeyboardInterrupt):
        sweep.levels(bench, TARGET, VIEW, Progress("test"))
    made.fail_at = None
    sweep.levels(bench, TARGET, VIEW, Progress("test"))
    assert len(made.loads) == len(set(made.loads)) == len(bench.session.runs("sweep"))
    n_made = len(made.loads)
    sweep.levels(bench, TARGET, VIEW, Progress("test"))
    assert len(made.loads) == n_made


def test_the_window_of_a_low_rate_is_long_enough_for_a_p99_or_a_p95(bench):
    seconds = [sweep._at_rate(bench, rate).settings.seconds for rate in (1000, 100, 10)]
    assert seconds == [3.0, 11.0, 23.0]
    assert sweep._at_rate(bench, 1).settings.seconds == sweep.LONGEST_P95_S


def test_a_view_with_visitors_gets_no_arrival_rates(bench, made):
    visit = next(view for view in COURSE.app.views.values() if view.visitor)
    sweep.levels(bench, TARGET, visit, Progress("test"))
    assert not [rate for *_, rate in made.loads if rate]


class ThisComputer:
    """This computer as the machine under load: one port, nothing to converge."""

    host = "127.0.0.1"

    def __init__(self, server):
        self.server = server

    def url(self, target, path="/"):
        return self.server.url("/ok?ms=10")

    def run(self, command, *, sudo=False, stdin=None, timeout_s=None):
        return shell.run(["sh", "-c"], command, stdin=stdin, timeout_s=timeout_s)


@pytest.mark.slow
def test_a_real_sweep_over_loopback(tmp_path, monkeypatch):
    """Three loads, three times each, against a server that takes 10 ms: real runs on disk, and a result at the end."""
    monkeypatch.setenv("DEPLOYLAB_RESULTS", str(tmp_path))
    with FaultyServer() as server:
        session = Session.create(kind="sweep", target=TARGET.name, view=VIEW.name, seconds=0.3, n_rounds=3,
                                 limit_ms=500.0, wanted_rates=[60.0], clients=[1, 4])
        monkeypatch.setattr(sweep, "FOR_P99", 0)  # short windows
        bench = Bench(machine=ThisComputer(server), course=COURSE, session=session, facts=synthetic.FACTS, app_rev="",
                      settings=LoadSettings(seconds=0.3, warmup_s=0.0))
        sweep.levels(bench, TARGET, VIEW, Progress("test"))
    runs = session.runs("sweep")
    rps = {}
    for made in runs:
        rps.setdefault((made.mode, made.concurrency if made.mode == "closed" else made.target_rps), []).append(made.rps)
    assert {load: len(rates) for load, rates in rps.items()} == {("closed", 1): 3, ("closed", 4): 3, ("open", 60.0): 3}
    assert all(made.n_ok and not made.errors for made in runs)
    assert max(rps["closed", 4]) > max(rps["closed", 1])
    assert "Nothing can be said" in sweep_page.swept(session).carried.text


@pytest.mark.parametrize(("text", "rates"), [(None, []), ("50, 100,200", [50, 100, 200])])
def test_rates_are_a_list_of_numbers(text, rates):
    assert _rates(text) == rates


@pytest.mark.parametrize("text", ["50,many", "0,1", "-3"])
def test_other_rates_are_wrong_usage(text):
    with pytest.raises(typer.BadParameter):
        _rates(text)
