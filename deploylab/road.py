"""The main job, `./lab run`: every stage converged, checked and previewed; then all of them, interleaved.

    for each stage:   converge → check → a short preview
    then, all up:     rounds over every stage and view, order rotated
    at the end:       the report, from the rounds alone
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from deploylab import checks, experiment, load, provision, results, units
from deploylab.checks import Check
from deploylab.course import Course, Stage
from deploylab.errors import CheckError
from deploylab.experiment import Bench, Load
from deploylab.machine import Machine
from deploylab.progress import Progress
from deploylab.provision import Converged
from deploylab.record import Run
from deploylab.results import Session

N_ROUNDS = 5           # the fewest that give a t interval worth showing
SECONDS = 3.0
QUICK_SECONDS = 1.0
PREVIEW_SECONDS = 1.0
AT_MOST_S = 15 * 60    # of load, whatever the course lists
OVERHEAD_S = 0.9       # of one run beside its window: start, warm-up, two samples


@dataclass(frozen=True)
class Ready:
    """A converged stage, and what the checks saw of it."""

    converged: Converged
    checks: list[Check]

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)

    def as_json(self) -> dict[str, Any]:
        return {"stage": self.converged.stage, "changed": self.converged.changed,
                "failed": self.converged.failed, "checks": [asdict(check) for check in self.checks]}


def prepare(machine: Machine, course: Course, stage: Stage, progress: Progress) -> Ready:
    """Converge the machine to a stage and check it and its variants. See `not_ready` for a 'no'.

    Raises:
        ConvergeError: it could not be converged.
    """
    with progress.phase("converge", f"{stage.name}: converge"):
        converged = provision.converge(machine, course, stage.name, on_event=_show(progress))
    with progress.phase("check", f"{stage.name}: check"):
        seen = [check for target in (stage, *stage.variants) for check in checks.verify(machine, course, target)]
    n_ok = sum(check.ok for check in seen)
    progress.say(f"    {_changes(converged)}; {n_ok} of {len(seen)} checks say yes")
    return Ready(converged, seen)


def not_ready(ready: Ready) -> CheckError:
    """The error for a stage of which a check says no."""
    no = [check for check in ready.checks if not check.ok]
    text = "\n".join(checks.line(check) for check in no)
    return CheckError(f"Stage {ready.converged.stage} is not ready:\n{text}", no[0].cure)


def run(machine: Machine, course: Course, *, quick: bool, progress: Progress) -> tuple[Session, list[Ready]]:
    """Take the machine down the whole road and measure it.

    An unfinished session of the same plan is gone on with: what it has measured stays.

    Args:
        quick: one-second windows, for a look; the same number of rounds.

    Returns:
        The finished session, and each stage as it was found ready.

    Raises:
        DeployLabError: a part failed; everything measured so far is on disk.
    """
    session = resumable(course, quick) or create(course, quick)
    bench: Bench | None = None
    ready = []
    for stage in course.stages:
        ready.append(prepare(machine, course, stage, progress))
        if not ready[-1].ok:  # never measure an unverified server
            raise not_ready(ready[-1])
        bench = Bench.of(machine, course, session, Load(seconds=PREVIEW_SECONDS))
        preview(bench, stage, progress)
    assert bench is not None
    with progress.phase("converge", "static stub, to calibrate the load generator"):
        provision.converge(machine, course, provision.CALIBRATION, on_event=_show(progress))
    bench = _calibrated(bench, progress)
    _note(session, bench, ready)
    rounds(bench, progress)
    session.update(phase_seconds=dict(progress.seconds))
    session.finish()
    return session, ready


def resumable(course: Course, quick: bool) -> Session | None:
    """The newest session that was to measure exactly this and is not finished, or None."""
    session = results.latest_unfinished()
    same = session and all(session.plan.get(key) == value for key, value in _plan(course, quick).items())
    return session if same else None


def create(course: Course, quick: bool) -> Session:
    """A new session for this plan."""
    return Session.create(**_plan(course, quick))


def preview(bench: Bench, stage: Stage, progress: Progress) -> None:
    """A short load on each view, at once after the stage is up. Not in the report."""
    done = {(run.stage, run.view, run.concurrency) for run in bench.session.runs("preview")}
    todo = [cell for cell in experiment.cells(bench.course, [stage])
            if (stage.name, cell.view.name, cell.concurrency) not in done]
    if not todo:
        return
    with progress.phase("load", f"{stage.name}: preview"):
        for number, cell in enumerate(todo):
            progress.update(cell.label, number, len(todo))
            made = experiment.measure(bench, cell, purpose="preview")
            progress.say(f"    {line(made)}")


def rounds(bench: Bench, progress: Progress) -> None:
    """Every cell once a round, the order rotated; only what is not measured yet."""
    plan = bench.session.plan
    all_cells = experiment.cells(bench.course, list(bench.course.stages))
    todo = list(experiment.remaining(bench.session, all_cells, plan["n_rounds"]))
    n_all = plan["n_rounds"] * len(all_cells)
    if len(todo) < n_all:
        progress.say(f"  going on with session {bench.session.id}: {n_all - len(todo)} of {n_all} runs are there")
    with progress.phase("load", f"{plan['n_rounds']} rounds over all stages, {n_all} runs"):
        for number, (round_number, cell) in enumerate(todo, start=n_all - len(todo)):
            progress.update(f"round {round_number}: {cell.label}", number, n_all)
            experiment.measure(bench, cell, purpose="round", round_number=round_number)


def line(run: Run) -> str:
    """One run in one line, failures beside the latency."""
    name = f"{run.stage}:{run.variant}" if run.variant else run.stage
    failed = f"{run.n_errors} failed" if run.n_errors else "0 failed"
    doubt = f"  [{', '.join(run.flags)}]" if run.flags else ""
    return (f"{name:10} {run.view:6} c={run.concurrency:<3} {units.rate(run.rps):>10}  "
            f"p50 {units.ms(run.latency_ns.get('p50')):>8}  p99 {units.ms(run.latency_ns.get('p99')):>8}  "
            f"{failed}{doubt}")


def newest() -> Session | None:
    """The newest session of `./lab run`, finished or not."""
    return next((s for s in reversed(results.sessions()) if s.plan.get("kind") == "run"), None)


def spent(progress: Progress) -> list[str]:
    """Where the time went, for a person."""
    total_s = sum(progress.seconds.values())
    parts = [f"{name} {units.seconds(s)}" for name, s in progress.seconds.items() if s >= 0.05]
    return [f"Time: {units.seconds(total_s)} in all ({', '.join(parts)})"]


def _plan(course: Course, quick: bool) -> dict[str, Any]:
    """What a session is to measure. Two sessions with an equal plan are the same work."""
    all_cells = experiment.cells(course, list(course.stages))
    seconds = QUICK_SECONDS if quick else SECONDS
    longest_s = AT_MOST_S / (N_ROUNDS * len(all_cells)) - OVERHEAD_S
    return {
        "kind": "run", "quick": quick, "stages": [stage.name for stage in course.stages],
        "cells": [cell.as_plan() for cell in all_cells], "n_rounds": N_ROUNDS,
        "seconds": round(min(seconds, longest_s), 1), "warmup_s": experiment.WARMUP_S,
    }


def _calibrated(bench: Bench, progress: Progress) -> Bench:
    with progress.phase("load", "calibrating the load generator"):
        ceiling_rps = experiment.calibrate(bench)
    progress.say(f"    {units.rate(ceiling_rps)} is all this generator reaches; near it, a run says so")
    return replace(bench, how=replace(bench.how, seconds=bench.session.plan["seconds"], ceiling_rps=ceiling_rps))


def _note(session: Session, bench: Bench, ready: list[Ready]) -> None:
    """Write down what the machine was found to be, for the report."""
    name = "keepalive" if bench.how.keepalive else "no_keepalive"
    session.update(machine=experiment.machine_fields(bench.facts), ceiling={name: bench.how.ceiling_rps},
                   converge=[{**one.as_json(), "seconds": one.converged.seconds} for one in ready])


def _changes(converged: Converged) -> str:
    return "0 changes" if not converged.changed else f"{converged.changed} changes"


def _show(progress: Progress) -> Callable[[dict[str, Any]], None]:
    """Drive a progress line with the events of a converge."""
    state = {"n": 0, "done": 0}

    def on_event(event: dict[str, Any]) -> None:
        if event["event"] == "planned":
            state["n"] = event["n"]
        elif event["event"] == "start":
            progress.update(event["name"], state["done"], state["n"] or None)
        elif event["event"] == "done":
            state["done"] += 1

    return on_event


def on_load(progress: Progress, label: str, seconds: float) -> Callable[[load.Progress], None]:
    """Drive a progress line with the events of one load test."""

    def on_progress(seen: load.Progress) -> None:
        text = f"{label}: {units.rate(seen.rps)}, {seen.n_errors} failed"
        progress.update(text, min(seen.t_s, seconds), seconds or None)

    return on_progress
