"""Collects from a session what the report shows. The template only lays it out."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from deploylab.core import units
from deploylab.course import Course, Stage, View
from deploylab.report import contrasts, headlines, plots, sentences, so_far
from deploylab.report.plots import Plot
from deploylab.results import Session, describe, stats
from deploylab.results.record import Run


@dataclass(frozen=True)
class Box:
    """What one step did to one view."""

    step: stats.Step
    kind: str                       # the outcome: see `sentences.outcome`
    where: str                      # the view and its load
    said: str
    sure: str                       # how certain that is
    note: str                       # failures; often empty
    in_doubt: bool
    figures: list[str]
    sentences: list[str]
    warnings: list[str]


@dataclass(frozen=True)
class Chapter:
    """One stage against the stage before it: its headline, a box for each view, its plot."""

    stage: Stage
    before: str
    headline: list[str]
    cost: list[str]
    boxes: list[Box]
    plot: Plot


@dataclass(frozen=True)
class Section:
    """One view under one load: its two plots, and the summaries, also of stages that are not in the plots."""

    view: View
    concurrency: int
    summaries: list[stats.Summary]
    aside: list[str]                # stages that are not in the plots
    warned: dict[str, list[str]]    # by warning, the stages that it is about
    noted: dict[str, str]           # by stage, other figures of its runs
    ladder: Plot | None
    latency: Plot | None


@dataclass(frozen=True)
class Doubt:
    """A flag: an example for its sentence, how many runs have it, and of what."""

    flag: str
    n: int
    on: list[str]


@dataclass(frozen=True, kw_only=True)
class Content:
    """Every name that `report.html.j2` uses."""

    session: Session
    plan: dict[str, Any]
    course: Course
    runs: list[Run]
    problems: list[str]
    so_far: so_far.SoFar | None     # of a session that is not finished
    machine: dict[str, Any]
    machine_line: str
    headlines: list[headlines.Row]
    steps: list[Chapter]
    n_ratios: int
    contrasts: contrasts.Overview
    cells: list[Section]
    order: Plot | None
    flags: list[Doubt]
    how: list[str]
    converge: list[dict[str, Any]]
    phases: dict[str, float]
    symbols: dict[str, str]


def collect(session: Session, course: Course) -> Content:
    """What the report of a session shows.

    Args:
        session: finished or not.

    Raises:
        ResultsError: the results cannot be read.
    """
    found = read(session)
    runs, plan, steps = found.runs, session.plan, stats.steps(found.runs, course)
    return Content(
        session=session, plan=plan, course=course, runs=runs, problems=found.problems,
        so_far=None if session.finished else so_far.collect(plan, found.all, course),
        machine=found.machine, machine_line=found.machine_line,
        headlines=headlines.rows(steps, course),
        steps=_by_stage(steps, runs, course, session.recorded),
        n_ratios=sum(step.main.ci95 is not None for step in steps),
        contrasts=contrasts.collect(plan, found.pairs, course, session.recorded),
        cells=_cells(runs, course, session.recorded),
        order=plots.run_order(runs, course, recorded=session.recorded) if runs else None,
        flags=doubts([*runs, *found.pairs]), how=_how(runs, plan), converge=plan.get("converge") or [],
        phases=plan.get("phase_seconds") or {}, symbols=sentences.SYMBOLS,
    )


@dataclass(frozen=True)
class SessionRuns:
    """The runs of a session that a report is about."""

    runs: list[Run]                 # of the rounds, on the machine that was used most; so are the pairs
    pairs: list[Run]
    all: list[Run]                  # on any machine, for any purpose
    machine: dict[str, Any]
    problems: list[str]             # what is wrong with the session's files, in sentences

    @property
    def machine_line(self) -> str:
        return describe.machine(self.machine)


def read(session: Session) -> SessionRuns:
    """The runs of a session that a report is about.

    Raises:
        ResultsError: the results cannot be read.
    """
    all_runs, problems = session.read()
    runs, strays = of_one_machine([run for run in all_runs if run.purpose == "round" and run.variant is None])
    pairs, more_strays = of_one_machine([run for run in all_runs if run.purpose == "pair"])
    return SessionRuns(runs=runs, pairs=pairs, all=all_runs,
                       machine=runs[0].machine if runs else session.plan.get("machine") or {},
                       problems=problems + strays + more_strays)


def of_one_machine(runs: list[Run]) -> tuple[list[Run], list[str]]:
    """The runs on the machine that was used most, and a sentence about the runs on others."""
    by_machine: dict[str, list[Run]] = {}
    for run in runs:
        by_machine.setdefault(f"{describe.machine(run.machine)}, kernel {run.machine.get('kernel')}", []).append(run)
    if len(by_machine) < 2:
        return runs, []
    kept = max(by_machine.values(), key=len)
    return kept, [f"{units.count(len(group), 'run')} made on another machine ({name}) are left out."
                  for name, group in by_machine.items() if group is not kept]


def _by_stage(steps: Sequence[stats.Step], runs: Sequence[Run], course: Course, recorded: bool) -> list[Chapter]:
    out = []
    for name, group in groupby(steps, key=lambda step: step.stage.stage):
        stage_steps = list(group)
        before = list(dict.fromkeys(step.before.stage for step in stage_steps))
        mine = [run for run in runs if run.stage in (name, *before)]
        out.append(Chapter(
            stage=stage_steps[0].stage, before=" or ".join(before),
            headline=sentences.headline(stage_steps), cost=sentences.cost(stage_steps),
            boxes=[_box(step) for step in stage_steps],
            plot=plots.ratios(stage_steps, mine, course, recorded=recorded),
        ))
    return out


def _box(step: stats.Step) -> Box:
    short, sure = sentences.in_short(step)
    return Box(step=step, kind=sentences.outcome(step), where=sentences.where(step), said=short, sure=sure,
               note=sentences.note(step), in_doubt=sentences.doubtful(step),
               figures=sentences.beside(step), sentences=sentences.full(step),
               warnings=list(dict.fromkeys(text for comparison in step.ratios.values() for text in comparison.warnings
                                           if comparison.ratio is not None)))


def _cells(runs: Sequence[Run], course: Course, recorded: bool) -> list[Section]:
    summaries = stats.summarise(runs)
    ladder = [stage.stage for stage in stats.on_ladder(course)]
    names = [*ladder, *dict.fromkeys(run.stage for run in runs if run.stage not in ladder)]
    out = []
    for view, concurrency in stats.cells_of(runs, course):
        options = {"cells": [(view, concurrency)], "recorded": recorded}
        chosen = [summaries[cell] for name in names
                  if (cell := stats.Cell(name, None, view, concurrency)) in summaries]
        drawn = any(summary.cell.stage in ladder for summary in chosen)
        out.append(Section(
            view=course.view(view), concurrency=concurrency, summaries=chosen,
            aside=[summary.cell.stage for summary in chosen if summary.cell.stage not in ladder],
            warned=_warned(chosen),
            noted=_noted([run for run in runs if (run.view, run.concurrency) == (view, concurrency)]),
            ladder=plots.ladder(runs, course, **options) if drawn else None,
            latency=plots.latency(runs, course, **options) if drawn else None,
        ))
    return out


def _noted(runs: Sequence[Run]) -> dict[str, str]:
    """By stage, other figures of its runs: requests per visit, hits of a cache."""
    texts = {name: describe.noted([run for run in runs if run.stage == name]) for name in {run.stage for run in runs}}
    return {name: text for name, text in sorted(texts.items()) if text}


def _warned(summaries: Sequence[stats.Summary]) -> dict[str, list[str]]:
    """Each warning once, with the stages that it is about."""
    stages: dict[str, list[str]] = {}
    for summary in summaries:
        for text in summary.warnings:
            stages.setdefault(text, []).append(summary.cell.stage)
    return stages


def doubts(runs: Sequence[Run]) -> list[Doubt]:
    """Each flag once, with what it is about."""
    carried: dict[str, list[tuple[str, Run]]] = {}
    for run in runs:
        for flag in run.flags:
            carried.setdefault(describe.flag_name(flag), []).append((flag, run))
    return [Doubt(flag=carriers[0][0], n=len(carriers), on=sorted({f"{run.stage} {run.view}" for _, run in carriers}))
            for carriers in carried.values()]


def _how(runs: Sequence[Run], plan: dict[str, Any]) -> list[str]:
    """How it was measured, as sentences."""
    if not runs:
        return []
    n_rounds = len({run.round for run in runs})
    fewer = min((cell.get("n_rounds", n_rounds) for cell in plan.get("cells") or []), default=n_rounds)
    what = "every stage and view once" if fewer >= n_rounds else (
        f"once what the stages are judged by; everything else is measured in {units.count(fewer, 'round')} only")
    out = [f"{units.count(n_rounds, 'round')}; each measures {what}, in an order that changes from "
           "round to round, so that slow drift of the machine affects all of them equally.",
           "Two stages are compared round by round: the ratio of each pair, the geometric mean of the ratios, and "
           "Student's t for the 95 % interval. The unit is the run, never the request.",
           f"Load: {describe.loads(runs)}, after {runs[0].warmup_s:g} s of "
           "warm-up that is not counted.",
           "Closed loop: each client waits for its answer before its next request, and no request is ever sent twice."
           if runs[0].mode == "closed" else "Open loop: requests are sent on a schedule, whether or not answers come.",
           f"Throughput: good answers that ended within the window, per second. Percentiles: {runs[0].percentile_def}; "
           f"latency counts from the request's {runs[0].latency_from}. A percentile with too few answers is left out.",
           "Server CPU per request: processor time of the stage's processes, divided by the requests sent. "
           "Memory: PSS, which divides shared pages fairly, at the end of a run.",
           f"Load generator: {', '.join(dict.fromkeys(run.engine for run in runs))}."]
    if plan.get("budget_s"):
        first = f"{plan['n_pairs']} pairs of runs of {plan['pair_seconds']:g} s"
        budget = units.seconds(plan["budget_s"])
        out.insert(2, f"Contrasts: {first} each. Then the time left of the {budget} that were declared before went to "
                      "more pairs of those with the widest intervals. The spread of the first pairs decided how many, "
                      "never whether an interval contains 1.")
    for name, rps in (plan.get("ceiling") or {}).items():
        if rps:
            kept = "kept connections" if name == "keepalive" else name.replace("_", " ")
            out.append(f"Against a server that does nothing it reaches {units.rate(rps)} ({kept}).")
    return out
