"""Broken on purpose: what the course lists, what an attendee sees, and that each is found and mended."""

import pytest
from check_helpers import COURSE, no_of, shown

from deploylab.core.errors import CourseError, DeployLabError, MachineError
from deploylab.core.progress import Progress
from deploylab.lessons import recording
from deploylab.lessons.answers import Mended, StageReady
from deploylab.lessons.backend import Backend
from deploylab.lessons.display import faults as breaks
from deploylab.lessons.lab import Lab
from deploylab.lessons.live import Live
from deploylab.provision import converge, faults
from deploylab.provision.checks import Check

BROKEN = {"name": "socket", "title": "Every page says 502.", "target": "nginx", "url": "http://192.0.2.1:8003/"}
MENDED = {"broken": {"name": "socket", "title": "Every page says 502.", "cause": "Its permission was 600."},
          "stages": [{"stage": "nginx", "changed": 1, "failed": 0, "checks": [], "seconds": 2.0}]}


@pytest.fixture
def lab():
    """A lab with a recording in which one break is drawn, and mended."""
    answers = {recording.key("break_it", {"name": ""}): [BROKEN], recording.key("mend", {}): [MENDED]}
    lab = Lab(COURSE)
    lab._backend = Backend(None, recording.Recording("a machine", "2026-01-02", answers))
    return lab


def test_the_symptom_is_shown_and_neither_name_nor_cause(lab):
    said = repr(lab.break_it())
    assert "RECORDED" in said and BROKEN["title"] in said and 'lab.check("nginx")' in said
    assert "socket" not in said and "600" not in said


def test_hints_are_those_of_what_is_broken(lab):
    with pytest.raises(DeployLabError, match="Nothing was broken"):
        lab.hint()
    lab.break_it()
    hints = COURSE.breaking("socket").hints
    said = [repr(lab.hint()) for _ in hints]
    assert all(hint in text for hint, text in zip(hints, said, strict=True))
    assert "lab.mend()" in said[-1] and "lab.mend()" not in said[0]


def test_mending_tells_the_cause_beside_what_was_thought(lab):
    lab.break_it()
    lab.suspect("the disk is full")
    said = repr(lab.mend())
    assert "Its permission was 600." in said and "the disk is full" in said and "RECORDED" in said
    assert "the disk is full" not in repr(lab.mend())
    with pytest.raises(DeployLabError):
        lab.hint()


def test_a_no_after_mending_is_shown():
    no = Check("x", False, "s", "c", "d")
    ready = StageReady(stage="nginx", changed=1, failed=0, checks=(no,), seconds=2.0)
    said = breaks.mended(Mended(broken=None, stages=(ready,)), "")
    assert not said and "Cure: d" in repr(said)


def test_a_break_that_is_none_lists_those_there_are(lab):
    with pytest.raises(CourseError, match="socket"):
        COURSE.breaking("no-such-break")


def test_every_lesson_that_needs_a_stage_draws_from_its_own():
    known = [one for one in COURSE.breaks if one.target.partition(":")[0] == "nginx"]
    assert faults.of(COURSE, "05_nginx_gunicorn") == known != []
    assert {faults.drawn(COURSE, "05_nginx_gunicorn").name for _ in range(200)} == {one.name for one in known}
    with pytest.raises(CourseError, match="01_servers"):
        faults.drawn(COURSE, "01_servers")


# ---------------------------------------------------------------------------------- the real machine


# Of the cause that the check finds.
WORD = {"worker": "SIGKILL", "socket": "may not write", "backlog": "python3", "debug": "DJANGO_DEBUG=1",
        "stale": "ignore_headers", "forgetful": "may not write"}


@pytest.mark.thorough
@pytest.mark.machine
@pytest.mark.parametrize("one", COURSE.breaks, ids=lambda one: one.name)
def test_what_is_broken_is_found_by_its_check_and_mended(machine, one):
    target = COURSE.target(one.target)
    faults.mend(machine, COURSE, Progress("test"), [])  # what a failed test left
    converge.to_stage(machine, COURSE, target.stage, variants=[target.variant] if target.variant else [])
    assert no_of(machine, one.target) == {}
    lesson = next(lesson.name for lesson in COURSE.lessons if one in faults.of(COURSE, lesson.name))
    live = Live(machine, COURSE, lesson)
    assert live.break_it(Progress("test"), name=one.name).name == one.name
    no = shown(machine, one.target, one.check, WORD[one.name])
    assert one.check in no and WORD[one.name] in no[one.check].cause
    said = live.mend(Progress("test"))
    assert said.broken.cause == one.cause and all(check.ok for check in said.stages[0].checks)
    assert faults.present(COURSE) is None and not machine.run(f"[ -e {faults.PID} ]").ok
    assert converge.to_stage(machine, COURSE, target.stage).changed == 0
    assert no_of(machine, one.target) == {}


@pytest.mark.thorough
@pytest.mark.machine
def test_what_does_not_stand_cannot_be_broken(machine):
    converge.to_stage(machine, COURSE, "nginx")
    machine.check_output("systemctl stop nginx", sudo=True)
    with pytest.raises(MachineError, match=r"lab.goto\(\"nginx\"\)"):
        faults.harm(machine, COURSE, COURSE.breaking("socket"))
    assert faults.present(COURSE) is None


@pytest.mark.thorough
@pytest.mark.machine
def test_mending_without_anything_known_converges_what_the_lesson_needs(machine):
    converge.to_stage(machine, COURSE, "nginx")
    machine.check_output("systemctl stop nginx", sudo=True)
    said = Live(machine, COURSE, "09_release").mend(Progress("test"))
    assert said.broken is None and [one.stage for one in said.stages] == ["nginx"]
    assert all(check.ok for check in said.stages[0].checks)


@pytest.mark.thorough
@pytest.mark.machine
def test_breaking_again_mends_what_was_broken_before(machine):
    converge.to_stage(machine, COURSE, "nginx")
    live = Live(machine, COURSE, "09_release")
    live.break_it(Progress("test"), name="worker")
    live.break_it(Progress("test"), name="socket")
    assert faults.present(COURSE).name == "socket" and not machine.run(f"[ -e {faults.PID} ]").ok
    live.mend(Progress("test"))
