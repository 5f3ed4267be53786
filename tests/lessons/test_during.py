"""lab.measure_during: a command in the middle of a load, its effect on requests, and how that is shown."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import synthetic

from deploylab import course as courses
from deploylab import load
from deploylab.core.errors import LoadError
from deploylab.core.progress import Progress
from deploylab.lessons.answers import MeasuredDuring, Output
from deploylab.lessons.display import measured
from deploylab.lessons.live import Live
from deploylab.load.attempts import OUTCOMES
from deploylab.measure import during
from deploylab.report import plots
from deploylab.results.bins import Bin

MS = 1_000_000
COURSE = courses.load()


def progress_at(t_s: float) -> load.LoadProgress:
    return load.LoadProgress(t_s=t_s, n_sent=0, n_ok=0, n_errors=0, rps=0.0, p50_ns=None)


def test_the_action_runs_once_and_during_the_load():
    done, may_end = [], threading.Event()

    def action() -> str:
        may_end.wait(60)
        time.sleep(0.2)
        done.append(True)
        return "done"

    with ThreadPoolExecutor(1) as pool:
        in_the_middle = during._InTheMiddle(pool, action, 1.0)
        in_the_middle.on_progress(progress_at(0.5))
        assert in_the_middle.future is None
        for t_s in (1.1, 1.2, 1.3):
            in_the_middle.on_progress(progress_at(t_s))
        assert not in_the_middle.future.done()
        may_end.set()
        result, began_s, ended_s = in_the_middle.result()
    assert (result, len(done)) == ("done", 1)
    assert began_s >= 1.1 and ended_s > began_s + 0.19


def test_a_load_that_ends_before_the_action_is_an_error():
    with ThreadPoolExecutor(1) as pool, pytest.raises(LoadError, match="before 2 s"):
        during._InTheMiddle(pool, lambda: None, 2.0).result()


def attempts(*rows: tuple[int, int, str]):
    """Columns of attempts; each row is (start, end, outcome), in ms."""
    starts, ends, outcomes = zip(*rows, strict=True)
    return {"start_ns": [ms * MS for ms in starts], "end_ns": [ms * MS for ms in ends],
            "outcome": [OUTCOMES.index(outcome) for outcome in outcomes]}


def test_each_request_counts_where_it_was_asked():
    bins = during.bins(attempts((0, 10, "ok"), (20, 4000, "ok"), (3999, 4100, "http_5xx"), (4000, 9000, "timeout")), 4)
    assert len(bins) == during.N_BINS and bins[0] == Bin(from_s=0, ok=2, failed={}, longest_ms=3980)
    assert bins[-1].failed == {"http_5xx": 1, "timeout": 1}
    assert bins[-1].longest_ms is bins[1].longest_ms is None  # a failure is not a short wait
    assert sum(one.ok + one.n_failed for one in bins) == 4


@pytest.fixture
def answer():
    run = synthetic.run(view="hello", errors={"http_5xx": 2}, n_sent=302, n_ok=300, n_unsent=4, n_due=306)
    bins = during.bins(attempts((0, 10, "ok"), (1000, 1100, "http_5xx"), (1200, 3700, "ok")), 3)
    return MeasuredDuring(session="s1", run=run, command="kill -9 <7>", began_s=1.0, ended_s=1.1, bins=tuple(bins),
                          done=Output(out="<gone>\n", status=0, seconds=0.1))


def test_what_failed_is_named_and_the_longest_wait_told(answer):
    shown = measured.during(answer)
    for text in ("2 http_5xx", "4 of 306", "2,500 ms", "after 1.2 s", "from 1.0 s to 1.1 s, exit 0"):
        assert text in repr(shown) and text in shown._repr_html_()
    assert shown and "<gone>" in repr(shown) and "&lt;gone&gt;" in shown._repr_html_()
    assert "&lt;7&gt;" in shown._repr_html_() and "<img" in shown._repr_html_()


def test_a_command_that_failed_is_no_good_answer(answer):
    shown = measured.during(replace(answer, done=replace(answer.done, status=1)), "RECORDED")
    assert not shown and "RECORDED" in shown._repr_html_()


@pytest.mark.parametrize("rows", [[(0, 10, "ok")], [(0, 10, "reset")]], ids=["none failed", "all failed"])
def test_it_is_drawn_whatever_came_back(rows):
    run = synthetic.run(rps=0 if rows[0][2] == "reset" else 1)
    plot = plots.during(run, during.bins(attempts(*rows), 3), 1, 9)
    assert plot.svg and "while something was done" in plot.title and "The grey band" in plot.caption


@pytest.mark.machine
def test_who_asks_while_a_server_is_stopped_is_counted(machine):
    live = Live(machine, COURSE, "03_wsgi")
    progress = Progress("test")
    live.goto(progress, target="wsgi")
    result = live.measure_during(progress, "wsgi", "sudo supervisorctl restart deploylab-wsgi", view="hello", rate=50.0,
                                 concurrency=None, seconds=8.0, after=1.0)
    assert result.done.status == 0 and "started" in result.done.out
    assert 1 <= result.began_s < result.ended_s
    run = result.run
    assert set(run.errors) <= {"connect", "reset", "closed_early", "stale"} and run.errors.get("connect")
    failed = [one.from_s for one in result.bins if one.failed]
    # The restart has returned before the server listens again, and a busy machine takes its time for that.
    assert result.began_s - 0.5 < failed[0] and failed[-1] < result.ended_s + 2
    assert run.n_sent == sum(one.ok + one.n_failed for one in result.bins)
