"""`./lab reset STAGE`: the machine as it was before a stage. Lessons by hand begin there.

Before the first stage that is a bare guest; before any other, a bare guest converged to every earlier
stage of the course. On every provider: destroy, up, converge. On LXC a copy of the disk saves that time:
it is made the first time and put back from then on, as long as all that went into it is the same.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from deploylab.core import paths, units
from deploylab.core.errors import CourseError, HostError
from deploylab.core.progress import Progress
from deploylab.course import Course, Stage
from deploylab.machine import OwnMachine, box, copies, network
from deploylab.machine.copies import Copy
from deploylab.provision import converge, prepare
from deploylab.provision.on_demand import answers


@dataclass(frozen=True)
class ResetResult:
    """How a machine was reset.

    Attributes:
        before: the stages that stand on it.
        copied: how many of them came from a copy of the disk.
    """

    before: tuple[str, ...]
    copied: int


def reset(machine: OwnMachine, course: Course, stage: Stage, progress: Progress) -> ResetResult:
    """Make the machine what it was before a stage. All that is on it goes.

    Raises:
        DeployLabError: a part failed; the same command again begins anew.

    Example:
        reset(machine, course, course.stage("nginx"), progress).before
    """
    before = earlier(course, stage)
    n_copied = _restored(machine, course, before, progress)
    if n_copied is None:
        n_copied = 0
        _bare(machine, course, progress)
    for one in before[n_copied:]:
        _prepare(machine, course, one, progress)
    if n_copied < len(before) and machine.provider == "lxc":
        _keep(machine, course, before, progress)
    for one in before:
        if not answers(machine, one):  # nobody starts it at boot
            _prepare(machine, course, one, progress)
    return ResetResult(tuple(one.name for one in before), n_copied)


def earlier(course: Course, stage: Stage) -> tuple[Stage, ...]:
    """The stages of the road before this one, in order.

    Raises:
        CourseError: it is no stage of the road.
    """
    if stage not in course.stages:
        raise CourseError(f"{stage.name} is not a step of the road, so nothing comes before it.",
                          f"./lab goto {stage.name}")
    return course.stages[:course.stages.index(stage)]


def fingerprints(course: Course, stages: Sequence[Stage]) -> list[str]:
    """For a guest at none of these stages, at the first, at the first two …: twelve digits over all that makes it.

    The box, the course with the stages' files, the application, and this host's way to packages.
    """
    sha = hashlib.sha256(box.path().read_bytes() + paths.COURSE.read_bytes())
    ways = network.pip_settings(), network.proxies(), network.certificates()
    sha.update(json.dumps([converge.app_revision(course), *ways]).encode())
    found = [sha.hexdigest()[:12]]
    for stage in stages:
        sha.update(f" {stage.name} {converge.config_hash(course, stage.name)}".encode())
        found.append(sha.hexdigest()[:12])
    return found


def _bare(machine: OwnMachine, course: Course, progress: Progress) -> None:
    """A new guest, with nothing on it but what no lesson is about."""
    if machine.state() != "not_created":
        machine.discard(progress)
    machine.up(progress)
    with progress.phase("converge", "the way to packages, and the code in a file"):
        converge.to_stage(machine, course, converge.GROUND)


def _restored(machine: OwnMachine, course: Course, before: Sequence[Stage], progress: Progress) -> int | None:
    """How many of these stages stand after the best copy was put back; None if there was none to put back."""
    n, copy = _best(machine, course, before)
    if copy is None:
        return None
    try:
        with progress.phase("restore", f"the machine's disk: the copy of {copy.of}, {units.size(copy.n_bytes)}"):
            machine.close()
            copies.restore(machine.name, copy)
    except HostError as error:
        progress.say(f"    {error.what} The machine is built again instead.")
        return None
    machine.up(progress)
    # Its files speak of another address: then every stage is gone through once more.
    return n if copy.host == machine.host else 0


def _best(machine: OwnMachine, course: Course, before: Sequence[Stage]) -> tuple[int, Copy | None]:
    """The copy with the most of these stages, and how many it has."""
    if machine.provider == "lxc" and copies.every() and machine.state() in ("running", "stopped"):
        keys = fingerprints(course, before)
        for n in range(len(before), 0, -1):
            if copy := copies.find(keys[n]):
                return n, copy
    return 0, None


def _keep(machine: OwnMachine, course: Course, before: Sequence[Stage], progress: Progress) -> None:
    """A copy for the next time. The machine halts for it, so that no file is half written."""
    machine.halt(progress)
    try:
        with progress.phase("copy", "a copy of the machine's disk, for the next reset"):
            copies.save(machine.name, fingerprints(course, before)[-1], of=" + ".join(s.name for s in before),
                        host=machine.host)
    except HostError as error:
        progress.say(f"    No copy is kept: {error.what}")
    machine.up(progress)


def _prepare(machine: OwnMachine, course: Course, stage: Stage, progress: Progress) -> None:
    ready = prepare.to_stage(machine, course, stage, progress)
    if not ready.ok:
        raise prepare.not_ready(ready)
