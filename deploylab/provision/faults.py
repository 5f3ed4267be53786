"""Breaks something on the machine on purpose, and repairs it again.

What is broken is saved on the host, so it is known even after the notebook that broke it is closed. The repair does not
depend on that: converging repairs whatever it finds.
"""

import json
import random
import shlex
from pathlib import Path

from deploylab.core import paths
from deploylab.core.errors import CourseError, MachineError
from deploylab.core.progress import Progress
from deploylab.course import Break, Course, Target
from deploylab.machine import Machine
from deploylab.provision import prepare
from deploylab.provision.on_demand import PATIENCE_S, answers
from deploylab.provision.prepare import Ready

MAX_S = 1800  # a command that keeps doing harm ends by itself after this time
WAIT_S = 2    # until its effect is visible
PID = "/run/deploylab-broken.pid"


def of(course: Course, lesson: str) -> list[Break]:
    """The breaks for a lesson: those of the stages that the lesson needs, and of the variants that it needs.

    Raises:
        CourseError: there is no such lesson.
    """
    needs = course.lesson(lesson).needs
    there = {*needs, *(name.partition(":")[0] for name in needs)}
    return [fault for fault in course.breaks if fault.target in there and fault.drawn]


def drawn(course: Course, lesson: str) -> Break:
    """One of the breaks for a lesson, at random.

    Raises:
        CourseError: there is none; the message lists all breaks of the course.
    """
    if faults := of(course, lesson):
        return random.choice(faults)  # noqa: S311 (a draw for a lesson)
    raise CourseError(f"Nothing that {lesson} needs can be broken.",
                      f"lab.break_it with one of: {', '.join(fault.name for fault in course.breaks)}")


def harm(machine: Machine, course: Course, fault: Break) -> None:
    """Break something, and save what was broken.

    Raises:
        MachineError: the target is not running, or a command failed.
    """
    target = course.target(fault.target)
    if target.start:  # it sleeps: what is not running cannot be broken
        machine.run(target.start, sudo=True)
    if not answers(machine, target, patience_s=PATIENCE_S):
        raise MachineError(f"{target.name} does not answer: there is nothing to break.", f'lab.goto("{target.name}")')
    _saved().parent.mkdir(parents=True, exist_ok=True)
    _saved().write_text(json.dumps({"name": fault.name}), encoding="utf-8")
    site = f"SITE={shlex.quote(machine.url(target, ''))}; "
    if fault.harm:
        machine.check_output(site + fault.harm, sudo=True)
    if fault.goes_on:
        # In a separate session, so that it goes on after this command has ended.
        command = f"setsid timeout {MAX_S} sh -c {shlex.quote(site + fault.goes_on)}"
        machine.check_output(f"{command} </dev/null >/dev/null 2>&1 & echo $! > {PID}; sleep {WAIT_S}", sudo=True)


def present(course: Course) -> Break | None:
    """The break that is on the machine now, if there is one that `harm` made and `mend` has not repaired."""
    try:
        return course.breaking(json.loads(_saved().read_text(encoding="utf-8"))["name"])
    except (OSError, ValueError, KeyError, CourseError):
        return None


def mend(machine: Machine, course: Course, progress: Progress, default_targets: list[str]) -> list[Ready]:
    """Repair what was broken: end what still does harm, then converge and check. It may be called at any time.

    Args:
        default_targets: the targets to converge if no break is known.

    Raises:
        ConvergeError: it could not be converged.
    """
    fault = present(course)
    # Another process may have this id now: kill it only if it is our `timeout`. A negative id: the whole process group.
    machine.run(f"pid=$(cat {PID}) && grep -qa timeout /proc/$pid/cmdline && kill -s TERM -- -$pid; rm -f {PID}",
                sudo=True)
    for command in fault.mend if fault else ():
        machine.check_output(command, sudo=True)
    targets = [course.target(name) for name in ([fault.target] if fault else default_targets)]
    ready = []
    for stage in dict.fromkeys(target.stage for target in targets):
        variants: list[Target] = [target for target in targets if target.stage == stage and target.variant]
        ready.append(prepare.to_stage(machine, course, course.stage(stage), progress, variants))
    _saved().unlink(missing_ok=True)
    return ready


def _saved() -> Path:
    """The file that says what is broken."""
    return paths.state_dir() / "broken.json"
