"""Each verb of a lesson, done on the machine. What comes back is plain data: a recording keeps it as it is."""

import shlex
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from deploylab.core import units
from deploylab.core.progress import Progress
from deploylab.course import Course
from deploylab.lessons import guest_shell, host_shell, past_results
from deploylab.lessons.servers import race
from deploylab.lessons.servers import visitors as visits
from deploylab.machine import OwnMachine, lock, snapshot, with_address
from deploylab.measure import compare as contrasts
from deploylab.measure import during
from deploylab.measure import measure as sitting
from deploylab.measure import rounds as measuring
from deploylab.provision import checks, faults, prepare, reset
from deploylab.provision.on_demand import answers, awake
from deploylab.results.record import Run

OnLine = Callable[[str], None]
OnPair = Callable[[Run, Run], object]


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

    def begin(self, progress: Progress) -> dict[str, Any]:
        """Bring up what the lesson needs and does not stand yet."""
        lesson = self.course.lesson(self.lesson)
        missing = [name for name in lesson.needs if not self._stands(name)]
        made = [self.goto(progress, target=stage, variants=[name.partition(":")[2] for name in missing
                                                            if name.startswith(f"{stage}:")])
                for stage in dict.fromkeys(name.partition(":")[0] for name in missing)]
        return {"machine": self.described, "host": self.machine.host, "made": made,
                "stands": [one.name for one in self.course.targets if self._stands(one.name)]}

    @property
    def described(self) -> str:
        """The machine in words, for a label."""
        facts = self.machine.facts()
        where = facts["provider"] or "this computer"
        return f"{facts['distro']} on {where}, {units.count(facts['n_cpu'], 'processor')} of {facts['cpu']}"

    def goto(self, progress: Progress, target: str, variants: list[str] | None = None) -> dict[str, Any]:
        wanted = self.course.target(target)
        stage = self.course.stage(wanted.stage)
        names = {*(variants or []), *([wanted.variant] if wanted.variant else [])}
        with lock.held(f"lab.goto {target}"):
            self.before = snapshot.take(self.machine)
            ready = prepare.to_stage(self.machine, self.course, stage, progress,
                                 [one for one in stage.variants if one.variant in names])
        return {**ready.as_json(), "seconds": ready.converged.seconds, "url": self.machine.url(wanted)}

    def reset(self, progress: Progress, stage: str) -> dict[str, Any]:
        with lock.held(f"lab.reset {stage}"):
            done = reset.reset(self.machine, self.course, self.course.stage(stage), progress)
        self.before = snapshot.take(self.machine)
        return {"before": list(done.before), "copied": done.copied, "seconds": round(sum(progress.seconds.values()), 1)}

    def rebuild(self, progress: Progress, stage: str) -> dict[str, Any]:
        """Destroy the machine, make a new one, and bring it to a stage."""
        with lock.held(f"lab.rebuild {stage}"):
            self.machine.discard(progress)
            self.machine.up(progress)
            self.before = snapshot.take(self.machine)
            ready = prepare.to_stage(self.machine, self.course, self.course.stage(stage), progress)
        took = {name: round(seconds, 1) for name, seconds in progress.seconds.items()}
        return {**ready.as_json(), "took": took, "seconds": round(sum(took.values()), 1),
                "url": self.machine.url(self.course.stage(stage))}

    def check(self, progress: Progress, target: str) -> list[dict[str, Any]]:
        one = self.course.target(target)
        with progress.phase("check", f"{target}: check"), awake(self.machine, [one]):
            return [asdict(check) for check in checks.verify(self.machine, self.course, one)]

    def guest(self, progress: Progress, text: str, background: str | None = None,
              on_line: OnLine | None = None) -> dict[str, Any]:
        began_s, text = time.monotonic(), with_address(self.machine, text)
        if background:
            log = guest_shell.start(self.machine, text, self.lesson, background)
            return {"out": "", "status": 0, "seconds": 0.0, "background": background, "log": log}
        done = guest_shell.run(self.machine, text, self.lesson, on_line=_noted(progress, on_line))
        return {"out": done.out, "status": done.status, "seconds": round(time.monotonic() - began_s, 1)}

    def host(self, progress: Progress, text: str, on_line: OnLine | None = None) -> dict[str, Any]:
        """Run a cell on this computer, from where the machine is a server far away."""
        began_s = time.monotonic()
        done = host_shell.run(text, self.machine.ssh_config, _noted(progress, on_line), self.machine.host)
        return {"out": done.out, "status": done.status, "seconds": round(time.monotonic() - began_s, 1)}

    def stop(self, progress: Progress, name: str) -> dict[str, Any]:
        return {"out": guest_shell.stop(self.machine, self.lesson, name), "status": 0, "seconds": 0.0}

    def guestfile(self, progress: Progress, path: str, text: str, mode: str, owner: str) -> dict[str, Any]:
        """Write a file; what stood there before comes back, for the difference."""
        seen = self.machine.run(f"cat -- {shlex.quote(path)}", sudo=True)
        text = with_address(self.machine, text)
        self.machine.put(text.encode(), path, mode=mode, owner=owner)
        return {"path": path, "before": seen.out if seen.ok else None, "after": text}

    def measure(self, progress: Progress, targets: list[str], view: str, concurrency: int | None, seconds: float,
                repeats: int) -> dict[str, Any]:
        with lock.held("lab.measure"):
            session, runs = sitting.measure(self.machine, self.course, targets, view, progress, seconds=seconds,
                                            concurrency=concurrency, repeats=repeats)
        return {"session": session.id, "runs": [asdict(run) for run in runs]}

    def compare(self, progress: Progress, a: str, b: str, view: str | None, b_view: str | None,
                concurrency: int | None, pairs: int, seconds: float, slow_clients: int | None,
                on_pair: OnPair = lambda a, b: None) -> dict[str, Any]:
        """Two targets raced in pairs; what `on_pair` raises ends it."""
        one = contrasts.named(self.course, a, b, view=view, b_view=b_view, concurrency=concurrency,
                              slow_clients=slow_clients)
        with lock.held("lab.compare"):
            session, found, _ = sitting.compare(self.machine, self.course, one, progress, pairs=pairs, seconds=seconds,
                                                on_pair=on_pair)
        return {"session": session.id, "contrast": asdict(one), "differences": [asdict(other) for other in found],
                "runs": [asdict(run) for run in session.runs("pair")]}

    def servers(self, progress: Progress, rounds: int, seconds: float) -> dict[str, Any]:
        """The small servers of `notebooks/servers/`. They run on this computer, not on the machine."""
        with lock.held("lab.servers"), progress.phase("load", f"five servers, {rounds} rounds"):
            return race.race(rounds=rounds, seconds=seconds, on_run=lambda run, number, of: progress.update(
                measuring.line(run), number, of)).as_json()

    def contrast(self, progress: Progress, name: str) -> dict[str, Any]:
        """What a contrast of the course came to when it was last measured."""
        return past_results.newest(self.course.contrast(name))

    def measure_during(self, progress: Progress, target: str, command: str, view: str, rate: float | None,
                       concurrency: int | None, seconds: float, after: float, on: str = "guest") -> dict[str, Any]:
        """Load a target, and run a command in the notebook's shell, or on this computer, while the load goes on."""
        where = {"guest": self.guest, "host": self.host}[on]
        with lock.held("lab.measure_during"):
            seen = during.measure(self.machine, self.course, target, lambda: where(progress, command), progress,
                                  view=view, rate_per_s=rate, concurrency=concurrency, seconds=seconds, after_s=after)
        return {"session": seen.session.id, "run": asdict(seen.run), "command": command, "done": seen.done,
                "began_s": seen.began_s, "ended_s": seen.ended_s, "bins": seen.bins}

    def visit(self, progress: Progress, server: str, path: str, visitors: int) -> list[dict[str, Any]]:
        """A few visitors at once at one of them."""
        return visits.visit(server, path, visitors)

    def diff(self, progress: Progress) -> dict[str, Any]:
        """What changed on the machine since the present stage began."""
        now = snapshot.take(self.machine)
        return {"changes": [asdict(one) for one in snapshot.changes(self.before or now, now)]}

    def break_it(self, progress: Progress, name: str) -> dict[str, Any]:
        """Break what is called so; "": one of the lesson, drawn at random. What was broken before is mended."""
        one = self.course.breaking(name) if name else faults.drawn(self.course, self.lesson)
        if faults.present(self.course):
            self.mend(progress)
        with lock.held("lab.break_it"):
            faults.harm(self.machine, self.course, one)
        return {"name": one.name, "title": one.title, "target": one.target,
                "url": self.machine.url(self.course.target(one.target))}

    def mend(self, progress: Progress) -> dict[str, Any]:
        """Get back from whatever is broken; without anything known, converge what the lesson needs."""
        one = faults.present(self.course)
        with lock.held("lab.mend"):
            ready = faults.mend(self.machine, self.course, progress, list(self.course.lesson(self.lesson).needs))
        return {"broken": {"name": one.name, "title": one.title, "cause": one.cause} if one else None,
                "stages": [{**each.as_json(), "seconds": each.converged.seconds} for each in ready]}

    def show(self, progress: Progress, target: str, path: str) -> dict[str, Any]:
        return {"url": self.machine.url(self.course.target(target), path)}

    def _stands(self, name: str) -> bool:
        """Whether a target answers; one that sleeps was made ready together with its stage, which the start tells."""
        target = self.course.target(name)
        if answers(self.machine, target):
            return True
        return bool(target.start) and self._is_ready(target)

    def _is_ready(self, target) -> bool:
        """A sleeper whose configuration lies on the machine."""
        return self.machine.run(f"ls -d {shlex.join(target.configuration)}", sudo=True).ok



def _noted(progress: Progress, on_line: OnLine | None) -> OnLine:
    """Each line goes to the log, and to whoever follows it."""

    def each(line: str) -> None:
        progress.log(line)
        if on_line:
            on_line(line)

    return each
