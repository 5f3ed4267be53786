"""The end of the course: a session plot by plot, and all guesses beside the results."""

import pytest

from deploylab import course as courses
from deploylab.core import paths
from deploylab.core.errors import ResultsError
from deploylab.lessons import recording
from deploylab.lessons.answers import Compared
from deploylab.lessons.display import predictions
from deploylab.lessons.display import session as session_display
from deploylab.lessons.predictions import Prediction
from deploylab.measure.compare import as_plan
from deploylab.results import Session
from tests import synthetic

COURSE = courses.load()


@pytest.fixture(autouse=True)
def own_results(tmp_path, monkeypatch):
    monkeypatch.setenv("DEPLOYLAB_RESULTS", str(tmp_path))
    monkeypatch.setattr(recording, "folder", lambda: tmp_path / "lessons")
    return tmp_path


def session(runs, **plan) -> Session:
    made = Session.create(**{"kind": "run", "machine": synthetic.MACHINE, "stages": [], **plan})
    for run in runs:
        made.append(run)
    return made


# --------------------------------------------------------------------------------------- a session


def test_without_any_session_it_says_how_to_make_one(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "ROOT", tmp_path)  # a clone without the recorded ones
    with pytest.raises(ResultsError) as caught:
        session_display.newest(COURSE)
    assert "./lab run" in str(caught.value)


def test_an_unfinished_session_and_another_kind_are_passed_over(own_results):
    complete = session(synthetic.rounds(COURSE))
    complete.finish()
    session([])
    session([], kind="measure").finish()
    assert session_display.newest(COURSE).session.id == complete.id


def test_what_ships_is_marked_and_gives_way_to_ones_own(own_results, tmp_path):
    shipped = session(synthetic.rounds(COURSE))
    shipped.finish()
    (own_results / "recorded").mkdir()
    shipped.folder.rename(own_results / "recorded" / shipped.id)
    newest = session_display.newest(COURSE)
    for shown in (newest, newest.ladder("page"), newest.bought(), newest.bought("nginx"), newest.steady()):
        assert "RECORDED on 2" in shown._repr_html_() and repr(shown).startswith("RECORDED")
    session(synthetic.rounds(COURSE)).finish()
    assert "RECORDED" not in session_display.newest(COURSE).ladder("page")._repr_html_()


def test_every_step_is_told_with_its_gains_losses_and_nothings():
    session(synthetic.rounds(COURSE, sd=0.01)).finish()
    text = repr(session_display.newest(COURSE).bought())
    assert "cache after static" in text and "Most on page" in text and "No difference seen on" in text
    assert "apache after runserver" not in repr(session_display.newest(COURSE).bought("cache"))
    with pytest.raises(ResultsError, match="no step runserver"):
        session_display.newest(COURSE).bought("runserver")


def test_a_rate_to_compute_with_and_a_plot_of_what_was_not_measured():
    session(synthetic.rounds(COURSE)).finish()
    newest = session_display.newest(COURSE)
    assert newest.stages[0] == "runserver" and "wsgi" not in newest.stages
    assert newest.rate("edge", "page") > newest.rate("nginx", "page")
    with pytest.raises(ResultsError, match="did not measure page with 99 clients. It has: hello 10"):
        newest.ladder("page", 99)
    with pytest.raises(ResultsError, match="did not measure wsgi on page"):
        newest.rate("wsgi", "page")


# ---------------------------------------------------------------------------- guesses and results


SYNC = synthetic.contrast()  # nginx:sync against nginx, on wait


def compared(ratio: float, contrast=SYNC, **plan) -> Session:
    made = session(synthetic.pairs(contrast, ratio), kind="compare", contrasts=[as_plan(contrast)], **plan)
    made.finish()
    return made


def guess(**more) -> Prediction:
    return Prediction(**{"lesson": "05", "a": "nginx:sync", "b": "nginx", "view": "wait", "guess": "2x", **more})


def test_no_guess_says_how_one_is_kept():
    assert "lab.predict" in predictions.beside_results([], COURSE)._repr_html_()


def test_a_guess_stands_beside_the_newest_race_about_it():
    compared(2.0)
    compared(5.0)
    compared(9.0, synthetic.contrast(view="hello"))
    text = repr(predictions.beside_results([guess(), guess(view="page")], COURSE)).splitlines()
    assert "5.0 times" in text[0] and "nginx handles 2x the load of nginx:sync, on wait" in text[0]
    assert predictions.NOT_COMPARED in text[1]


def test_two_pages_of_one_target_are_told_apart():
    pages = synthetic.contrast("pages", a="runserver", b="runserver", view="page", b_view="hello", concurrency=10)
    compared(3.0, pages)
    text = repr(predictions.beside_results([guess(a="runserver", b="runserver", view="page", b_view="hello")], COURSE))
    assert "3.0 times" in text


def test_a_guess_about_what_is_no_target_is_no_error():
    assert predictions.NOT_COMPARED in repr(predictions.beside_results([guess(a="blocking", b="threaded")], COURSE))


def test_without_a_race_of_ones_own_the_lessons_recording_answers(own_results):
    lesson = COURSE.lessons[5].name
    writer = recording.Writer.begin(lesson, "a machine", "abc", own_results / "lessons")
    for ratio in (2.0, 4.0):
        answer = Compared(session="s", contrast=SYNC, differences=(), runs=tuple(synthetic.pairs(SYNC, ratio)))
        writer.keep("compare", {"a": SYNC.a, "b": SYNC.b}, answer)
    text = repr(predictions.beside_results([guess()], COURSE))
    assert "4.0 times" in text and "RECORDED on 2" in text and "a machine" in text
    compared(7.0)
    assert "RECORDED" not in repr(predictions.beside_results([guess()], COURSE))
