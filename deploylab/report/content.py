"""What the report shows, gathered from a session. The template only lays it out."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from deploylab import plots, stats, units, words
from deploylab.course import Course
from deploylab.record import Run
from deploylab.report import sentences
from deploylab.results import Session


def collect(session: Session, course: Course) -> dict[str, Any]:
    """Every name that `report.html.j2` uses.

    Args:
        session: finished or not.

    Raises:
        ResultsError: the results cannot be read.
    """
    all_runs, problems = session.read()
    runs, strays = _of_one_machine([run for run in all_runs if run.purpose == "round" and run.variant is None])
    steps = stats.steps(runs, course)
    plan = session.plan
    return {
        "session": session, "plan": plan, "course": course, "runs": runs, "problems": problems + strays,
        "n_planned": plan.get("n_rounds", 0) * len(plan.get("cells", [])),
        "machine": runs[0].machine if runs else plan.get("machine") or {},
        "machine_line": words.machine((runs[0].machine if runs else plan.get("machine")) or {}),
        "steps": _by_stage(steps, runs, course, session.recorded), "n_ratios": len(steps),
        "cells": _cells(runs, course, session.recorded),
        "order": plots.run_order(runs, course, recorded=session.recorded) if runs else None,
        "flags": _flags(runs), "how": _how(runs, plan), "converge": plan.get("converge") or [],
        "phases": plan.get("phase_seconds") or {}, "symbols": sentences.SYMBOLS,
    }


def _of_one_machine(runs: list[Run]) -> tuple[list[Run], list[str]]:
    """The runs of the machine that most of them were made on, and a sentence about the others."""
    by_machine: dict[str, list[Run]] = {}
    for run in runs:
        by_machine.setdefault(f"{words.machine(run.machine)}, kernel {run.machine.get('kernel')}", []).append(run)
    if len(by_machine) < 2:
        return runs, []
    kept = max(by_machine.values(), key=len)
    return kept, [f"{words.count(len(some), 'run')} made on another machine ({name}) are left out."
                  for name, some in by_machine.items() if some is not kept]


def _by_stage(steps: Sequence[stats.Step], runs: Sequence[Run], course: Course,
              recorded: bool) -> list[dict[str, Any]]:
    """One entry a stage: its headline, a box and a row for each view, its plot."""
    out = []
    for name, group in groupby(steps, key=lambda step: step.stage.stage):
        some = list(group)
        before = list(dict.fromkeys(step.before.stage for step in some))
        mine = [run for run in runs if run.stage in (name, *before)]
        out.append({
            "stage": some[0].stage, "before": " or ".join(before), "headline": sentences.headline(some),
            "cost": sentences.cost(some),
            "boxes": [_box(step) for step in some], "plot": plots.ratios(some, mine, course, recorded=recorded),
        })
    return out


def _box(step: stats.Step) -> dict[str, Any]:
    said, sure = sentences.in_short(step)
    return {"step": step, "kind": sentences.outcome(step), "where": sentences.where(step), "said": said, "sure": sure,
            "note": sentences.note(step), "sentences": sentences.full(step),
            "warnings": list(dict.fromkeys(text for found in step.ratios.values() for text in found.warnings
                                           if found.ratio is not None))}


def _cells(runs: Sequence[Run], course: Course, recorded: bool) -> list[dict[str, Any]]:
    """One entry for each view and load: its two plots and the summaries behind them."""
    summaries = stats.summarise(runs)
    ladder = [stage.stage for stage in stats.on_ladder(course)]
    out = []
    for view, concurrency in stats.cells_of(runs, course):
        chosen = [summaries[cell] for name in ladder
                  if (cell := stats.Cell(name, None, view, concurrency)) in summaries]
        if chosen:
            one = [(view, concurrency)]
            out.append({
                "view": course.view(view), "concurrency": concurrency, "summaries": chosen,
                "ladder": plots.ladder(runs, course, cells=one, recorded=recorded),
                "latency": plots.latency(runs, course, cells=one, recorded=recorded),
            })
    return out


def _flags(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Each flag once: an example for its sentence, and which stages carry it how often."""
    carried: dict[str, list[tuple[str, Run]]] = {}
    for run in runs:
        for flag in run.flags:
            carried.setdefault(words.flag_name(flag), []).append((flag, run))
    return [{"flag": some[0][0], "n": len(some), "on": sorted({f"{run.stage} {run.view}" for _, run in some})}
            for some in carried.values()]


def _how(runs: Sequence[Run], plan: dict[str, Any]) -> list[str]:
    """How it was measured, a sentence each."""
    if not runs:
        return []
    n_rounds = len({run.round for run in runs})
    out = [f"{words.count(n_rounds, 'round')}; in each, every stage and view once, the order changed from "
           "round to round, so that slow drift of the machine meets all of them alike.",
           "Two stages are compared round by round: the ratio of each pair, the geometric mean of the ratios, and "
           "Student's t for the 95 % interval. The unit is the run, never the request.",
           f"Load: {words.loads(runs)}, after {runs[0].warmup_s:g} s of "
           "warm-up that is not counted.",
           "Closed loop: each client waits for its answer before it asks again, and nothing is ever sent twice."
           if runs[0].mode == "closed" else "Open loop: requests leave on a schedule, whether or not answers come.",
           f"Throughput: good answers that ended within the window, a second. Percentiles: {runs[0].percentile_def}; "
           f"latency counts from the request's {runs[0].latency_from}. None is shown that the runs cannot carry.",
           "Server CPU a request: processor time of the stage's processes, over requests sent. "
           "Memory: PSS, which divides shared pages fairly, at the end of a run.",
           f"Load generator: {', '.join(dict.fromkeys(run.engine for run in runs))}."]
    for name, rps in (plan.get("ceiling") or {}).items():
        if rps:
            kept = "kept connections" if name == "keepalive" else name.replace("_", " ")
            out.append(f"Against a server that does nothing it reaches {units.rate(rps)} ({kept}).")
    return out
