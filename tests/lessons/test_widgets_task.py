"""Work in a thread: what its widgets show, how it is stopped, and how it fails."""

import threading
import time

import pytest
from panel_helpers import ended
from waiting import until

from deploylab.core import cancel
from deploylab.core.errors import LoadError, Stopped
from deploylab.lessons.widgets import Task

LONG_S = 120  # of a load that is stopped long before


@pytest.fixture(autouse=True)
def own_state(tmp_path, monkeypatch):
    monkeypatch.setenv("DEPLOYLAB_STATE", str(tmp_path))


def test_a_task_shows_what_its_work_tells_and_gives_its_result():
    updated, go = threading.Event(), threading.Event()

    def work(progress):
        with progress.phase("box", "Building <the> box"):
            progress.update("unpacking", 3, 10)
            updated.set()
            go.wait(30)
        return 42

    task = Task("the box", work)
    assert updated.wait(30)
    until(lambda: "unpacking" in task.label.value, "the label never said what is done")
    assert "Building &lt;the&gt; box" in task.label.value and "3 of 10" in task.label.value
    assert (task.bar.value, task.bar.layout.visibility, task.button.disabled) == (0.3, "visible", False)
    go.set()
    assert task.result() == 42
    assert (task.state, task.bar.value, task.button.disabled) == ("done", 1.0, True)
    assert "✓ Building &lt;the&gt; box" in task.lines.value and "done" in task.label.value
    assert "log/notebook.log" in task.label.value
    assert task.progress.log_path.read_text().startswith("== Building")


def test_how_far_it_is_stays_empty_where_nobody_knows():
    task = Task("waiting", lambda progress: cancel.sleep(LONG_S))
    assert task.bar.layout.visibility == "hidden"
    task.stop()


def test_an_error_is_one_message_and_no_traceback():
    def work(progress):
        raise LoadError("It has <no> answer.", "./lab check")

    task = ended(Task("a load", work))
    assert "It has &lt;no&gt; answer.\nNext: ./lab check" in task.label.value
    assert "Traceback" not in task.label.value + task.lines.value
    with pytest.raises(LoadError) as caught:
        task.result()
    assert caught.value._render_traceback_() == ["It has <no> answer.\nNext: ./lab check"]


def test_a_fault_of_ours_is_told_and_stands_in_the_log():
    task = ended(Task("a load", lambda progress: 1 / 0))
    assert "An error in the kit itself: ZeroDivisionError" in task.label.value
    assert "Traceback" in task.progress.log_path.read_text()
    with pytest.raises(ZeroDivisionError):
        task.result()


def test_stop_interrupts_work_once_and_lets_it_clean_up():
    cleaned = []

    def work(progress):
        try:
            while True:
                progress.update("going on")
                time.sleep(0.01)
        finally:
            progress.say("cleaning up")
            cleaned.append(True)

    task = Task("for ever", work)
    until(lambda: task.progress.detail, "the work never began")
    task.button.click()
    task.button.click()
    ended(task)
    assert cleaned and task.state == "stopped"
    assert "stopped" in task.label.value and "cleaning up" in task.lines.value
    with pytest.raises(Stopped, match="for ever: stopped after"):
        task.result()


def test_work_that_ends_early_with_a_result_says_so():
    def work(progress):
        try:
            cancel.sleep(LONG_S)
        except KeyboardInterrupt:
            return "what there is"

    task = Task("a race", work)
    task.stop()
    assert task.result() == "what there is"
    assert "stopped early" in task.label.value


def test_a_plot_that_fails_does_not_hide_the_work():
    def paint(task):
        raise ValueError("no such colour")

    task = Task("a load", lambda progress: 1, paint=paint)
    assert task.result() == 1
    assert task.lines.value.count("no such colour") == 1
