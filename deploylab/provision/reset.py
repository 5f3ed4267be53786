"""`./lab reset STAGE`: puts the machine back to just before a stage. Lessons by hand begin there.

Before the first stage that is a bare guest; before any other, a bare guest converged to every earlier stage of the
course. On every provider this is: destroy, up, converge. On LXC a copy of the disk saves time: it is made the first
time and restored from then on, as long as nothing that went into it has changed.
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
        before: the stages that are set up on it.
        copied: how many of them came from a copy of the disk.
    """

    before: tuple[str, ...]
    copied: int


def reset(machine: OwnMachine, course: Course, stage: Stage, progress: Progress) -> ResetResult:
    """Put the machine back to just before a stage. Everything on it is lost.

    Raises:
        DeployLabError: a step failed; run the same command again, it starts from scratch.

    Example:
        reset(machine, course, course.stage("nginx"), progress).before
    """
    before = earlier(course, stage)
    n_copied = _restore(machine, course, before, progress)
    if n_copied is None:
        n_copied = 0
        _build_bare(machine, course, progress)
    for number, earlier_stage in enumerate(before[n_copied:], start=n_copied + 1):
        _prepare(machine, course, earlier_stage, progress, later=before[number:])
    if n_copied < len(before) and machine.provider == "lxc":
        _save_copy(machine, course, before, progress)
    for earlier_stage in before:
        if not answers(machine, earlier_stage):  # it is not started at boot
            _prepare(machine, course, earlier_stage, progress)
    return ResetResult(tuple(earlier_stage.name for earlier_stage in before), n_copied)


def earlier(course: Course, stage: Stage) -> tuple[Stage, ...]:
    """The stages of the road before this one, in order.

    Raises:
        CourseError: the stage is not part of the road.
    """
    if stage not in course.stages:
        raise CourseError(f"{stage.name} is not a step of the road, so nothing comes before it.",
                          f"./lab goto {stage.name}")
    return course.stages[:course.stages.index(stage)]


def fingerprints(course: Course, stages: Sequence[Stage]) -> list[str]:
    """A hash for a guest with none of these stages, with the first, with the first two, and so on.

    It covers the box, the course, the files of the stages, the application, and the package sources of this host.
    """
    sha = hashlib.sha256(box.path().read_bytes() + paths.COURSE.read_bytes())
    sources = network.pip_settings(), network.proxies(), network.certificates()
    sha.update(json.dumps([converge.app_revision(course), *sources]).encode())
    hashes = [sha.hexdigest()[:12]]
    for stage in stages:
        sha.update(f" {stage.name} {converge.config_hash(course, stage.name)}".encode())
        hashes.append(sha.hexdigest()[:12])
    return hashes


def _build_bare(machine: OwnMachine, course: Course, progress: Progress) -> None:
    """Build a new guest, with only the things that no lesson is about."""
    if machine.state() != "not_created":
        machine.discard(progress)
    machine.up(progress)
    with progress.phase("converge", "package sources, and the code as a file"):
        converge.to_stage(machine, course, converge.GROUND)


def _restore(machine: OwnMachine, course: Course, before: Sequence[Stage], progress: Progress) -> int | None:
    """Restore the best copy. How many of these stages it has; None if there was no copy to restore."""
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
    # If the machine had another address then, its files have the old one: every stage is converged to again.
    return n if copy.host == machine.host else 0


def _best(machine: OwnMachine, course: Course, before: Sequence[Stage]) -> tuple[int, Copy | None]:
    """How many of these stages the best copy has, and the copy; 0 and None if there is none."""
    if machine.provider == "lxc" and copies.every() and machine.state() in ("running", "stopped"):
        keys = fingerprints(course, before)
        for n in range(len(before), 0, -1):
            if copy := copies.find(keys[n]):
                return n, copy
    return 0, None


def _save_copy(machine: OwnMachine, course: Course, before: Sequence[Stage], progress: Progress) -> None:
    """Save a copy for the next reset. The machine is halted meanwhile, so that no file is half written."""
    machine.halt(progress)
    try:
        with progress.phase("copy", "a copy of the machine's disk, for the next reset"):
            copies.save(machine.name, fingerprints(course, before)[-1], of=" + ".join(stage.name for stage in before),
                        host=machine.host)
    except HostError as error:
        progress.say(f"    No copy was saved: {error.what}")
    machine.up(progress)


def _prepare(machine: OwnMachine, course: Course, stage: Stage, progress: Progress,
             later: Sequence[Stage] = ()) -> None:
    ready = prepare.to_stage(machine, course, stage, progress, later=later)
    if not ready.ok:
        raise prepare.not_ready(ready)
