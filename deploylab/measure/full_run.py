"""The main job, `./lab run`: every stage converged, checked and previewed; then all of them, interleaved.

    for each stage:   converge → check → a short preview
    then, all up:     rounds over every stage and view, order rotated
    then:             contrasts, two sides at a time, in pairs
    at the end:       the report, from rounds and pairs alone
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from deploylab import results
from deploylab.core import units
from deploylab.core.progress import Progress
from deploylab.course import Contrast, Course, Stage
from deploylab.machine import Machine
from deploylab.measure import load_test, rounds
from deploylab.measure.load_test import Bench, LoadSettings
from deploylab.provision import prepare
from deploylab.results import Session

N_ROUNDS = 5           # the fewest that give a t interval worth showing
SECONDS = 3.0
QUICK_SECONDS = 1.0
PREVIEW_SECONDS = 1.0
N_PAIRS = 5            # of each contrast
QUICK_PAIRS = 3
PAIR_SECONDS = 2.0
AT_MOST_S = 15 * 60    # of rounds, and as much again of contrasts, whatever the course lists
LEAST_S = 0.5          # of a window: in less, a run says nothing
OVERHEAD_S = 0.9       # of one run beside its window: start, warm-up, two samples


def run(machine: Machine, course: Course, stages: Sequence[Stage], *, quick: bool,
        progress: Progress) -> tuple[Session, list[prepare.Ready]]:
    """Take the machine down the road and measure it.

    An unfinished session of the same plan is gone on with: what it has measured stays.

    Args:
        stages: those to go to, in the order of the course; contrasts are run where both sides are among them.
        quick: shorter windows and fewer pairs, for a look; the same number of rounds.

    Returns:
        The finished session, and each stage as it was found ready.

    Raises:
        DeployLabError: a part failed; everything measured so far is on disk.
    """
    plan = _plan(course, stages, quick)
    session = resumable(plan) or Session.create(**plan)
    bench: Bench | None = None
    ready = []
    for stage in stages:
        ready.append(prepare.to_stage(machine, course, stage, progress, stage.variants))
        if not ready[-1].ok:  # never measure an unverified server
            raise prepare.not_ready(ready[-1])
        bench = Bench.of(machine, course, session, LoadSettings(seconds=PREVIEW_SECONDS))
        rounds.preview(bench, stage, progress)
    assert bench is not None
    prepare.calibration_stub(machine, course, progress)
    bench = rounds.calibrated(bench, plan["seconds"], progress)
    _note(session, bench, ready)
    rounds.rounds(bench, stages, progress)
    paired = replace(bench, how=replace(bench.how, seconds=plan["pair_seconds"]))
    rounds.contrasts(paired, contrasts_among(course, stages), plan["n_pairs"], progress)
    session.update(phase_seconds=dict(progress.seconds))
    session.finish()
    return session, ready


def contrasts_among(course: Course, stages: Sequence[Stage]) -> list[Contrast]:
    """The contrasts whose both sides belong to these stages."""
    names = {stage.name for stage in stages}
    return [one for one in course.contrasts if {course.target(side).stage for side in (one.a, one.b)} <= names]


def resumable(plan: dict[str, Any]) -> Session | None:
    """The newest session that was to measure exactly this and is not finished, or None."""
    session = results.latest_unfinished(plan["kind"])
    same = session and all(session.plan.get(key) == value for key, value in plan.items())
    return session if same else None


def newest() -> Session | None:
    """The newest session of `./lab run`, finished or not."""
    return next((s for s in reversed(results.sessions()) if s.plan.get("kind") == "run"), None)


def spent(progress: Progress) -> list[str]:
    """Where the time went, for a person."""
    total_s = sum(progress.seconds.values())
    parts = [f"{name} {units.seconds(s)}" for name, s in progress.seconds.items() if s >= 0.05]
    return [f"Time: {units.seconds(total_s)} in all ({', '.join(parts)})"]


def _plan(course: Course, stages: Sequence[Stage], quick: bool) -> dict[str, Any]:
    """What a session is to measure. Two sessions with an equal plan are the same work."""
    cells = [cell.as_plan() for cell in load_test.cells(course, list(stages))]
    contrasts = [rounds.as_plan(one) for one in contrasts_among(course, stages)]
    n_pairs = QUICK_PAIRS if quick else N_PAIRS
    return {
        "kind": "run", "quick": quick, "stages": [stage.name for stage in stages], "cells": cells,
        "n_rounds": N_ROUNDS, "seconds": _window_s(QUICK_SECONDS if quick else SECONDS, N_ROUNDS * len(cells)),
        "contrasts": contrasts, "n_pairs": n_pairs,
        "pair_seconds": _window_s(QUICK_SECONDS if quick else PAIR_SECONDS, 2 * n_pairs * len(contrasts)),
        "warmup_s": load_test.WARMUP_S,
    }


def _window_s(wanted_s: float, n_runs: int) -> float:
    """The window of one run: the wanted one, or less where so many runs would take longer than AT_MOST_S."""
    return round(min(wanted_s, max(LEAST_S, AT_MOST_S / max(1, n_runs) - OVERHEAD_S)), 1)


def _note(session: Session, bench: Bench, ready: list[prepare.Ready]) -> None:
    """Write down what the machine was found to be, for the report."""
    name = "keepalive" if bench.how.keepalive else "no_keepalive"
    session.update(machine=load_test.machine_fields(bench.facts), ceiling={name: bench.how.ceiling_rps},
                   converge=[{**one.as_json(), "seconds": one.converged.seconds} for one in ready])
