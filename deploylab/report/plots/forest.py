"""Contrasts, one below the other, each as a ratio with its interval."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from deploylab.course import Contrast, Course
from deploylab.report import sentences
from deploylab.report.plots import base
from deploylab.report.plots.base import INK, Plot
from deploylab.report.plots.ratios import ratio_axis
from deploylab.results import describe
from deploylab.results.record import Run
from deploylab.results.stats import ContrastResult

ROW_IN = 0.46  # the height of a contrast: its text above, its interval below
FITS = 66      # letters per row
SAME_LOAD = ("In rows with \"CPU\" both sides got the same requests at the same times, and the ratio is that of server "
             "CPU per request: left of 1, B needs less. ")


def forest(contrasts: Sequence[ContrastResult], runs: Sequence[Run], course: Course, *, recorded: bool = False) -> Plot:
    """What each contrast is judged by, side B over side A: throughput, or server CPU per request; 1 is no difference.

    Args:
        contrasts: at least one; if a side gave no good answer, a text says so instead of a mark.
        runs: the runs of these contrasts, for the caption.

    Example:
        >>> forest(found, session.runs("pair"), course)             # doctest: +SKIP
    """
    figure, (ax,) = base.panels(1, [len(contrasts) * ROW_IN / 0.42], 1)
    for y, result in enumerate(contrasts):
        _row(ax, y, result, course)
    ax.set_ylim(len(contrasts) - 0.45, -0.8)
    ax.set_yticks([])
    ratio_axis(ax, [result.main for result in contrasts], line=False)  # it would cross the text
    for y in range(len(contrasts)):
        ax.plot((1, 1), (y - 0.13, y + 0.4), color=INK, lw=1)
    ax.tick_params(axis="x", labeltop=True)
    ax.set_title("What one change does", loc="left", weight="bold", pad=8)
    hollow = any(map(sentences.doubtful, contrasts))
    return Plot(
        name="forest", title="What one change does", figure=figure,
        how_to_read="Each row is a contrast, A → B: throughput of B as a ratio to A, with its 95 % interval, from "
                    "pairs of runs next to each other in time. Right of 1: B answers more requests per second; an "
                    "interval that contains 1: no difference seen. "
                    + (SAME_LOAD if any(result.contrast.state for result in contrasts) else "")
                    + "A star: more than one thing differs.",
        measured=base.sentence(base.hollow_note(runs) if hollow else "", base.measured_as(runs, recorded)),
        alt="B as a ratio to A. " + " ".join(
            f"{label(result)}: {_ratio_text(result)}." for result in contrasts),
    )


def label(result: ContrastResult) -> str:
    """The two sides and the view: 'nginx:sync → nginx, wait 32'."""
    return sides_of(result.contrast) + ("" if result.one_thing else " *")


def sides_of(contrast: Contrast) -> str:
    """The same for a contrast without a result."""
    slow = f" + {contrast.slow_clients} slow" if contrast.slow_clients else ""
    slow += " new" if contrast.new_connections else ""
    sides = f"{contrast.a} → {contrast.b}, {contrast.view}" if not contrast.b_view \
        else f"{contrast.a} {contrast.view} → {contrast.b if contrast.b != contrast.a else ''} {contrast.b_view}"
    load = f"{contrast.concurrency}{slow}" if not contrast.state else f"{contrast.state}, CPU"
    return f"{' '.join(sides.split())} {load}"


def _row(ax: Axes, y: int, result: ContrastResult, course: Course) -> None:
    beside = ax.get_yaxis_transform()
    sides, ratio = label(result), _ratio_text(result)
    size = 9 if len(sides) + len(ratio) <= FITS else 8  # otherwise the texts would overlap
    ax.text(0, y - 0.4, sides, transform=beside, ha="left", va="center", fontsize=size)
    ax.text(1, y - 0.4, ratio, transform=beside, ha="right", va="center", fontsize=size)
    if result.main.ratio is None:
        return
    colour, marker = base.style(course, result.contrast.b.partition(":")[0])
    if result.main.ci95:
        ax.plot(result.main.ci95, (y, y), color=INK, lw=1.6, marker="|", ms=7)
    hollow = sentences.doubtful(result)
    ax.plot(result.main.ratio, y, marker, ms=7, mfc="none" if hollow else colour, mec=colour if hollow else INK,
            mew=0.8, ls="none", zorder=4)


def _ratio_text(result: ContrastResult) -> str:
    if text := describe.ratio(result.main):
        return text
    failed = [name for name, side in (("A", result.a), ("B", result.b)) if side.n_sent and side.failure_share == 1]
    return f"{' and '.join(failed)}: all failed" if failed else "no ratio"
