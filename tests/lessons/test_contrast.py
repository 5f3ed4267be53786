"""A contrast that was measured before: from this clone, else what ships with the course, never another contrast."""

from dataclasses import replace

import pytest
import synthetic

from deploylab import course as courses
from deploylab import results
from deploylab.core.errors import CourseError
from deploylab.lessons import past_results
from deploylab.lessons.display import measured as figures
from deploylab.measure.compare import as_plan
from deploylab.results import Session

COURSE = courses.load()
ONE = COURSE.contrast("debug")


@pytest.fixture(autouse=True)
def own_results(tmp_path, monkeypatch):
    monkeypatch.setenv("DEPLOYLAB_RESULTS", str(tmp_path / "results"))
    # Not those that ship with the course.
    monkeypatch.setattr(results.session, "_recorded_dirs", lambda: [tmp_path / "results" / "recorded"])
    return tmp_path / "results"


def measured(ratio: float, **other) -> Session:
    """A session in which the contrast came to this ratio, whatever name it had there."""
    contrast = replace(ONE, name="as-named-there", **other)
    differences = [{"name": contrast.parts[0], "a": "1", "b": "0", "file": ""}]
    session = Session.create(kind="compare", contrasts=[as_plan(contrast)], differences={contrast.name: differences})
    for run in synthetic.pairs(contrast, ratio):
        session.append(run)
    return session


def test_nobody_has_measured_it_says_how():
    shown = figures.past_contrast(past_results.newest(ONE), COURSE)
    assert "./lab compare nginx:debug nginx --view page" in shown.text and shown.label == ""


def test_the_newest_of_ones_own():
    measured(5.0)
    newest = measured(2.0)
    answer = past_results.newest(ONE)
    shown = figures.past_contrast(answer, COURSE)
    assert answer.session == newest.id and "They differ in one thing" in shown.text
    assert shown.label == "" and ONE.title in repr(shown)


def test_what_ships_is_marked_and_gives_way_to_ones_own(own_results):
    shipped = measured(5.0)
    (own_results / "recorded").mkdir()
    shipped.folder.rename(own_results / "recorded" / shipped.id)
    shown = figures.past_contrast(past_results.newest(ONE), COURSE)
    assert shown.label.startswith("RECORDED on 2026") and repr(shown).startswith("RECORDED")
    measured(2.0)
    assert figures.past_contrast(past_results.newest(ONE), COURSE).label == ""


@pytest.mark.parametrize("other", [{"view": "hello"}, {"concurrency": 32}, {"a": "nginx:sync"}, {"slow_clients": 40}])
def test_another_load_or_another_side_is_another_contrast(other):
    measured(2.0, **other)
    assert past_results.newest(ONE).runs == ()


def test_one_that_was_begun_and_has_one_half_is_passed_over():
    complete = measured(2.0)
    half = Session.create(kind="compare", contrasts=[as_plan(ONE)])
    half.append(synthetic.pairs(ONE)[0])
    assert past_results.newest(ONE).session == complete.id


def test_its_answer_has_the_name_and_the_runs_of_that_session():
    measured(2.0)
    answer = past_results.newest(ONE)
    assert answer.contrast == replace(ONE, name="as-named-there")
    assert answer.runs[0] == synthetic.pairs(replace(ONE, name="as-named-there"))[0]


def test_a_name_that_is_no_contrast_lists_those_there_are():
    with pytest.raises(CourseError, match="no contrast 'x'.*threads, debug"):
        COURSE.contrast("x")
