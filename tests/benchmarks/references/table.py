"""Ours against the best-known references, as a Markdown table on standard output.

    python -m tests.benchmarks.references.table --pairs 5 --seconds 2
    python -m tests.benchmarks.references.table --only express --view page --view wait
    python -m tests.benchmarks.references.table --write guides/references.md

Every form of each reference races the stage of ours that does the same work, through the same code as
`./lab compare`. Each run is on disk before the next begins; the same command goes on where it stopped.
It needs the machine (`./lab up`), and converges what it measures.
"""

import argparse
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from deploylab import course as courses
from deploylab import results
from deploylab.core import units
from deploylab.core.errors import DeployLabError
from deploylab.core.progress import Progress
from deploylab.course import Contrast, Course
from deploylab.machine import current, lock
from deploylab.measure import compare, load_test
from deploylab.measure.bench import Bench, LoadSettings, machine_fields
from deploylab.provision import prepare
from deploylab.report.contrasts import FAILED, figures
from deploylab.results import Session, describe
from deploylab.results.record import Difference, Run
from deploylab.results.stats import ContrastResult, contrast_result
from tests.benchmarks import marks

AGAINST = tomllib.loads(Path(__file__).with_name("references.toml").read_text(encoding="utf-8"))["against"]
CLIENTS = {"wait": 32, "page": 10, "asset": 10, "visit": 1}  # the views, and the load of each
FEW = 3  # answers for each client in a run: with fewer, it is chance which of them end inside the window
METRICS = ("rps", "p50_ns", "server_cpu_per_request_s", "server_pss_bytes")
COLUMNS = ("throughput", "p50 latency", "server CPU for one", "memory (PSS)", "bytes of one", FAILED)


def main() -> int:
    """Measure what is not measured yet, print the table. Returns the exit status."""
    options = arguments()
    try:
        text = table(Session.open(options.session) if options.session else measured(courses.load(), options))
    except DeployLabError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    print(text)
    if options.write:
        marks.write(options.write, text)
    return 0


def arguments(words_given: Sequence[str] | None = None) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=5, help="pairs of runs of each comparison")
    parser.add_argument("--seconds", type=float, default=2.0, help="the window of one run")
    parser.add_argument("--only", action="append", choices=list(AGAINST), help="this reference; may be repeated")
    parser.add_argument("--view", action="append", choices=list(CLIENTS), help="this view; may be repeated")
    parser.add_argument("--session", help="measure nothing: the table of this session of results/ once more")
    parser.add_argument("--write", type=Path, help="put the table into this file too, between its two marks")
    return parser.parse_args(words_given)


def wanted(course: Course, names: Sequence[str], views: Sequence[str]) -> list[Contrast]:
    """Every comparison: theirs is side A and ours side B, so that a ratio above 1 is ours."""
    return [compare.named(course, form.name, AGAINST[reference.name], view=view, concurrency=CLIENTS[view])
            for reference in course.references if reference.name in names
            for form in (reference, *reference.variants)
            for view in views if view in form.views]


def measured(course: Course, options: argparse.Namespace) -> Session:
    """The session with every pair in it, gone on with where it stopped."""
    names, views = options.only or list(AGAINST), options.view or list(CLIENTS)
    todo = wanted(course, names, views)
    plan = {"kind": "references", "stages": names, "contrasts": [compare.as_plan(one) for one in todo],
            "n_pairs": options.pairs, "pair_seconds": options.seconds}
    progress, machine = Progress("references"), current()
    with lock.held("references"):
        session = results.resumable(plan) or Session.create(**plan)
        _stand(machine, course, names, progress)
        bench = Bench.of(machine, course, session, LoadSettings(seconds=options.seconds))
        session.update(machine=machine_fields(bench.facts))
        compare.measure_contrasts(load_test.calibrated(bench, options.seconds, progress), todo,
                                  {one.name: options.pairs for one in todo}, progress)
        session.finish()
    return session


def _stand(machine, course: Course, names: Sequence[str], progress: Progress) -> None:
    """Each reference in all its forms and the stages of ours, converged and checked: nothing else is measured."""
    for name in dict.fromkeys([*(AGAINST[name] for name in names), *names]):
        stage = course.stage(name)
        ready = prepare.to_stage(machine, course, stage, progress, stage.variants if stage in course.references else ())
        if not ready.ok:
            raise prepare.not_ready(ready)
    prepare.calibration_stub(machine, course, progress)


def table(session: Session) -> str:
    """What a session measured, in Markdown: where and when, a row for each comparison, what differs, warnings."""
    found = list(_raced(session.plan, session.runs("pair")))
    plan = session.plan
    head = (f"Measured {plan['created_utc'][:10]} on {describe.machine(plan.get('machine') or {})}; "
            f"{units.count(plan['n_pairs'], 'pair')} of {plan['pair_seconds']:g} s each, session `{session.id}`.")
    columns = ["theirs", "ours", "load", "ratio (95 %)", *(f"{name}: theirs → ours" for name in COLUMNS)]
    rows = [_row(columns), _row(["---"] * len(columns)), *(_row(_cells(one)) for one in found)]
    return "\n".join([head, "", *rows, "", "What differs, besides names:", "", *_differing(found), *_beware(found)])


def _raced(plan: dict[str, Any], runs: Sequence[Run]) -> Iterator[ContrastResult]:
    """Each comparison that has runs, in the order of the plan."""
    known = {field.name for field in fields(Contrast)}
    for saved in plan["contrasts"]:
        one = Contrast(**{key: tuple(value) if isinstance(value, list) else value
                          for key, value in saved.items() if key in known})
        differences = [Difference(**found) for found in (plan.get("differences") or {}).get(one.name, [])]
        if came_out := contrast_result(one, differences, runs):
            yield came_out


def _cells(one: ContrastResult) -> list[str]:
    by_name = {row.name: row for row in figures(one)}
    ratio = "–" if one.main.ratio is None else f"{units.factor(one.main.ratio)} ({units.interval(one.main.ci95)})"
    ratio += " †" if _too_few(one) else ""
    load = f"{one.contrast.view}, {units.count(one.contrast.concurrency, 'client')}"
    size = "bytes_per_answer" if one.a.requests_per_visit is None else "bytes_per_visit"
    names = [*(describe.metric_name(metric, one.main.unit) for metric in (*METRICS, size)), FAILED]
    return [f"`{one.contrast.a}`", f"`{one.contrast.b}`", load, ratio,
            *(f"{by_name[name].a} → {by_name[name].b}" for name in names)]


def _too_few(one: ContrastResult) -> bool:
    """Whether a side had so few answers that the length of the window decides what is counted."""
    return min(side.n_sent / side.n_runs for side in (one.a, one.b)) < FEW * one.contrast.concurrency


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _differing(found: Sequence[ContrastResult]) -> Iterator[str]:
    """For each pair of servers, the names of what was found to differ, by program."""
    seen = {(one.contrast.a, one.contrast.b): one.differences for one in found}
    for (theirs, ours), differences in seen.items():
        programs: dict[str, list[str]] = {}
        for one in differences:
            program, _, name = one.name.partition(" ")
            programs.setdefault(program, []).append(name)
        told = "; ".join(f"{program} {', '.join(names)}" for program, names in programs.items())
        yield f"- `{theirs}`, `{ours}`: {units.count(len(differences), 'thing')}. {told}"


def _beware(found: Sequence[ContrastResult]) -> list[str]:
    """Each warning once, with the comparisons that it is about."""
    about: dict[str, list[str]] = {}
    for one in found:
        for text in one.warnings:
            about.setdefault(text, []).append(f"{one.contrast.a} {one.contrast.view}")
    lines = [f"- {text} ({', '.join(names)})" for text, names in about.items()]
    if any(_too_few(one) for one in found):
        lines.insert(0, f"- †: fewer than {FEW} answers for each client in a run; that says nothing, measure longer")
    return ["", "Beware:", "", *lines] if lines else []


if __name__ == "__main__":
    sys.exit(main())
