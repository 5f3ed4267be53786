"""The main job, `./lab run`: set up, check and preview every stage; then measure all of them, interleaved.

    for each stage:   converge → check → a short preview; the first converge installs the packages of all of them
    with all running: rounds over every stage and view, in rotated order
    then:             contrasts, two sides at a time, in pairs
    at the end:       the report, from rounds and pairs only
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from deploylab import results
from deploylab.core.progress import Progress
from deploylab.course import Contrast, Course, Stage
from deploylab.machine import Machine
from deploylab.measure import compare, load_test, rounds
from deploylab.measure.bench import WARMUP_S, Bench, LoadSettings, machine_fields
from deploylab.provision import prepare
from deploylab.results import Session

N_ROUNDS = 5           # with fewer, the t interval is too wide to be useful
SECONDS = 3.0
QUICK_SECONDS = 1.0
PREVIEW_SECONDS = 1.0
N_PAIRS = 5            # of each contrast
QUICK_PAIRS = 3
PAIR_SECONDS = 2.0
MAX_S = 15 * 60        # for the rounds, and as much again for the contrasts, however many the course has
MIN_WINDOW_S = 0.5     # a shorter run says nothing
OVERHEAD_S = 0.9       # of one run in addition to its window: start, warm-up, two samples


def run(machine: Machine, course: Course, stages: Sequence[Stage], *, quick: bool,
        progress: Progress) -> tuple[Session, list[prepare.Ready]]:
    """Set up every stage on the machine and measure it.

    An unfinished session with the same plan is resumed: what it has measured is not measured again.

    Args:
        stages: the stages to measure, in the order of the course; contrasts between them are measured too.
        quick: shorter windows and fewer pairs, for a first impression; the same number of rounds.

    Returns:
        The finished session, and the changes and checks of each stage.

    Raises:
        DeployLabError: a step failed; everything measured so far is on disk.
    """
    plan = _plan(course, stages, quick)
    session = results.resumable(plan) or Session.create(**plan)
    bench: Bench | None = None
    ready = []
    for number, stage in enumerate(stages):
        later = [target for after in stages[number + 1:] for target in (after, *after.variants)]
        ready.append(prepare.to_stage(machine, course, stage, progress, stage.variants, later))
        if not ready[-1].ok:  # never measure an unverified server
            raise prepare.not_ready(ready[-1])
        bench = Bench.of(machine, course, session, LoadSettings(seconds=PREVIEW_SECONDS))
        rounds.preview(bench, stage, progress)
    assert bench is not None
    prepare.calibration_stub(machine, course, progress)
    bench = load_test.calibrated(bench, plan["seconds"], progress)
    _save_facts(session, bench, ready)
    rounds.measure(bench, stages, progress)
    paired = replace(bench, settings=replace(bench.settings, seconds=plan["pair_seconds"]))
    compare.measure_contrasts(paired, contrasts_among(course, stages), plan["n_pairs"], progress)
    session.update(phase_seconds=dict(progress.seconds))
    session.finish()
    return session, ready


def contrasts_among(course: Course, stages: Sequence[Stage]) -> list[Contrast]:
    """The contrasts with both sides in these stages."""
    names = {stage.name for stage in stages}
    return [contrast for contrast in course.contrasts
            if {course.target(side).stage for side in (contrast.a, contrast.b)} <= names]


def _plan(course: Course, stages: Sequence[Stage], quick: bool) -> dict[str, Any]:
    """What a session should measure. Two sessions with equal plans do the same work."""
    cells = rounds.cells(course, stages)
    long_s = [cell.view.least_s + OVERHEAD_S for cell in cells if cell.view.least_s]  # they leave less to the others
    contrasts = [compare.as_plan(contrast) for contrast in contrasts_among(course, stages)]
    n_pairs = QUICK_PAIRS if quick else N_PAIRS
    return {
        "kind": "run", "quick": quick, "stages": [stage.name for stage in stages],
        "cells": [cell.as_plan() for cell in cells], "n_rounds": N_ROUNDS,
        "seconds": _window_s(QUICK_SECONDS if quick else SECONDS, N_ROUNDS * (len(cells) - len(long_s)),
                             MAX_S - N_ROUNDS * sum(long_s)),
        "contrasts": contrasts, "n_pairs": n_pairs,
        "pair_seconds": _window_s(QUICK_SECONDS if quick else PAIR_SECONDS, 2 * n_pairs * len(contrasts)),
        "warmup_s": WARMUP_S,
    }


def _window_s(wanted_s: float, n_runs: int, most_s: float = MAX_S) -> float:
    """The length of a window: `wanted_s`, or less if so many runs would take longer than `most_s` together."""
    return round(min(wanted_s, max(MIN_WINDOW_S, most_s / max(1, n_runs) - OVERHEAD_S)), 1)


def _save_facts(session: Session, bench: Bench, ready: list[prepare.Ready]) -> None:
    """Save facts about the machine, the generator and the stages in the plan, for the report."""
    name = "keepalive" if bench.settings.keepalive else "no_keepalive"
    session.update(machine=machine_fields(bench.facts), ceiling={name: bench.settings.ceiling_rps},
                   converge=[{**stage.to_json(), "seconds": stage.converged.seconds} for stage in ready])
