"""The comparison panel: it grows pair by pair, and judges a guess."""

import threading

import pytest
import synthetic
from panel_helpers import ended
from waiting import until

from deploylab.core import cancel
from deploylab.core.errors import CheckError, Stopped
from deploylab.lessons.widgets import ComparePanel

LONG_S = 120  # of a load that is stopped long before


@pytest.fixture(autouse=True)
def own_state(tmp_path, monkeypatch):
    monkeypatch.setenv("DEPLOYLAB_STATE", str(tmp_path))


COURSE = synthetic.the_course()
CONTRAST = synthetic.contrast()
RUNS = synthetic.pairs(CONTRAST)
PAIRS = [(next(run for run in RUNS[i:i + 2] if run.variant), next(run for run in RUNS[i:i + 2] if not run.variant))
         for i in range(0, len(RUNS), 2)]


def test_a_race_grows_pair_by_pair_and_is_held_against_the_guess():
    drawn, go = [], threading.Semaphore(0)

    def work(progress, on_pair):
        for pair in PAIRS:
            assert go.acquire(timeout=30)
            on_pair(*pair)
        return "raced"

    panel = ComparePanel(CONTRAST, COURSE, work, n_pairs=5, guess="2x")
    assert "Your guess: <b>2x</b>, which means 1.5 to 3 times" in panel.heading.value
    assert panel.judged is None
    for n in range(1, 5):
        go.release()
        until(lambda n=n: f"{n} pair" in panel.plot.alt and panel.chart.value == panel.plot.png, "no chart of it")
        drawn.append(bytes(panel.chart.value))
    assert len(set(drawn)) == 4 and not panel.final.value
    go.release()
    assert panel.result() == "raced"
    assert panel.judged.found == "right" and "that was right" in panel.final.value
    assert panel.chart.layout.display == "none" and "5 pairs" in panel.plot.alt
    assert "RECORDED" not in panel.final.value + panel.heading.value


def test_a_recorded_race_says_so_everywhere():
    def work(progress, on_pair):
        for pair in PAIRS:
            on_pair(*pair)

    panel = ComparePanel(CONTRAST, COURSE, work, n_pairs=5, label="RECORDED on 2026-11-24, Example")
    panel.result()
    assert "RECORDED on 2026-11-24" in panel.heading.value and "RECORDED, not measured here" in panel.final.value
    assert any(text.get_text() == "RECORDED" for text in panel.plot.figure.texts)
    assert panel.judged is None


def test_a_race_that_is_stopped_keeps_its_pairs():
    def work(progress, on_pair):
        for pair in PAIRS[:2]:
            on_pair(*pair)
        cancel.sleep(LONG_S)

    panel = ComparePanel(CONTRAST, COURSE, work, n_pairs=5, guess="10x")
    until(lambda: len(panel.runs) == 4, "no pairs")
    panel.stop()
    assert "2 pairs" in panel.plot.alt and "data:image/png" in panel.final.value
    with pytest.raises(Stopped):
        panel.result()


def test_a_race_that_never_began_shows_its_error_alone():
    def work(progress, on_pair):
        raise CheckError("nginx does not answer on port 8003.", "./lab goto nginx")

    panel = ComparePanel(CONTRAST, COURSE, work, n_pairs=5, guess="2x")
    ended(panel.task)
    assert "does not answer" in panel.task.label.value
    assert not panel.final.value and panel.chart.layout.display == "none"
