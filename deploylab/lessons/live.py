"""The commands of a lesson, run on the machine. Each returns an answer that can be recorded."""

import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from deploylab.core import units
from deploylab.core.progress import Progress
from deploylab.course import Course, Target
from deploylab.lessons import guest_shell, host_shell, past_results
from deploylab.lessons.answers import (
    Begun,
    Broken,
    Changes,
    Checked,
    Compared,
    Fault,
    Measured,
    MeasuredDuring,
    Mended,
    Output,
    Page,
    PastContrast,
    Rebuilt,
    Reset,
    StageReady,
    Visits,
    WrittenFile,
)
from deploylab.lessons.servers import race
from deploylab.lessons.servers import visitors as visits
from deploylab.lessons.servers.result import Race
from deploylab.machine import OwnMachine, lock, snapshot, with_address
from deploylab.measure import compare, during, measure
from deploylab.measure.distance import Distance
from deploylab.provision import checks, faults, prepare, reset
from deploylab.provision.on_demand import answers, awake
from deploylab.provision.prepare import Ready
from deploylab.results import lines
from deploylab.results.record import Run

OnLine = Callable[[str], None]
OnPair = Callable[[Run, Run], object]
T = TypeVar("T", bound=StageReady)


@dataclass
class Live:
    """The machine of this clone, for one lesson.

    Attributes:
        lesson: its name, also that of the notebook's shell on the machine.
        before: the machine's state when the current stage began, for `diff`.
    """

    machine: OwnMachine
    course: Course
    lesson: str
    before: snapshot.Snapshot | None = None

    def begin(self, progress: Progress) -> Begun:
        """Set up what the lesson needs and is not running yet."""
        lesson = self.course.lesson(self.lesson)
        missing = [self.course.target(name) for name in lesson.needs if not self._is_up(name)]
        made = [self.goto(progress, target=stage, later=missing,
                          variants=[target.variant for target in missing if target.stage == stage and target.variant])
                for stage in dict.fromkeys(target.stage for target in missing)]
        return Begun(machine=self.described, host=self.machine.host, made=tuple(made),
                     stands=tuple(target.name for target in self.course.targets if self._is_up(target.name)))

    @property
    def described(self) -> str:
        """The machine in words, for a label."""
        facts = self.machine.facts()
        where = facts.provider or "this computer"
        return f"{facts.distro} on {where}, {units.count(facts.n_cpu, 'processor')} of {facts.cpu}"

    def goto(self, progress: Progress, target: str, variants: list[str] | None = None,
             later: Sequence[Target] = ()) -> StageReady:
        wanted = self.course.target(target)
        stage = self.course.stage(wanted.stage)
        names = {*(variants or []), *([wanted.variant] if wanted.variant else [])}
        with lock.held(f"lab.goto {target}"):
            self.before = snapshot.take(self.machine)
            ready = prepare.to_stage(self.machine, self.course, stage, progress,
                                     [variant for variant in stage.variants if variant.variant in names], later)
        return _stage_answer(StageReady, ready, seconds=ready.converged.seconds, url=self.machine.url(wanted))

    def reset(self, progress: Progress, stage: str) -> Reset:
        with lock.held(f"lab.reset {stage}"):
            done = reset.reset(self.machine, self.course, self.course.stage(stage), progress)
        self.before = snapshot.take(self.machine)
        return Reset(before=tuple(done.before), copied=done.copied, seconds=round(sum(progress.seconds.values()), 1))

    def rebuild(self, progress: Progress, stage: str) -> Rebuilt:
        """Destroy the machine, make a new one, and set it up for a stage."""
        with lock.held(f"lab.rebuild {stage}"):
            self.machine.discard(progress)
            self.machine.up(progress)
            self.before = snapshot.take(self.machine)
            ready = prepare.to_stage(self.machine, self.course, self.course.stage(stage), progress)
        took = {name: round(seconds, 1) for name, seconds in progress.seconds.items()}
        return _stage_answer(Rebuilt, ready, took=took, seconds=round(sum(took.values()), 1),
                     url=self.machine.url(self.course.stage(stage)))

    def check(self, progress: Progress, target: str) -> Checked:
        checked = self.course.target(target)
        with progress.phase("check", f"{target}: check"), awake(self.machine, [checked]):
            return Checked(checks=tuple(checks.verify(self.machine, self.course, checked)))

    def guest(self, progress: Progress, text: str, background: str | None = None,
              on_line: OnLine | None = None) -> Output:
        began_s, text = time.monotonic(), with_address(self.machine, text)
        if background:
            log = guest_shell.start(self.machine, text, self.lesson, background)
            return Output(out="", status=0, seconds=0.0, background=background, log=log)
        done = guest_shell.run(self.machine, text, self.lesson, on_line=_logged(progress, on_line))
        return Output(out=done.out, status=done.status, seconds=round(time.monotonic() - began_s, 1))

    def host(self, progress: Progress, text: str, on_line: OnLine | None = None) -> Output:
        """Run a cell on this computer, which reaches the machine over ssh like any remote server."""
        began_s = time.monotonic()
        done = host_shell.run(text, self.machine.ssh_config, _logged(progress, on_line), self.machine.host)
        return Output(out=done.out, status=done.status, seconds=round(time.monotonic() - began_s, 1))

    def stop(self, progress: Progress, name: str) -> Output:
        return Output(out=guest_shell.stop(self.machine, self.lesson, name), status=0, seconds=0.0)

    def guestfile(self, progress: Progress, path: str, text: str, mode: str, owner: str) -> WrittenFile:
        """Write a file; the answer has its old text too, to show the difference."""
        old = self.machine.run(f"cat -- {shlex.quote(path)}", sudo=True)
        text = with_address(self.machine, text)
        self.machine.put(text.encode(), path, mode=mode, owner=owner)
        return WrittenFile(path=path, before=old.out if old.ok else None, after=text)

    def measure(self, progress: Progress, targets: list[str], view: str, concurrency: int | None, seconds: float,
                repeats: int, keepalive: bool = True, rtt_ms: float | None = None,
                mbit: float | None = None) -> Measured:
        away = Distance.of(rtt_ms, mbit)
        with lock.held("lab.measure"):
            session, runs = measure.measure(self.machine, self.course, targets, view, progress, seconds=seconds,
                                            concurrency=concurrency, repeats=repeats, keepalive=keepalive,
                                            distance=away)
        return Measured(session=session.id, runs=tuple(runs))

    def compare(self, progress: Progress, a: str, b: str, view: str | None, b_view: str | None,
                concurrency: int | None, pairs: int, seconds: float, slow_clients: int | None,
                keepalive: bool = True, rtt_ms: float | None = None, mbit: float | None = None,
                on_pair: OnPair = lambda a, b: None) -> Compared:
        """Compare two targets in pairs of runs; an exception in `on_pair` ends it."""
        away = Distance.of(rtt_ms, mbit)
        contrast = compare.named(self.course, a, b, view=view, b_view=b_view, concurrency=concurrency,
                                 slow_clients=slow_clients, new_connections=None if keepalive else True)
        with lock.held("lab.compare"):
            session, differences, _ = compare.compare(self.machine, self.course, contrast, progress, pairs=pairs,
                                                      seconds=seconds, distance=away, on_pair=on_pair)
        return Compared(session=session.id, contrast=contrast, differences=tuple(differences),
                        runs=tuple(session.runs("pair")))

    def servers(self, progress: Progress, rounds: int, seconds: float) -> Race:
        """Compare the small servers of `notebooks/servers/`. They run on this computer, not on the machine."""
        with lock.held("lab.servers"), progress.phase("load", f"five servers, {rounds} rounds"):
            return race.race(rounds=rounds, seconds=seconds, on_run=lambda run, number, of: progress.update(
                lines.line(run), number, of))

    def contrast(self, progress: Progress, name: str) -> PastContrast:
        """The latest result of a contrast of the course."""
        return past_results.newest(self.course.contrast(name))

    def measure_during(self, progress: Progress, target: str, command: str, view: str, rate: float | None,
                       concurrency: int | None, seconds: float, after: float, on: str = "guest") -> MeasuredDuring:
        """Load a target and, during the load, run a command in the notebook's shell or on this computer."""
        run_cell = {"guest": self.guest, "host": self.host}[on]
        with lock.held("lab.measure_during"):
            result = during.measure(self.machine, self.course, target, lambda: run_cell(progress, command), progress,
                                    view=view, rate_per_s=rate, concurrency=concurrency, seconds=seconds, after_s=after)
        return MeasuredDuring(session=result.session.id, run=result.run, command=command, done=result.done,
                              began_s=result.began_s, ended_s=result.ended_s, bins=tuple(result.bins))

    def visit(self, progress: Progress, server: str, path: str, visitors: int) -> Visits:
        """Send a few visitors to one of the small servers at the same moment."""
        return visits.visit(server, path, visitors)

    def diff(self, progress: Progress) -> Changes:
        """What changed on the machine since the current stage began."""
        now = snapshot.take(self.machine)
        return Changes(changes=tuple(snapshot.changes(self.before or now, now)))

    def break_it(self, progress: Progress, name: str) -> Broken:
        """Break what `name` says; "": one of the lesson's breaks, at random. An earlier break is repaired first."""
        fault = self.course.breaking(name) if name else faults.drawn(self.course, self.lesson)
        if faults.present(self.course):
            self.mend(progress)
        with lock.held("lab.break_it"):
            faults.harm(self.machine, self.course, fault)
        return Broken(name=fault.name, title=fault.title, target=fault.target,
                      url=self.machine.url(self.course.target(fault.target)))

    def mend(self, progress: Progress) -> Mended:
        """Repair what `break_it` broke; if it broke nothing, converge what the lesson needs."""
        fault = faults.present(self.course)
        with lock.held("lab.mend"):
            ready = faults.mend(self.machine, self.course, progress, list(self.course.lesson(self.lesson).needs))
        return Mended(broken=Fault(name=fault.name, title=fault.title, cause=fault.cause) if fault else None,
                      stages=tuple(_stage_answer(StageReady, stage, seconds=stage.converged.seconds)
                                   for stage in ready))

    def show(self, progress: Progress, target: str, path: str) -> Page:
        return Page(url=self.machine.url(self.course.target(target), path))

    def _is_up(self, name: str) -> bool:
        """Whether a target answers, or is configured if it sleeps until it is measured."""
        target = self.course.target(name)
        if answers(self.machine, target):
            return True
        return bool(target.start) and self._is_configured(target)

    def _is_configured(self, target) -> bool:
        """Whether a target's configuration files are on the machine."""
        return self.machine.run(f"ls -d {shlex.join(target.configuration)}", sudo=True).ok


def _stage_answer(kind: type[T], ready: Ready, **more: Any) -> T:
    """An answer of this kind about a stage that was set up."""
    converged = ready.converged
    return kind(stage=converged.stage, changed=converged.changed, failed=converged.failed, 
                checks=tuple(ready.checks), **more)


def _logged(progress: Progress, on_line: OnLine | None) -> OnLine:
    """`on_line`, which also writes each line to the log."""

    def log_and_pass_on(line: str) -> None:
        progress.log(line)
        if on_line:
            on_line(line)

    return log_and_pass_on
