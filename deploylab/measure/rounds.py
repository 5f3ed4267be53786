"""Rounds: each round measures every cell once, interleaved over all stages. Skips what is measured already."""

from collections.abc import Iterator, Sequence

from deploylab.core.progress import Progress
from deploylab.course import Course, Stage, Target
from deploylab.measure import load_test, order
from deploylab.measure.bench import Bench, Scenario
from deploylab.results import Session, lines


def preview(bench: Bench, stage: Stage, progress: Progress) -> None:
    """A short load on each view, right after the stage is set up. It is not in the report."""
    done = {(run.stage, run.view, run.concurrency) for run in bench.session.runs("preview")}
    todo = [cell for cell in cells(bench.course, [stage])
            if (stage.name, cell.view.name, cell.concurrency) not in done]
    if not todo:
        return
    with progress.phase("load", f"{stage.name}: preview"):
        for number, cell in enumerate(todo):
            progress.update(cell.label, number, len(todo))
            run = load_test.measure(bench, cell, purpose="preview")
            progress.say(f"    {lines.line(run)}")


def measure(bench: Bench, stages: Sequence[Stage], progress: Progress) -> None:
    """Measure every cell once per round, in rotated order; skips what is measured already."""
    plan = bench.session.plan
    all_cells = cells(bench.course, stages)
    todo = list(remaining(bench.session, all_cells, plan["n_rounds"]))
    n_all = plan["n_rounds"] * len(all_cells)
    if len(todo) < n_all:
        progress.say(f"  resuming session {bench.session.id}: {n_all - len(todo)} of {n_all} runs are done")
    with progress.phase("load", f"{plan['n_rounds']} rounds over all stages, {n_all} runs"):
        for number, (round_number, cell) in enumerate(todo, start=n_all - len(todo)):
            progress.update(f"round {round_number}: {cell.label}", number, n_all)
            load_test.measure(bench, cell, purpose="round", round_number=round_number)


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


def remaining(session: Session, all_cells: list[Scenario], n_rounds: int) -> Iterator[tuple[int, Scenario]]:
    """(round, cell) of every run of the plan that is not measured yet, in order."""
    done = session.measured()
    for number in range(1, n_rounds + 1):
        for cell in rotated(all_cells, number, n_rounds, session.id):
            key = (number, cell.target.stage, cell.target.variant, cell.view.name, cell.concurrency)
            if key not in done:
                yield number, cell
