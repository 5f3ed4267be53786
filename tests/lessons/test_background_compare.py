"""A comparison in the background: started in one cell, its result in another; recorded pairs are drawn as measured."""

import pytest

from deploylab import course as courses
from deploylab.core import cancel
from deploylab.core.errors import DeployLabError, Stopped
from deploylab.lessons import predictions, recording
from deploylab.lessons.backend import Backend
from deploylab.lessons.lab import Lab
from deploylab.lessons.predictions import Prediction
from deploylab.results.stats import sides
from tests.lesson_helpers import ASKED, CONTRAST, QUESTION, answer
from tests.waiting import until

COURSE = courses.load()


@pytest.fixture(autouse=True)
def own_guesses(tmp_path, monkeypatch):
    monkeypatch.setattr(predictions, "path", lambda: tmp_path / "predictions.jsonl")


def lab_with(backend: Backend) -> Lab:
    lab = Lab(COURSE)
    lab._backend = backend
    return lab


def recorded(ratio: float) -> Lab:
    answers = {recording.key("compare", QUESTION): [answer(ratio).to_json()]}
    return lab_with(Backend(None, recording.Recording("a machine", "2026-01-02", answers)))


def test_the_guess_stands_beside_what_came_out_and_all_of_it_is_marked():
    predictions.save(Prediction(lesson="05", a=CONTRAST.a, b=CONTRAST.b, view=CONTRAST.view, guess="2x"))
    race = recorded(6.0).race(**ASKED)
    shown = race.result()
    assert "You said 2x, and it was not: 6" in shown.text and shown.body.startswith("<p>You said 2x")
    assert repr(shown).startswith("RECORDED on 2026-01-02") and "RECORDED" in race.panel.heading.value
    assert len(race.panel.runs) == 10 and "5 pairs" in race.panel.plot.alt


def test_a_rehearsal_has_fewer_pairs_but_a_recording_never(monkeypatch):
    monkeypatch.setenv("DEPLOYLAB_BRIEF", "1")
    arguments = {"pairs": 5, "seconds": 0.5, "a": "nginx"}
    assert Backend(Slow(pairs=1)).shortened("compare", arguments) == {"pairs": 2, "seconds": 0.5, "a": "nginx"}
    assert Backend(Slow(pairs=1)).shortened("measure_during", arguments) == arguments
    assert Backend(Slow(pairs=1), writer=object()).shortened("compare", arguments) == arguments
    assert recorded(2.0).race(**ASKED).panel.n_pairs == 5


def test_without_a_guess_the_result_stands_alone():
    assert "You said" not in recorded(2.0).race(**ASKED).result().text


def test_what_was_not_recorded_is_not_raced():
    with pytest.raises(DeployLabError, match="was not recorded"):
        recorded(2.0).race(**{**ASKED, "concurrency": 7}).result()


class Slow:
    """A machine on which a comparison never continues after its first pair."""

    described = "a machine"

    def compare(self, progress, on_pair, **_):
        a, b = sides(CONTRAST, answer(2.0).runs)
        if a and self.pairs:
            on_pair(a[0], b[0])
        cancel.sleep(60)

    def __init__(self, pairs: int):
        self.pairs = pairs


def test_a_race_that_is_stopped_keeps_its_pairs_and_says_so():
    race = lab_with(Backend(Slow(pairs=1))).race(**ASKED)
    until(lambda: race.panel.runs)
    race.stop()
    shown = race.result()
    assert not shown and "Stopped early" in shown.text


def test_a_cell_that_is_run_once_more_shows_the_race_that_goes_on():
    lab = lab_with(Backend(Slow(pairs=1)))
    race = lab.race(**ASKED)
    assert lab.race(**ASKED) is race
    race.stop()
    again = lab.race(**ASKED)
    assert again is not race
    again.stop()


def test_a_race_that_is_stopped_before_its_first_pair():
    race = lab_with(Backend(Slow(pairs=0))).race(**ASKED)
    race.stop()
    with pytest.raises(Stopped):
        race.result()


def test_a_load_by_hand_needs_a_machine():
    shown = recorded(2.0).panel()
    assert "RECORDED" in repr(shown) and "./lab up" in repr(shown)
