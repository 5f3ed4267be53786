"""What each step of the course changed: every stage compared to the one before it."""

from collections.abc import Sequence
from dataclasses import dataclass

from deploylab.course import Course, Stage
from deploylab.results.record import Comparison, Run
from deploylab.results.stats.basics import METRICS, Cell, cell_of
from deploylab.results.stats.paired import compare
from deploylab.results.stats.summary import Summary, summarise


@dataclass(frozen=True, kw_only=True)
class Step:
    """One stage compared to the stage before, in one view under one load."""

    stage: Stage
    before: Stage
    cell: Cell                             # of the stage
    a: Summary                             # the stage before
    b: Summary                             # the stage
    ratios: dict[str, Comparison]          # by metric; B over A

    @property
    def main(self) -> Comparison:
        """The comparison in what steps are judged by in the boxes and plots: throughput."""
        return self.ratios["rps"]


def on_ladder(course: Course) -> tuple[Stage, ...]:
    """The stages that follow each other; a stage that is no step, as one without Django, has `ladder = false`."""
    return tuple(stage for stage in course.stages if stage.ladder)


def cells_of(runs: Sequence[Run], course: Course) -> list[tuple[str, int]]:
    """The (view, concurrency) that the runs have, in the order of the course."""
    order = list(course.app.views)
    return sorted({(run.view, run.concurrency) for run in runs if run.view in order},
                  key=lambda cell: (order.index(cell[0]), cell[1]))


def steps(runs: Sequence[Run], course: Course) -> list[Step]:
    """Each stage compared to the nearest earlier stage that was measured in the same view and load.

    Args:
        runs: the rounds of one session, in order of time; variants are ignored.
        course: gives the order of the stages.

    Raises:
        DeployLabError: two sides differ in load or machine.

    Example:
        >>> [step.rps.verdict for step in steps(runs, course)]      # doctest: +SKIP
    """
    by_cell: dict[Cell, list[Run]] = {}
    for run in runs:
        if run.variant is None:
            by_cell.setdefault(cell_of(run), []).append(run)
    candidates = (_step(stage, view, concurrency, by_cell, course)
                  for stage in on_ladder(course) for view, concurrency in cells_of(runs, course))
    return [step for step in candidates if step is not None]


def _step(stage: Stage, view: str, concurrency: int, by_cell: dict[Cell, list[Run]],
          course: Course) -> Step | None:
    ladder = on_ladder(course)
    earlier = reversed(ladder[:ladder.index(stage)])
    cell = Cell(stage.stage, None, view, concurrency)
    before = next((s for s in earlier if Cell(s.stage, None, view, concurrency) in by_cell), None)
    if before is None or cell not in by_cell:
        return None
    a_runs, b_runs = by_cell[Cell(before.stage, None, view, concurrency)], by_cell[cell]
    return Step(stage=stage, before=before, cell=cell,
                a=next(iter(summarise(a_runs).values())), b=next(iter(summarise(b_runs).values())),
                ratios={metric: compare(a_runs, b_runs, metric) for metric in METRICS})
