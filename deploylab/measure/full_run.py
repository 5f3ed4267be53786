"""The main job, `./lab run`: set up, check and look at every stage; then measure all of them, interleaved.

    for each stage:   converge → check → a first look; the first converge installs the packages of all of them, and
                      the report begins with the second stage
    with all running: rounds over every stage and view, in rotated order
    then:             contrasts, two sides at a time, in pairs; more pairs for the widest intervals
    at the end:       the report, from rounds and pairs only
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

from deploylab import results
from deploylab.core.progress import Progress
from deploylab.course import Contrast, Course, Stage, Target
from deploylab.machine import Machine
from deploylab.measure import compare, load_test, rounds, schedule
from deploylab.measure.bench import WARMUP_S, Bench, LoadSettings, machine_fields
from deploylab.measure.schedule import QUICK, Effort
from deploylab.provision import prepare
from deploylab.results import Session

PREVIEW_SECONDS = 1.0
LEAST_STAGES = 2  # with fewer there is nothing to compare
OnNews = Callable[[Session], object]


def run(machine: Machine, course: Course, stages: Sequence[Stage], *, effort: Effort, progress: Progress,
        on_news: OnNews = lambda session: None) -> tuple[Session, list[prepare.Ready]]:
    """Set up every stage on the machine and measure it.

    An unfinished session with the same plan is resumed: what it has measured is not measured again.

    Args:
        stages: the stages to measure, in the order of the course; contrasts between them are measured too.
        effort: how long is measured, and how often: USUAL, QUICK or THOROUGH.
        on_news: called from the second stage on, after each stage, each round and each contrast: never while
            anything is under load.

    Returns:
        The finished session, and the changes and checks of each stage.

    Raises:
        DeployLabError: a step failed; everything measured so far is on disk.
    """
    contrasts = _measurable(machine, course, contrasts_among(course, stages, thorough=effort.all_contrasts), progress)
    plan = _plan(course, stages, effort, contrasts)
    session = results.resumable(plan) or Session.create(**plan)
    bench: Bench | None = None
    ready = []
    variants = {stage.name: _compared(stage, contrasts) for stage in stages}
    for number, stage in enumerate(stages, start=1):
        later = [target for after in stages[number:] for target in (after, *variants[after.name])]
        ready.append(prepare.to_stage(machine, course, stage, progress, variants[stage.name], later))
        if not ready[-1].ok:  # never measure an unverified server
            raise prepare.not_ready(ready[-1])
        bench = Bench.of(machine, course, session, LoadSettings(seconds=PREVIEW_SECONDS))
        rounds.preview(bench, stages[:number], progress)
        _save_facts(session, bench, ready)
        if number >= LEAST_STAGES:
            on_news(session)
    assert bench is not None
    prepare.calibration_stub(machine, course, progress)
    bench = load_test.calibrated(bench, effort.seconds, progress)
    _save_facts(session, bench, ready)
    rounds.measure(bench, stages, progress, lambda: on_news(session))
    _measure_contrasts(bench, contrasts, effort, progress, lambda: on_news(session))
    session.update(phase_seconds=dict(progress.seconds))
    session.finish()
    return session, ready


def contrasts_among(course: Course, stages: Sequence[Stage], *, thorough: bool) -> list[Contrast]:
    """The contrasts with both sides in these stages; those that are `thorough` only in a thorough run."""
    names = {stage.name for stage in stages}
    return [contrast for contrast in course.contrasts if (thorough or not contrast.thorough) and
            {course.target(side).stage for side in (contrast.a, contrast.b)} <= names]


def _compared(stage: Stage, contrasts: Sequence[Contrast]) -> list[Target]:
    """The variants of a stage that one of the contrasts compares: nothing else is set up."""
    names = {side for contrast in contrasts for side in (contrast.a, contrast.b)}
    return [variant for variant in stage.variants if variant.name in names]


def _measure_contrasts(bench: Bench, contrasts: Sequence[Contrast], effort: Effort, progress: Progress,
                       after_each: Callable[[], object]) -> None:
    """The first pairs of all contrasts, and then more for the widest intervals, as far as the budget reaches."""
    session, settings = bench.session, replace(bench.settings, seconds=effort.pair_seconds,
                                               warmup_again_s=effort.warmup_again_s)
    paired = replace(bench, settings=settings)
    names = [contrast.name for contrast in contrasts]
    compare.measure_contrasts(paired, contrasts, dict.fromkeys(names, effort.n_pairs), progress, after_each)
    if "pairs_of" not in session.plan:  # decided once: a resumed session keeps to it
        session.update(pairs_of=schedule.pairs_of(names, session.runs(), effort))
    n_pairs = session.plan["pairs_of"]
    if any(n > effort.n_pairs for n in n_pairs.values()):
        progress.say("  more pairs for the widest intervals, whether or not they contain 1")
        compare.measure_contrasts(paired, contrasts, n_pairs, progress, after_each)


def _measurable(machine: Machine, course: Course, contrasts: Sequence[Contrast], progress: Progress) -> list[Contrast]:
    """Those of the contrasts whose two sides this machine can be set up for."""
    sides = {side: course.target(side) for contrast in contrasts for side in (contrast.a, contrast.b)}
    chosen = {target.name for target in prepare.possible(machine, sides.values(), progress)}
    return [contrast for contrast in contrasts if {contrast.a, contrast.b} <= chosen]


def _plan(course: Course, stages: Sequence[Stage], effort: Effort, contrasts: Sequence[Contrast]) -> dict[str, Any]:
    """What a session should measure. Two sessions with equal plans do the same work."""
    judged = schedule.judged(stages)
    cells = [{**cell.as_plan(), "n_rounds": schedule.n_rounds(cell, judged, effort)}
             for cell in rounds.cells(course, stages)]
    return {
        "kind": "run", "quick": effort == QUICK, "stages": [stage.name for stage in stages], "cells": cells,
        "contrasts": [compare.as_plan(contrast) for contrast in contrasts],
        "warmup_s": WARMUP_S, **asdict(effort),
    }


def _save_facts(session: Session, bench: Bench, ready: list[prepare.Ready]) -> None:
    """Save facts about the machine, the generator and the stages in the plan, for the report."""
    name = "keepalive" if bench.settings.keepalive else "no_keepalive"
    session.update(machine=machine_fields(bench.facts), ceiling={name: bench.settings.ceiling_rps},
                   converge=[{**stage.to_json(), "seconds": stage.converged.seconds} for stage in ready])
