"""What a step changed, as a ratio with its interval; and how steady the machine was."""

from collections.abc import Sequence
from itertools import groupby

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator

from deploylab.core import units
from deploylab.course import Course
from deploylab.report import sentences
from deploylab.report.plots import base
from deploylab.report.plots.base import GRID, INK, Plot
from deploylab.results import describe
from deploylab.results.record import Comparison, Run
from deploylab.results.stats import Step, cell_of, summarise

TICKS = tuple(round(n * 10.0 ** power, 4) for power in range(-4, 5) for n in (1, 2, 5))
CROWDED = 1000  # largest over smallest: from here on, an axis has numbers only at powers of ten


def ratios(steps: Sequence[Step], runs: Sequence[Run], course: Course, *, columns: int = 1,
           recorded: bool = False) -> Plot:
    """Each stage's throughput compared to the stage before, one row per view; 1 is no change.

    Args:
        steps: from `stats.steps`.
        runs: the runs of these steps, for the caption.
        columns: panels side by side; each stage is a panel.

    Example:
        >>> ratios(stats.steps(runs, course), runs, course)          # doctest: +SKIP
    """
    groups = [(name, list(group)) for name, group in groupby(steps, key=lambda step: step.stage.stage)]
    figure, axes = base.panels(max(1, len(groups)), [len(group) for _, group in groups] or [1], columns)
    for ax, (_, group) in zip(axes, groups, strict=False):
        _panel(ax, group, course)
    for ax in axes:
        ratio_axis(ax, [step.main for step in steps])
    before = f" against {steps[0].before.stage}" if len(groups) == 1 else ""
    return Plot(
        name="ratios", figure=figure,
        title=f"What {groups[0][0]} changed{before}" if len(groups) == 1 else "What each step changed",
        how_to_read="Throughput as a ratio to the stage before, with its 95 % interval, from pairs of runs of the same "
                    "round. Right of 1: more answers per second; an interval that contains 1: no difference seen. "
                    "The ratio is for the whole step, not for one part.",
        measured=base.sentence(
            base.hollow_note(runs) if any(map(sentences.doubtful, steps)) else "", base.measured_as(runs, recorded)),
        alt="Throughput against the stage before. " + " ".join(f"{step.cell.view}, "
            f"{units.count(step.cell.concurrency, 'client')}: {step.main.verdict}." for step in steps),
    )


def _panel(ax: Axes, steps: list[Step], course: Course) -> None:
    base.rows(ax, [f"{step.cell.view}, {step.cell.concurrency}" for step in steps], [_short(step) for step in steps])
    for y, step in enumerate(steps):
        if step.main.ratio is None:
            continue
        colour, marker = base.style(course, step.stage.stage)
        if step.main.ci95:
            ax.plot(step.main.ci95, (y, y), color=INK, lw=1.6, marker="|", ms=7)
        hollow = sentences.doubtful(step)
        ax.plot(step.main.ratio, y, marker, ms=8, mfc="none" if hollow else colour, mec=colour if hollow else INK,
                mew=0.8, ls="none", zorder=4)
    ax.set_title(f"{steps[0].stage.stage} against {steps[0].before.stage}", loc="left", weight="bold")


def _short(step: Step) -> str:
    return describe.ratio(step.main) or "no ratio"


def ratio_axis(ax: Axes, comparisons: Sequence[Comparison], line: bool = True) -> None:
    """A logarithmic axis for these ratios with their intervals, and a line at 1; it names their metric."""
    ends = [x for comparison in comparisons if comparison.ratio for x in (comparison.ratio, *(comparison.ci95 or ()))]
    low, high = min([*ends, 0.5]) / 1.15, max([*ends, 2]) * 1.15
    ax.set_xlim(low, high)  # first, because a logarithmic axis warns about the limits of a single mark
    ax.set_xscale("log")
    ticks = TICKS[::3] if high / low > CROWDED else TICKS
    ax.xaxis.set_major_locator(FixedLocator([tick for tick in ticks if low <= tick <= high]))
    base.plain_ticks(ax)
    ax.tick_params(axis="x", which="minor", length=0)
    if line:
        ax.axvline(1, color=INK, lw=1)
    of = {describe.metric_name(comparison.metric) for comparison in comparisons}
    ax.set_xlabel(f"ratio of {of.pop() if len(of) == 1 else 'B to A'} (log scale)")


def run_order(runs: Sequence[Run], course: Course, *, recorded: bool = False) -> Plot:
    """Every run in order of time, relative to the mean of its own stage and view: drift is visible as a slope.

    Args:
        runs: in order of time.

    Example:
        >>> run_order(session.runs("round"), course)                 # doctest: +SKIP
    """
    summaries = summarise(runs)
    figure, (ax,) = base.panels(1, [4], 1)
    figure.set_size_inches(7.2, 2.7)
    shown = [(i, run, run.rps / summaries[cell_of(run)].rps) for i, run in enumerate(runs, start=1) if run.rps]
    for stage in dict.fromkeys(run.stage for run in runs):
        mine = [entry for entry in shown if entry[1].stage == stage]
        if mine:
            numbers, its_runs, relative = zip(*mine, strict=True)
            base.dots(ax, numbers, relative, its_runs, *base.style(course, stage))
    starts = [i for i, (a, b) in enumerate(zip(runs, runs[1:], strict=False), start=1) if a.round != b.round]
    for start in starts:
        ax.axvline(start + 0.5, color=GRID, lw=0.8)
    ax.axhline(1, color=INK, lw=1)
    ax.grid(axis="y")
    ax.grid(axis="x", visible=False)
    base.label(ax, "How steady the machine was", "run, in order of time (a vertical line begins a round)")
    ax.set_ylabel("throughput / its mean")
    low, high = (f([relative for *_, relative in shown], default=1) for f in (min, max))
    ax.set_ylim(min(0.6, low / 1.1), max(1.4, high * 1.1))
    return Plot(
        name="order", title="How steady the machine was", figure=figure,
        how_to_read="Each mark is one run, relative to the mean of its own stage and view; 1 is that mean. A slope or "
                    "waves mean that the machine drifted; pairs within a round remove most of that.",
        measured=base.sentence(base.hollow_note(runs), base.measured_as(runs, recorded)),
        alt=f"{len(shown)} runs in order of time, each relative to the mean of its own stage and view: from "
            f"{units.factor(low)} to {units.factor(high)} of it.",
        data=(("run", "round", "stage", "view", "clients", "answered", "of its mean"),
              *((str(i), str(run.round or "–"), describe.target(run.stage, run.variant), run.view, str(run.concurrency),
                 units.rate(run.rps, run.unit), units.factor(relative)) for i, run, relative in shown)),
    )
