"""A comparison while it runs: the ratio of every pair, their mean so far, and the guess."""

from collections.abc import Sequence
from math import inf, sqrt

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from deploylab.core import units
from deploylab.course import Contrast, Course
from deploylab.load import in_doubt
from deploylab.report.plots import base
from deploylab.report.plots.base import INK, STYLES, Plot
from deploylab.report.plots.forest import sides_of
from deploylab.report.plots.ratios import TICKS
from deploylab.results.record import Comparison, Run
from deploylab.results.stats import compare, judged
from deploylab.results.stats.contrasts import sides
from deploylab.results.stats.guess import range_of

GUESS = STYLES[4][0]


def race(contrast: Contrast, runs: Sequence[Run], course: Course, *, guess: str | None = None,
         n_pairs: int | None = None, recorded: bool = False) -> Plot:
    """Throughput of B over A, pair by pair, with the mean of the pairs so far and its interval.

    Args:
        runs: the runs of the contrast so far, in order of time; may be empty.
        guess: the attendee's guess, a key of `stats.GUESSES`; drawn as a band.
        n_pairs: how many pairs there will be; the axis has this length from the beginning.
        recorded: whether the runs come with the course; figure and caption say so.

    Raises:
        DeployLabError: two sides differ in load or machine.

    Example:
        >>> race(contrast, session.runs("pair"), course, guess="2x").png   # doctest: +SKIP
    """
    a, b = _paired(contrast, runs)
    so_far = _so_far(a, b, contrast)
    last = so_far[-1] if so_far else None
    figure, (ax,) = base.panels(1, [5], 1)
    figure.set_size_inches(7.2, 3.1)
    limits = _limits(so_far, guess)
    _axes(ax, contrast, limits, max(n_pairs or 0, len(a), 2))
    if guess:
        _band(ax, guess, limits)
    ax.axhline(1, color=INK, lw=1)
    _mean(ax, so_far)
    _pairs(ax, a, b, *base.style(course, contrast.b.partition(":")[0]))
    if recorded:
        base.mark_recorded(figure)
    verdict = judged(guess, last).text if guess and last else ""
    return Plot(
        name="race", title=_title(contrast), figure=figure,
        how_to_read="Each mark is one pair of runs next to each other in time: throughput of B as a ratio to A. The "
                    "line is the geometric mean of the pairs so far, the grey band its 95 % interval. Above 1, B "
                    "answers more requests per second; a band that contains 1: no difference seen."
                    + (f" The coloured band is your guess, {guess}." if guess else ""),
        measured=base.sentence(verdict, base.hollow_note([*a, *b]), base.measured_as([*a, *b], recorded) if a else ""),
        alt=f"{_title(contrast)}. " + (f"{units.count(last.n_pairs, 'pair')} so far: {last.verdict}." if last
                                       else "No pair yet.") + (f" {verdict}" if verdict else ""),
    )


def _so_far(a: Sequence[Run], b: Sequence[Run], contrast: Contrast) -> list[Comparison]:
    """The comparison after the first pair, after the second, and so on."""
    return [compare(a[:n], b[:n], of_views=contrast.b_view is not None) for n in range(1, len(a) + 1)]


def _paired(contrast: Contrast, runs: Sequence[Run]) -> tuple[list[Run], list[Run]]:
    """Side A and side B of the complete pairs, in order of time."""
    a, b = ({run.pair_id: run for run in side} for side in sides(contrast, runs))
    whole = [name for name in a if name in b]
    return [a[name] for name in whole], [b[name] for name in whole]


def _mean(ax: Axes, so_far: Sequence[Comparison]) -> None:
    """The mean of the pairs so far, with its interval as a band."""
    there = [(n, comparison) for n, comparison in enumerate(so_far, start=1) if comparison.ratio]
    ax.plot([n for n, _ in there], [comparison.ratio for _, comparison in there], color=INK, lw=1.6)
    if known := [(n, *comparison.ci95) for n, comparison in there if comparison.ci95]:
        n, low, high = zip(*known, strict=True)
        ax.fill_between(n, low, high, color=INK, alpha=0.13, lw=0)
        ax.vlines(n[-1], low[-1], high[-1], color=INK, lw=1.4)
    if there:
        n, last = there[-1]
        ax.annotate(f"{units.factor(last.ratio)} times\n({units.interval(last.ci95)})", (n, last.ratio), (12, 0),
                    textcoords="offset points", va="center", fontsize=9)


def _pairs(ax: Axes, a: Sequence[Run], b: Sequence[Run], colour: str, marker: str) -> None:
    """A mark for each pair; hollow if one of its runs is in doubt."""
    for n, (a_run, b_run) in enumerate(zip(a, b, strict=True), start=1):
        if a_run.rps and b_run.rps:
            hollow = in_doubt([*a_run.flags, *b_run.flags])
            ax.plot(n, b_run.rps / a_run.rps, marker, ms=8, mfc="none" if hollow else colour,
                    mec=colour if hollow else INK, mew=0.8, zorder=4)


def _band(ax: Axes, guess: str, limits: tuple[float, float]) -> None:
    """The range of the guess as a band, clipped to the axis."""
    low, high = (min(max(end, limits[0]), limits[1]) for end in range_of(guess))
    ax.axhspan(low, high, color=GUESS, alpha=0.2, lw=0)
    ax.text(1.01, sqrt(low * high), f"your guess:\n{guess}", transform=ax.get_yaxis_transform(), va="center",
            fontsize=9, weight="bold")


def _limits(so_far: Sequence[Comparison], guess: str | None) -> tuple[float, float]:
    """Both ends of the axis: the means, the guess, and the interval unless it is huge."""
    ratios = [comparison.ratio for comparison in so_far if comparison.ratio]
    ends = [0.5, 2.0, *ratios, *(end for end in range_of(guess) if 0 < end < inf)] if guess else [0.5, 2.0, *ratios]
    low, high = min(ends), max(ends)
    if ratios and so_far[-1].ci95:
        low, high = min(low, max(so_far[-1].ci95[0], low / 4)), max(high, min(so_far[-1].ci95[1], high * 4))
    return low / 1.25, high * (2 if guess and range_of(guess)[1] == inf and high == range_of(guess)[0] else 1.25)


def _axes(ax: Axes, contrast: Contrast, limits: tuple[float, float], n_pairs: int) -> None:
    ax.set_yscale("log")
    ax.set_ylim(*limits)
    ax.yaxis.set_major_locator(FixedLocator([tick for tick in TICKS if limits[0] <= tick <= limits[1]]))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set_xlim(0.4, n_pairs * 1.18 + 0.6)  # room for the figure beside the last pair
    ax.set_xticks([n for n in MaxNLocator(integer=True).tick_values(1, n_pairs) if 1 <= n <= n_pairs])
    ax.grid(axis="y")
    ax.grid(axis="x", visible=False)
    base.label(ax, _title(contrast), "pair, in order of time")
    ax.set_ylabel("ratio of throughput (log scale)")


def _title(contrast: Contrast) -> str:
    return f"A → B: {sides_of(contrast)}"
