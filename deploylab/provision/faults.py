"""Something on the machine is broken on purpose, and mended again.

What is broken is written down here, on the host: it is known even if the notebook that broke it is closed. Mending does
not depend on it: converging mends whatever it finds.
"""

import json
import random
import shlex

from deploylab.core import paths
from deploylab.core.errors import CourseError, MachineError
from deploylab.core.progress import Progress
from deploylab.course import Break, Course, Target
from deploylab.machine import Machine
from deploylab.provision import prepare
from deploylab.provision.on_demand import PATIENCE_S, answers
from deploylab.provision.prepare import Ready

AT_MOST_S = 1800  # what goes on doing harm ends by itself, should nobody mend it
SHOWS_S = 2       # until what goes on shows
PID = "/run/deploylab-broken.pid"


def of(course: Course, lesson: str) -> list[Break]:
    """What can be broken in a lesson: whatever suffers on a stage that stands when it begins.

    Raises:
        CourseError: there is no such lesson.
    """
    stages = {name.partition(":")[0] for name in course.lesson(lesson).needs}
    return [one for one in course.breaks if one.target.partition(":")[0] in stages]


def drawn(course: Course, lesson: str) -> Break:
    """One of those of a lesson, at random.

    Raises:
        CourseError: there is none; the message lists those of other lessons.
    """
    if known := of(course, lesson):
        return random.choice(known)  # noqa: S311 (a draw for a lesson)
    raise CourseError(f"Nothing that {lesson} needs can be broken.",
                      f"lab.break_it with one of: {', '.join(one.name for one in course.breaks)}")


def harm(machine: Machine, course: Course, one: Break) -> None:
    """Break it, and write down what was broken.

    Raises:
        MachineError: what is to be broken does not stand, or the harm failed.
    """
    target = course.target(one.target)
    if not answers(machine, target, patience_s=PATIENCE_S):
        raise MachineError(f"{target.name} does not answer: there is nothing to break.", f'lab.goto("{target.name}")')
    _note().parent.mkdir(parents=True, exist_ok=True)
    _note().write_text(json.dumps({"name": one.name}), encoding="utf-8")
    site = f"SITE={shlex.quote(machine.url(target, ''))}; "
    if one.harm:
        machine.check_output(site + one.harm, sudo=True)
    if one.goes_on:
        # In a session of its own, so that it lives on when this command has ended.
        command = f"setsid timeout {AT_MOST_S} sh -c {shlex.quote(site + one.goes_on)}"
        machine.check_output(f"{command} </dev/null >/dev/null 2>&1 & echo $! > {PID}; sleep {SHOWS_S}", sudo=True)


def present(course: Course) -> Break | None:
    """What is broken now, if somebody broke it with `harm` and nobody mended it."""
    try:
        return course.breaking(json.loads(_note().read_text(encoding="utf-8"))["name"])
    except (OSError, ValueError, KeyError, CourseError):
        return None


def mend(machine: Machine, course: Course, progress: Progress, otherwise: list[str]) -> list[Ready]:
    """Put right what was broken: end what still does harm, then converge and check. Mended or not, it may be called.

    Args:
        otherwise: the targets to converge where nobody knows of anything broken.

    Raises:
        ConvergeError: it could not be converged.
    """
    one = present(course)
    # Whoever has that number now must be ours. A negative number: the whole process group.
    machine.run(f"pid=$(cat {PID}) && grep -qa timeout /proc/$pid/cmdline && kill -s TERM -- -$pid; rm -f {PID}",
                sudo=True)
    for command in one.mend if one else ():
        machine.check_output(command, sudo=True)
    targets = [course.target(name) for name in ([one.target] if one else otherwise)]
    ready = []
    for stage in dict.fromkeys(target.stage for target in targets):
        variants: list[Target] = [target for target in targets if target.stage == stage and target.variant]
        ready.append(prepare.to_stage(machine, course, course.stage(stage), progress, variants))
    _note().unlink(missing_ok=True)
    return ready


def _note():
    return paths.state_dir() / "broken.json"
