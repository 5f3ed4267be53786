"""Guesses are saved and found again; a broken line loses only itself."""

import pytest

from deploylab.core.errors import DeployLabError
from deploylab.lessons import predictions
from deploylab.lessons.predictions import Prediction


@pytest.fixture(autouse=True)
def own_state(tmp_path, monkeypatch):
    monkeypatch.setenv("DEPLOYLAB_STATE", str(tmp_path))


def guess(word="2x", **more):
    return Prediction(**{"lesson": "one", "a": "x", "b": "y", "guess": word, **more})


def test_none_was_made():
    assert predictions.saved() == [] and predictions.about("x", "y") is None


def test_the_latest_guess_about_a_question_counts_and_keeps_its_place():
    predictions.save(guess("same"))
    predictions.save(guess("10x", view="wait"))
    predictions.save(guess("2x", because="I saw it"))
    assert [one.guess for one in predictions.saved()] == ["2x", "10x"]
    assert predictions.about("x", "y").because == "I saw it"
    assert predictions.about("y", "x") is None


def test_a_line_cut_short_costs_itself_alone():
    predictions.save(guess("same"))
    with predictions.path().open("ab") as file:
        file.write(b'{"lesson": "tw')
    assert len(predictions.saved()) == 1
    predictions.save(guess("2x", b="z"))
    assert [one.b for one in predictions.saved()] == ["y", "z"]


def test_another_word_is_refused_with_those_there_are():
    with pytest.raises(DeployLabError, match="slower, same, 2x, 10x"):
        guess("3x")
