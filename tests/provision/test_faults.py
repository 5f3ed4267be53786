"""Breaks on purpose: what the course lists, what an attendee sees, and that each one is found and repaired."""

import dataclasses

import pytest
from check_helpers import COURSE, no_of, shown

from deploylab.core.errors import CourseError, DeployLabError, MachineError
from deploylab.core.progress import Progress
from deploylab.lessons import recording
from deploylab.lessons.answers import Mended, StageReady
from deploylab.lessons.backend import Backend
from deploylab.lessons.display import faults as display
from deploylab.lessons.lab import Lab
from deploylab.lessons.live import Live
from deploylab.provision import converge, faults
from deploylab.provision.checks import Check

BROKEN = {"name": "socket", "title": "Every page says 502.", "target": "nginx", "url": "http://192.0.2.1:8003/"}
MENDED = {"broken": {"name": "socket", "title": "Every page says 502.", "cause": "Its permission was 600."},
          "stages": [{"stage": "nginx", "changed": 1, "failed": 0, "checks": [], "seconds": 2.0}]}


@pytest.fixture
def lab():
    """A lab with a recording in which one break is drawn and repaired."""
    answers = {recording.key("break_it", {"name": ""}): [BROKEN], recording.key("mend", {}): [MENDED]}
    lab = Lab(COURSE)
    lab._backend = Backend(None, recording.Recording("a machine", "2026-01-02", answers))
    return lab


def test_the_symptom_is_shown_and_neither_name_nor_cause(lab):
    text = repr(lab.break_it())
    assert "RECORDED" in text and BROKEN["title"] in text and 'lab.check("nginx")' in text
    assert "socket" not in text and "600" not in text


def test_hints_are_those_of_the_break(lab):
    with pytest.raises(DeployLabError, match="Nothing was broken"):
        lab.hint()
    lab.break_it()
    hints = COURSE.breaking("socket").hints
    texts = [repr(lab.hint()) for _ in hints]
    assert all(hint in text for hint, text in zip(hints, texts, strict=True))
    assert "lab.mend()" in texts[-1] and "lab.mend()" not in texts[0]


def test_mending_shows_the_cause_and_what_the_attendee_suspected(lab):
    lab.break_it()
    lab.suspect("the disk is full")
    text = repr(lab.mend())
    assert "Its permission was 600." in text and "the disk is full" in text and "RECORDED" in text
    assert "the disk is full" not in repr(lab.mend())
    with pytest.raises(DeployLabError):
        lab.hint()


def test_a_check_that_fails_after_mending_is_shown():
    failed = Check("x", False, "s", "c", "d")
    ready = StageReady(stage="nginx", changed=1, failed=0, checks=(failed,), seconds=2.0)
    result = display.mended(Mended(broken=None, stages=(ready,)), "")
    assert not result and "Cure: d" in repr(result)


def test_an_unknown_break_lists_the_known_ones(lab):
    with pytest.raises(CourseError, match="socket"):
        COURSE.breaking("no-such-break")


def test_a_lesson_draws_from_the_breaks_of_its_stages():
    known = [fault for fault in COURSE.breaks if fault.target == "nginx" and fault.drawn]
    assert faults.of(COURSE, "05_nginx_gunicorn") == known != []
    assert all(COURSE.breaking("sandbox") not in faults.of(COURSE, lesson.name) for lesson in COURSE.lessons
               if "nginx:systemd" not in lesson.needs)  # a variant that the lesson has not set up
    assert {faults.drawn(COURSE, "05_nginx_gunicorn").name for _ in range(200)} == {fault.name for fault in known}
    with pytest.raises(CourseError, match="01_servers"):
        faults.drawn(COURSE, "01_servers")


# ---------------------------------------------------------------------------------- the real machine


# A word of the cause that the check finds, by break.
WORD = {"worker": "SIGKILL", "socket": "may not write", "backlog": "python3", "debug": "DJANGO_DEBUG=1",
        "stale": "ignore_headers", "forgetful": "may not write", "stuck": ":8799", "stuck-apache": ":8799",
        "crowd": "1024 open files", "wordy": "insecure permissions", "dead": "no Restart=", "sandbox": "no file beside",
        "expired": "notAfter", "chain": "deploylab.test.pem", "mixed": "a browser does not",
        "loop": "X-Forwarded-Proto"}


@pytest.mark.thorough
@pytest.mark.machine
@pytest.mark.parametrize("fault", COURSE.breaks, ids=lambda fault: fault.name)
def test_a_break_is_found_by_its_check_and_repaired(machine, fault):
    target = COURSE.target(fault.target)
    faults.mend(machine, COURSE, Progress("test"), [])  # what a failed test left
    converge.to_stage(machine, COURSE, target.stage, variants=[target.variant] if target.variant else [])
    assert no_of(machine, fault.target) == {}
    # That of a variant may be drawn by no lesson: it is made by its name, in any.
    lesson = next((lesson.name for lesson in COURSE.lessons if fault in faults.of(COURSE, lesson.name)), "09_release")
    live = Live(machine, COURSE, lesson)
    assert live.break_it(Progress("test"), name=fault.name).name == fault.name
    failed = shown(machine, fault.target, fault.check, WORD[fault.name])
    assert fault.check in failed and WORD[fault.name] in failed[fault.check].cause
    mended = live.mend(Progress("test"))
    assert mended.broken.cause == fault.cause and all(check.ok for check in mended.stages[0].checks)
    assert faults.present(COURSE) is None and not machine.run(f"[ -e {faults.PID} ]").ok
    assert converge.to_stage(machine, COURSE, target.stage).changed == 0
    assert no_of(machine, fault.target) == {}


@pytest.mark.thorough
@pytest.mark.machine
@pytest.mark.parametrize("name", ["stuck", "stuck-apache"])
def test_requests_that_hang_lose_their_slots_while_what_they_wait_for_still_says_nothing(machine, name):
    fault = COURSE.breaking(name)
    target = COURSE.target(fault.target)
    converge.to_stage(machine, COURSE, target.stage)
    # As many visitors as there are slots, and no more after them.
    once = fault.goes_on.replace("n >= 40", f"n >= {target.slots - 1}")
    once = once.replace("visitors.pop(0).close()", "time.sleep(600)")
    hung = dataclasses.replace(COURSE, breaks=(dataclasses.replace(fault, goes_on=once),))
    page = f"curl -s -o /dev/null -m 3 http://127.0.0.1:{target.port}/healthz/"
    asked = "ss -Htn state established dport = :8799 | wc -l"
    faults.harm(machine, hung, hung.breaks[0])
    try:
        assert machine.check_output(asked).strip() == str(target.slots) and not machine.run(page).ok
        # 30 seconds on average, some more until the processes are there again.
        assert machine.run(f"for _ in $(seq 30); do {page} && exit 0; sleep 1; done; exit 1").ok
        assert machine.run("ss -Hltn sport = :8799 | grep -q .").ok  # nobody answered them
        assert machine.check_output(asked).strip() == "0"
    finally:
        faults.mend(machine, COURSE, Progress("test"), [])
    assert no_of(machine, target.name) == {}


@pytest.mark.thorough
@pytest.mark.machine
def test_a_target_that_is_not_running_cannot_be_broken(machine):
    converge.to_stage(machine, COURSE, "nginx")
    machine.check_output("systemctl stop nginx", sudo=True)
    with pytest.raises(MachineError, match=r"lab.goto\(\"nginx\"\)"):
        faults.harm(machine, COURSE, COURSE.breaking("socket"))
    assert faults.present(COURSE) is None


@pytest.mark.thorough
@pytest.mark.machine
def test_mending_without_a_known_break_converges_what_the_lesson_needs(machine):
    converge.to_stage(machine, COURSE, "nginx")
    machine.check_output("systemctl stop nginx", sudo=True)
    mended = Live(machine, COURSE, "09_release").mend(Progress("test"))
    assert mended.broken is None and [stage.stage for stage in mended.stages] == ["nginx"]
    assert all(check.ok for check in mended.stages[0].checks)


@pytest.mark.thorough
@pytest.mark.machine
def test_breaking_again_repairs_the_earlier_break_first(machine):
    converge.to_stage(machine, COURSE, "nginx")
    live = Live(machine, COURSE, "09_release")
    live.break_it(Progress("test"), name="worker")
    live.break_it(Progress("test"), name="socket")
    assert faults.present(COURSE).name == "socket" and not machine.run(f"[ -e {faults.PID} ]").ok
    live.mend(Progress("test"))
