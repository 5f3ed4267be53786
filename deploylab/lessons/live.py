"""Each verb of a lesson, done on the machine. What comes back is an answer that a recording can keep."""

import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from deploylab.core import units
from deploylab.core.progress import Progress
from deploylab.course import Course
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
        lesson: its name; the notebook's shell on the machine is called so.
        before: the machine as it was when the present stage began, for `diff`.
    """

    machine: OwnMachine
    course: Course
    lesson: str
    before: snapshot.Snapshot | None = None

    def begin(self, progress: Progress) -> Begun:
        """Bring up what the lesson needs and does not stand yet."""
        lesson = self.course.lesson(self.lesson)
        missing = [name for name in lesson.needs if not self._stands(name)]
        made = [self.goto(progress, target=stage, variants=[name.partition(":")[2] for name in missing
                                                            if name.startswith(f"{stage}:")])
                for stage in dict.fromkeys(name.partition(":")[0] for name in missing)]
        return Begun(machine=self.described, host=self.machine.host, made=tuple(made),
                     stands=tuple(one.name for one in self.course.targets if self._stands(one.name)))

    @property
    def described(self) -> str:
        """The machine in words, for a label."""
        facts = self.machine.facts()
        where = facts.provider or "this computer"
        return f"{facts.distro} on {where}, {units.count(facts.n_cpu, 'processor')} of {facts.cpu}"

    def goto(self, progress: Progress, target: str, variants: list[str] | None = None) -> StageReady:
        wanted = self.course.target(target)
        stage = self.course.stage(wanted.stage)
        names = {*(variants or []), *([wanted.variant] if wanted.variant else [])}
        with lock.held(f"lab.goto {target}"):
            self.before = snapshot.take(self.machine)
            ready = prepare.to_stage(self.machine, self.course, stage, progress,
                                 [one for one in stage.variants if one.variant in names])
        return _told(StageReady, ready, seconds=ready.converged.seconds, url=self.machine.url(wanted))

    def reset(self, progress: Progress, stage: str) -> Reset:
        with lock.held(f"lab.reset {stage}"):
            done = reset.reset(self.machine, self.course, self.course.stage(stage), progress)
        self.before = snapshot.take(self.machine)
        return Reset(before=tuple(done.before), copied=done.copied, seconds=round(sum(progress.seconds.values()), 1))

    def rebuild(self, progress: Progress, stage: str) -> Rebuilt:
        """Destroy the machine, make a new one, and bring it to a stage."""
        with lock.held(f"lab.rebuild {stage}"):
            self.machine.discard(progress)
            self.machine.up(progress)
            self.before = snapshot.take(self.machine)
            ready = prepare.to_stage(self.machine, self.course, self.course.stage(stage), progress)
        took = {name: round(seconds, 1) for name, seconds in progress.seconds.items()}
        return _told(Rebuilt, ready, took=took, seconds=round(sum(took.values()), 1),
                     url=self.machine.url(self.course.stage(stage)))

    def check(self, progress: Progress, target: str) -> Checked:
        one = self.course.target(target)
        with progress.phase("check", f"{target}: check"), awake(self.machine, [one]):
            return Checked(checks=tuple(checks.verify(self.machine, self.course, one)))

    def guest(self, progress: Progress, text: str, background: str | None = None,
              on_line: OnLine | None = None) -> Output:
        began_s, text = time.monotonic(), with_address(self.machine, text)
        if background:
            log = guest_shell.start(self.machine, text, self.lesson, background)
            return Output(out="", status=0, seconds=0.0, background=background, log=log)
        done = guest_shell.run(self.machine, text, self.lesson, on_line=_noted(progress, on_line))
        return Output(out=done.out, status=done.status, seconds=round(time.monotonic() - began_s, 1))

    def host(self, progress: Progress, text: str, on_line: OnLine | None = None) -> Output:
        """Run a cell on this computer, from where the machine is a server far away."""
        began_s = time.monotonic()
        done = host_shell.run(text, self.machine.ssh_config, _noted(progress, on_line), self.machine.host)
        return Output(out=done.out, status=done.status, seconds=round(time.monotonic() - began_s, 1))

    def stop(self, progress: Progress, name: str) -> Output:
        return Output(out=guest_shell.stop(self.machine, self.lesson, name), status=0, seconds=0.0)

    def guestfile(self, progress: Progress, path: str, text: str, mode: str, owner: str) -> WrittenFile:
        """Write a file; what stood there before comes back, for the difference."""
        seen = self.machine.run(f"cat -- {shlex.quote(path)}", sudo=True)
        text = with_address(self.machine, text)
        self.machine.put(text.encode(), path, mode=mode, owner=owner)
        return WrittenFile(path=path, before=seen.out if seen.ok else None, after=text)

    def measure(self, progress: Progress, targets: list[str], view: str, concurrency: int | None, seconds: float,
                repeats: int) -> Measured:
        with lock.held("lab.measure"):
            session, runs = measure.measure(self.machine, self.course, targets, view, progress, seconds=seconds,
                                            concurrency=concurrency, repeats=repeats)
        return Measured(session=session.id, runs=tuple(runs))

    def compare(self, progress: Progress, a: str, b: str, view: str | None, b_view: str | None,
                concurrency: int | None, pairs: int, seconds: float, slow_clients: int | None,
                on_pair: OnPair = lambda a, b: None) -> Compared:
        """Two targets raced in pairs; what `on_pair` raises ends it."""
        one = compare.named(self.course, a, b, view=view, b_view=b_view, concurrency=concurrency,
                              slow_clients=slow_clients)
        with lock.held("lab.compare"):
            session, found, _ = compare.compare(self.machine, self.course, one, progress, pairs=pairs, seconds=seconds,
                                                on_pair=on_pair)
        return Compared(session=session.id, contrast=one, differences=tuple(found), runs=tuple(session.runs("pair")))

    def servers(self, progress: Progress, rounds: int, seconds: float) -> Race:
        """The small servers of `notebooks/servers/`. They run on this computer, not on the machine."""
        with lock.held("lab.servers"), progress.phase("load", f"five servers, {rounds} rounds"):
            return race.race(rounds=rounds, seconds=seconds, on_run=lambda run, number, of: progress.update(
                lines.line(run), number, of))

    def contrast(self, progress: Progress, name: str) -> PastContrast:
        """What a contrast of the course came to when it was last measured."""
        return past_results.newest(self.course.contrast(name))

    def measure_during(self, progress: Progress, target: str, command: str, view: str, rate: float | None,
                       concurrency: int | None, seconds: float, after: float, on: str = "guest") -> MeasuredDuring:
        """Load a target, and run a command in the notebook's shell, or on this computer, while the load goes on."""
        where = {"guest": self.guest, "host": self.host}[on]
        with lock.held("lab.measure_during"):
            seen = during.measure(self.machine, self.course, target, lambda: where(progress, command), progress,
                                  view=view, rate_per_s=rate, concurrency=concurrency, seconds=seconds, after_s=after)
        return MeasuredDuring(session=seen.session.id, run=seen.run, command=command, done=seen.done,
                              began_s=seen.began_s, ended_s=seen.ended_s, bins=tuple(seen.bins))

    def visit(self, progress: Progress, server: str, path: str, visitors: int) -> Visits:
        """A few visitors at once at one of them."""
        return visits.visit(server, path, visitors)

    def diff(self, progress: Progress) -> Changes:
        """What changed on the machine since the present stage began."""
        now = snapshot.take(self.machine)
        return Changes(changes=tuple(snapshot.changes(self.before or now, now)))

    def break_it(self, progress: Progress, name: str) -> Broken:
        """Break what is called so; "": one of the lesson, drawn at random. What was broken before is mended."""
        one = self.course.breaking(name) if name else faults.drawn(self.course, self.lesson)
        if faults.present(self.course):
            self.mend(progress)
        with lock.held("lab.break_it"):
            faults.harm(self.machine, self.course, one)
        return Broken(name=one.name, title=one.title, target=one.target,
                      url=self.machine.url(self.course.target(one.target)))

    def mend(self, progress: Progress) -> Mended:
        """Get back from whatever is broken; without anything known, converge what the lesson needs."""
        one = faults.present(self.course)
        with lock.held("lab.mend"):
            ready = faults.mend(self.machine, self.course, progress, list(self.course.lesson(self.lesson).needs))
        return Mended(broken=Fault(name=one.name, title=one.title, cause=one.cause) if one else None,
                      stages=tuple(_told(StageReady, each, seconds=each.converged.seconds) for each in ready))

    def show(self, progress: Progress, target: str, path: str) -> Page:
        return Page(url=self.machine.url(self.course.target(target), path))

    def _stands(self, name: str) -> bool:
        """Whether a target answers; one that sleeps was made ready together with its stage, which the start tells."""
        target = self.course.target(name)
        if answers(self.machine, target):
            return True
        return bool(target.start) and self._is_ready(target)

    def _is_ready(self, target) -> bool:
        """A sleeper whose configuration lies on the machine."""
        return self.machine.run(f"ls -d {shlex.join(target.configuration)}", sudo=True).ok


def _told(kind: type[T], ready: Ready, **more: Any) -> T:
    """The answer of this kind about a stage that was made ready."""
    done = ready.converged
    return kind(stage=done.stage, changed=done.changed, failed=done.failed, checks=tuple(ready.checks), **more)


def _noted(progress: Progress, on_line: OnLine | None) -> OnLine:
    """Each line goes to the log, and to whoever follows it."""

    def each(line: str) -> None:
        progress.log(line)
        if on_line:
            on_line(line)

    return each
