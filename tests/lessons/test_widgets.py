"""The load panel: buttons that start and stop a load. Without a browser, and in a notebook."""

import os
import time
from ast import literal_eval

import nbformat
import pytest
from load_helpers import FaultyServer
from nbclient import NotebookClient
from panel_helpers import LocalMachine, ended, engines, local_course
from waiting import until

from deploylab.core import paths
from deploylab.core.errors import Busy, CheckError, DeployLabError, TargetRefused
from deploylab.lessons.widgets import LoadPanel

LONG_S = 120  # of a load that is stopped long before that


@pytest.fixture(scope="module")
def server():
    with FaultyServer() as server:
        yield server


@pytest.fixture(autouse=True)
def own_state(tmp_path, monkeypatch):
    monkeypatch.setenv("DEPLOYLAB_STATE", str(tmp_path))


@pytest.fixture
def panel(server, request):
    """A panel on the local server, its load short."""
    panel = LoadPanel(LocalMachine(), local_course(server.port, request.node.name))
    panel.seconds.value = 0.8
    yield panel
    panel.stop()
    assert not engines()


def test_a_load_by_hand(panel, server):
    panel.view.value, panel.clients.value = "quick", 4
    panel.start_button.click()
    result = panel.wait()
    url = panel.machine.url(panel.course.stages[0], panel.course.view("quick").path)
    assert result.n_ok == result.n_sent == server.counts(url)["requests"] > 0
    assert result.concurrency == 4 and panel.events[-1].n_ok <= result.n_ok
    assert panel.task.state == "done" and panel.task.bar.value == 1.0
    assert (panel.start_button.disabled, panel.stop_button.disabled) == (False, True)
    assert f"Complete requests:      {result.n_sent}" in panel.printout.value
    assert "data:image/png;base64," in panel.final.value and 'alt="first, quick' in panel.final.value
    assert "Machine: local" in panel.final.value and "1 run without a warm-up" in panel.final.value


@pytest.mark.slow
def test_the_chart_grows_and_marks_failures(panel):
    panel.stage.value, panel.view.value, panel.seconds.value = "second", "faulty", 60
    panel.start()
    until(lambda: panel.chart.value, "no chart was drawn while the load ran")
    assert panel.task.running and panel.chart.layout.display is None and panel.chart.layout.width == "100%"
    until(lambda: 0 < panel.task.bar.value < 1, "the bar does not move")
    assert "failed" in panel.task.label.value
    first = panel.chart.value
    until(lambda: panel.chart.value != first, "the chart does not grow")
    until(lambda: panel.events[-1].n_errors, "nothing failed")
    panel.stop()
    assert panel.wait().errors["reset"] > 0
    assert "reset" in panel.final.value and panel.chart.layout.display == "none"
    assert any("failures" in text.get_text() for ax in panel.plot.figure.axes if ax.get_legend()
               for text in ax.get_legend().get_texts())


def test_stop_ends_the_load_at_once_and_leaves_nothing(panel, server):
    panel.seconds.value = LONG_S
    panel.start_button.click()
    until(lambda: panel.events, "no load began")
    assert len(engines()) == 1
    began_s = time.monotonic()
    panel.stop_button.click()
    result = panel.wait()
    assert time.monotonic() - began_s < LONG_S / 2
    assert not engines()
    url = panel.machine.url(panel.course.stages[0], panel.course.view("quick").path)
    requests = server.counts(url)["requests"]
    time.sleep(0.3)
    assert server.counts(url)["requests"] == requests >= result.n_sent > 0
    assert "stopped" in result.flags and "stopped early" in panel.task.label.value
    assert "Note:" in panel.printout.value
    assert (panel.start_button.disabled, panel.stop_button.disabled) == (False, True)


@pytest.mark.parametrize("after_s", [0, 0.1, 0.25])
def test_stop_at_any_moment_of_the_beginning(panel, after_s):
    panel.seconds.value = LONG_S
    panel.start()
    time.sleep(after_s)
    panel.stop()
    assert not panel.task.running and not engines()
    assert panel.task.error is None
    panel.seconds.value = 0.5
    panel.start()
    assert panel.wait().n_ok > 0


def test_a_second_start_is_refused_with_words(panel, server):
    panel.seconds.value = LONG_S
    first = panel.start()
    until(lambda: panel.events, "no load began")
    panel.start_button.click()
    assert "A load is already running" in panel.message.value and "press Stop" in panel.message.value
    with pytest.raises(Busy):
        panel.start()
    assert panel.task is first and first.running and len(engines()) == 1


def test_one_load_at_a_time_whoever_asks(panel, server):
    panel.seconds.value = LONG_S
    panel.start()
    until(lambda: panel.events, "no load began")
    other = LoadPanel(LocalMachine(), panel.course)
    other.start_button.click()
    ended(other.task)
    assert "`lab.panel` has been using the machine" in other.task.label.value
    with pytest.raises(Busy):
        other.wait()
    assert len(engines()) == 1 and panel.task.running


def test_only_the_labs_own_machines(server):
    panel = LoadPanel(LocalMachine(address="192.0.2.7"), local_course(server.port), local_course(server.port).stages)
    panel.start_button.click()
    ended(panel.task)
    assert panel.task.label.value.count("somebody else&#x27;s server is an attack") == 1
    with pytest.raises(TargetRefused):
        panel.wait()
    assert not panel.final.value and not engines()


def test_views_follow_the_stage_and_clients_the_view(panel):
    assert panel.stage.options == ("first", "second")
    assert panel.view.options == ("quick", "slow")
    panel.view.value = "slow"
    assert panel.clients.value == 3
    panel.stage.value = "second"
    assert (panel.view.options, panel.view.value) == (("slow", "faulty"), "slow")
    panel.stage.value, panel.view.value = "first", "quick"
    panel.stage.value = "second"
    assert (panel.view.value, panel.clients.value) == ("slow", 3)


def test_only_what_stands_can_be_chosen(server):
    with FaultyServer() as gone:
        port = gone.port
    panel = LoadPanel(LocalMachine(), local_course(port))
    assert panel.stage.options == () and panel.start_button.disabled
    assert "No stage is running" in panel.message.value and "./lab goto first" in panel.message.value
    panel.start_button.click()
    with pytest.raises(CheckError):
        panel.start()
    panel.course = local_course(server.port)
    panel.refresh_button.click()
    assert panel.stage.options == ("first", "second") and not panel.message.value
    assert not panel.start_button.disabled


def test_waiting_for_what_was_never_begun(panel):
    with pytest.raises(DeployLabError, match="press Start"):
        panel.wait()


@pytest.mark.slow
def test_in_a_notebook_without_a_browser(server, tmp_path, monkeypatch):
    """One cell starts a load, the next waits for it; the error of another is only its message."""
    cells = [f"from panel_helpers import *\nfrom deploylab.lessons.widgets import LoadPanel\n"
             f"panel = LoadPanel(LocalMachine(), local_course({server.port}))\npanel.seconds.value = 0.6\npanel",
             "task = panel.start()", "result = panel.wait()\nresult.n_ok, panel.task.bar.value", "panel.plot",
             "panel.stage.value = None\npanel.start()"]
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
    client = NotebookClient(notebook, timeout=60, kernel_name="python3", allow_errors=True, coalesce_streams=True)
    client.execute(env={**os.environ, "PYTHONPATH": os.pathsep.join([str(paths.ROOT), str(paths.ROOT / "tests")]),
                        "IPYTHONDIR": str(tmp_path)})
    shown, _, result, plot, error = (cell.outputs for cell in notebook.cells)
    assert "application/vnd.jupyter.widget-view+json" in shown[0].data
    n_ok, bar = literal_eval(result[0].data["text/plain"])
    assert n_ok > 0 and bar == 1.0
    assert "data:image/png" in plot[0].data["text/html"]
    assert error[0].ename == "CheckError"
    assert error[0].traceback == ["No stage is running on the machine yet.\nNext: ./lab goto first"]
