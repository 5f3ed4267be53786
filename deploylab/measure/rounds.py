"""The loads of a session, with their progress: previews, rounds, contrasts. What is there already stays."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

from deploylab import load
from deploylab.core import units
from deploylab.core.progress import Progress
from deploylab.course import Contrast, Stage
from deploylab.measure import compare, load_test
from deploylab.measure.load_test import Bench
from deploylab.provision.on_demand import awake
from deploylab.results import describe, stats
from deploylab.results.record import Run


def preview(bench: Bench, stage: Stage, progress: Progress) -> None:
    """A short load on each view, at once after the stage is up. Not in the report."""
    done = {(run.stage, run.view, run.concurrency) for run in bench.session.runs("preview")}
    todo = [cell for cell in load_test.cells(bench.course, [stage])
            if (stage.name, cell.view.name, cell.concurrency) not in done]
    if not todo:
        return
    with progress.phase("load", f"{stage.name}: preview"):
        for number, cell in enumerate(todo):
            progress.update(cell.label, number, len(todo))
            made = load_test.measure(bench, cell, purpose="preview")
            progress.say(f"    {line(made)}")


def rounds(bench: Bench, stages: Sequence[Stage], progress: Progress) -> None:
    """Every cell once a round, the order rotated; only what is not measured yet."""
    plan = bench.session.plan
    all_cells = load_test.cells(bench.course, list(stages))
    todo = list(load_test.remaining(bench.session, all_cells, plan["n_rounds"]))
    n_all = plan["n_rounds"] * len(all_cells)
    if len(todo) < n_all:
        progress.say(f"  going on with session {bench.session.id}: {n_all - len(todo)} of {n_all} runs are there")
    with progress.phase("load", f"{plan['n_rounds']} rounds over all stages, {n_all} runs"):
        for number, (round_number, cell) in enumerate(todo, start=n_all - len(todo)):
            progress.update(f"round {round_number}: {cell.label}", number, n_all)
            load_test.measure(bench, cell, purpose="round", round_number=round_number)


def contrasts(bench: Bench, wanted: Sequence[Contrast], n_pairs: int, progress: Progress) -> None:
    """The pairs of each contrast, and what differs between its sides; only what is not measured yet.

    Of the variants that sleep, only the two sides run at a time: all of them would not fit into the memory.
    """
    with progress.phase("load", f"{units.count(len(wanted), 'contrast')}, {n_pairs} pairs of each"):
        for number, one in enumerate(wanted, start=1):
            if compare.remaining(bench, one, n_pairs):
                progress.say(f"    contrast {number} of {len(wanted)}: {described(one)}")
                with awake(bench.machine, [cell.target for cell in compare.cells(bench.course, one)]):
                    _note_differences(bench, one)
                    for _ in _pairs(bench, one, n_pairs, progress):
                        pass


def race(bench: Bench, one: Contrast, n_pairs: int, progress: Progress,
         on_pair: Callable[[Run, Run], object] = lambda a, b: None) -> bool:
    """Measure the pairs of one contrast and say each as it comes. Ctrl-C ends it early: then True is given back.

    Args:
        on_pair: called with the runs of A and B of each pair, before the next one begins.
    """
    try:
        with progress.phase("load", f"{n_pairs} pairs"):
            for number, a, b in _pairs(bench, one, n_pairs, progress):
                ratio = f", {units.factor(b.rps / a.rps)} times" if a.rps and b.rps else ""
                failed = "; ".join(describe.failures(run.errors, run.n_sent) for run in (a, b) if run.errors)
                rates = " and ".join(units.rate(run.rps, run.unit) for run in (a, b))
                progress.say(f"    pair {number} of {n_pairs}: {rates}{ratio}"
                             + (f"  ({failed})" if failed else ""))
                on_pair(a, b)
    except KeyboardInterrupt:
        progress.say("  stopped; what was measured is kept")
        return True
    return False


def described(one: Contrast) -> str:
    """The two sides of a contrast and its load, on one line."""
    views = f"{one.view} and {one.b_view}" if one.b_view else one.view
    slow = f", beside {units.count(one.slow_clients, 'slow client')}" if one.slow_clients else ""
    return f"{one.a} and {one.b}, {views} with {units.count(one.concurrency, 'client')}{slow}"


def as_plan(one: Contrast) -> dict[str, Any]:
    """A contrast as a session's plan keeps it, equal to what JSON gives back."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(one).items()}


def line(run: Run) -> str:
    """One run in one line, failures beside the latency."""
    failed = f"{run.n_errors} failed" if run.n_errors else "0 failed"
    doubt = f"  [{', '.join(run.flags)}]" if run.flags else ""
    noted = f"  ({said})" if (said := describe.noted([run])) else ""
    rate = units.rate(run.rps, run.unit)
    asked = f"c={run.concurrency:<3}" if run.target_rps is None else f"{run.target_rps:g}/s due"
    return (f"{describe.target(run.stage, run.variant):10} {run.view:7} {asked} {rate:>10}  "
            f"p50 {units.ms(run.latency_ns.get('p50')):>8}  p99 {units.ms(run.latency_ns.get('p99')):>8}  "
            f"{failed}{noted}{doubt}")


def summed(runs: Sequence[Run]) -> list[str]:
    """The runs of each cell in one line, and below it what makes them doubtful. A single run has no line."""
    out = []
    for one in stats.summarise(runs).values():
        if one.n_runs > 1:
            between = " ({} to {})".format(*map(units.three_figures, one.rps_ci95)) if one.rps_ci95 else ""
            rate = units.rate(one.rps, "visits" if one.requests_per_visit else "requests")
            out.append(f"{one.cell.target}, {one.cell.view}: {rate}{between}, {one.n_runs} runs")
            out += [f"  Beware: {text}." for text in one.warnings]
    return out


def on_load(progress: Progress, label: str, seconds: float) -> Callable[[load.LoadProgress], None]:
    """Drive a progress line with the events of one load test."""

    def on_progress(seen: load.LoadProgress) -> None:
        text = f"{label}: {units.rate(seen.rps)}, {seen.n_errors} failed"
        progress.update(text, min(seen.t_s, seconds), seconds or None)

    return on_progress


def _pairs(bench: Bench, one: Contrast, n_pairs: int, progress: Progress):
    return compare.race(bench, one, n_pairs, lambda label: on_load(progress, label, bench.how.seconds))


def _note_differences(bench: Bench, one: Contrast) -> None:
    """Find what differs, once for each contrast, and keep it in the plan for the report."""
    known = bench.session.plan.get("differences") or {}
    if one.name not in known:
        found = compare.find(bench.machine, bench.course, one)
        bench.session.update(differences={**known, one.name: [asdict(difference) for difference in found]})


def calibrated(bench: Bench, seconds: float, progress: Progress) -> Bench:
    """The bench with what its generator reaches at most, and with windows of so many seconds."""
    with progress.phase("load", "calibrating the load generator"):
        ceiling_rps = load_test.calibrate(bench)
    progress.say(f"    {units.rate(ceiling_rps)} is all this generator reaches; near it, a run says so")
    return replace(bench, how=replace(bench.how, seconds=seconds, ceiling_rps=ceiling_rps))
