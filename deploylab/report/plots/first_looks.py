"""The first look at stages that have just been set up: one short run each, before anything is compared."""

from collections.abc import Sequence

from deploylab.core import units
from deploylab.course import Course
from deploylab.report.plots import base, ladder
from deploylab.report.plots.base import Plot
from deploylab.results.record import Run


def first_looks(runs: Sequence[Run], course: Course) -> Plot:
    """Throughput in one short run of each stage, a panel for each load.

    Args:
        runs: at least one; of stages, one for each load.

    Example:
        >>> first_looks(session.runs("preview"), course).svg          # doctest: +SKIP
    """
    loads = list(dict.fromkeys((run.view, run.concurrency) for run in runs))
    shown = [[run for run in runs if (run.view, run.concurrency) == load] for load in loads]
    figure, axes = base.panels(len(loads), [len(rows) for rows in shown], 2)
    for ax, load, rows in zip(axes, loads, shown, strict=True):
        base.rows(ax, [run.stage for run in rows], [_words(run) for run in rows])
        for y, run in enumerate(rows):
            colour, marker = base.style(course, run.stage)
            base.mean(ax, run.rps, None, y, colour, marker, base.mostly_doubtful([run]))
        ladder.scale(ax, [run.rps for run in rows])
        base.label(ax, ladder.cell_title(load), f"{course.view(load[0]).unit} per second")
    words = "; ".join(f"{run.stage} {ladder.cell_title((run.view, run.concurrency))}: {_words(run)}" for run in runs)
    return Plot(
        name="first-looks", title="The first look", figure=figure,
        how_to_read="Throughput of each stage in one short run. The runs were made as the stages were set up, minutes "
                    "apart, on a machine that changes meanwhile: no ratio is made of them, and nothing below uses "
                    "them.",
        measured=base.sentence(base.hollow_note(runs), base.measured_as(runs)),
        alt=f"The first look at {units.count(len({run.stage for run in runs}), 'stage')}. {words}.",
    )


def _words(run: Run) -> str:
    failed = f", {run.n_errors:,} failed" if run.n_errors else ""
    return f"{units.rate(run.rps, run.unit)}{failed}"
