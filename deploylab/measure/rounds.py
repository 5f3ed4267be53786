"""Rounds: each round measures its cells once, interleaved over all stages. Skips what is measured already."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count, groupby
from typing import Any

from deploylab.core.progress import Progress
from deploylab.course import Course, Stage, Target
from deploylab.measure import load_test, order, schedule
from deploylab.measure.bench import Bench, Scenario
from deploylab.results import Session, lines

Key = tuple[str, str | None, str, int]  # stage, variant, view, number of clients


def preview(bench: Bench, stages: Sequence[Stage], progress: Progress) -> None:
    """A first look, right after a stage is set up: one short run of what it is judged by, on it and on the one before.

    The runs of two stages lie minutes apart, so no ratio is made of them.

    Args:
        stages: those that are set up, in the order of the course.
    """
    done = {(run.stage, run.view, run.concurrency) for run in bench.session.runs("preview")}
    todo = [cell for cell in first_looks(bench.course, stages)
            if (cell.target.stage, cell.view.name, cell.concurrency) not in done]
    if not todo:
        return
    with progress.phase("load", f"{stages[-1].name}: a first look"):
        for number, cell in enumerate(todo):
            progress.update(cell.label, number, len(todo))
            run = load_test.measure(bench, cell, purpose="preview")
            progress.say(f"    {lines.line(run)}")


def first_looks(course: Course, stages: Sequence[Stage]) -> list[Scenario]:
    """What is looked at first: what a stage is judged by, and the first view of one that is judged by nothing."""
    judged = schedule.judged(stages)
    plain = [(stage.name, view, course.view(view).concurrency[0]) for number, stage in enumerate(stages)
             if not stage.headline for view in stage.views[:1]]
    by_name = {stage.name: stage for stage in stages}
    return [Scenario(by_name[name], course.view(view), concurrency) for name, view, concurrency in [*plain, *judged]]


def measure(bench: Bench, stages: Sequence[Stage], progress: Progress,
            after_each: Callable[[], object] = lambda: None) -> None:
    """Measure every cell in as many rounds as the plan says, in rotated order; skips what is measured already.

    Args:
        after_each: called after each round, when nothing is under load.
    """
    plan = bench.session.plan
    n_rounds = {_cell_key(table): table.get("n_rounds", plan["n_rounds"]) for table in plan["cells"]}
    todo = list(remaining(bench.session, cells(bench.course, stages), plan["n_rounds"], n_rounds))
    n_all = sum(n_rounds.values())
    if len(todo) < n_all:
        progress.say(f"  resuming session {bench.session.id}: {n_all - len(todo)} of {n_all} runs are done")
    with progress.phase("load", f"{plan['n_rounds']} rounds over all stages, {n_all} runs"):
        n_done = count(n_all - len(todo))
        for round_number, runs in groupby(todo, key=lambda one: one[0]):
            for _, cell in runs:
                progress.update(f"round {round_number}: {cell.label}", next(n_done), n_all)
                load_test.measure(bench, cell, purpose="round", round_number=round_number)
            after_each()


def cells(course: Course, targets: Sequence[Target]) -> list[Scenario]:
    """The cells that the course lists for these targets."""
    return [Scenario(target, course.view(name), concurrency)
            for target in targets for name in target.views for concurrency in course.view(name).concurrency]


def rotated(all_cells: list[Scenario], round_number: int, n_rounds: int, seed: str) -> list[Scenario]:
    """The cells in the order of one round.

    All targets of one view come one after the other, because runs that are close in time have the same noise, and
    targets are compared in pairs. Each round begins with another view. The targets of each view come in their order in
    half of the rounds and in reverse in the other half, drawn by lot: see `order.drawn`.

    Args:
        round_number: counts from 1.
        n_rounds: how many there are in all.
        seed: of the order; a session's id.
    """
    groups: dict[tuple[str, int], list[Scenario]] = {}
    for cell in all_cells:
        groups.setdefault((cell.view.name, cell.concurrency), []).append(cell)
    shift = (round_number - 1) % len(groups)
    in_order = [*groups.items()][shift:] + [*groups.items()][:shift]
    return [cell for load, group in in_order
            for cell in (group if order.drawn(n_rounds, f"{seed} {load}")[round_number - 1] else group[::-1])]


def remaining(session: Session, all_cells: list[Scenario], n_rounds: int,
              n_of: Mapping[Key, int] | None = None) -> Iterator[tuple[int, Scenario]]:
    """(round, cell) of every run of the plan that is not measured yet, in order.

    Args:
        n_rounds: how many there are in all.
        n_of: in how many of them a cell is measured, from the first on; if None, in all.
    """
    done = session.measured()
    for number in range(1, n_rounds + 1):
        for cell in rotated(all_cells, number, n_rounds, session.id):
            key = _cell_key(cell.as_plan())
            if (number, *key) not in done and number <= (n_of[key] if n_of else n_rounds):
                yield number, cell


def _cell_key(table: Mapping[str, Any]) -> Key:
    return table["stage"], table["variant"], table["view"], table["concurrency"]
