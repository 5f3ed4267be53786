"""A load test while it runs: throughput and latency so far."""

from collections.abc import Sequence
from dataclasses import replace
from math import inf

from matplotlib.axes import Axes

from deploylab.core import units
from deploylab.load import LoadProgress, in_doubt
from deploylab.report.plots import base
from deploylab.report.plots.base import INK, STYLES, Plot
from deploylab.results import describe
from deploylab.results.record import LoadResult

MOST_POINTS = 60  # along the axis; more would be noise, and cost time that the load could use


def growing(title: str, events: Sequence[LoadProgress], seconds: float, *, result: LoadResult | None = None,
            machine: dict | None = None, unit: str = "requests") -> Plot:
    """Answers per second and median latency of one load test so far.

    Args:
        title: what is loaded.
        events: its progress so far; may be empty.
        seconds: how long it will take; the axis has this length from the beginning.
        result: its result, once it has ended; then the caption states the load.
        machine: facts about the machine, for the caption.
        unit: what is counted, "requests" or "visits".

    Example:
        >>> growing("nginx wait c=32", events, 5.0).png               # doctest: +SKIP
    """
    points = _binned(events, max(0.2, seconds / MOST_POINTS))
    figure, (left, right) = base.panels(2, [4, 4], 2)
    _throughput(left, points, title, unit, result.n_errors if result else None)
    _latency(right, points)
    for ax in (left, right):
        ax.set_xlim(0, max(seconds, points[-1].t_s if points else 0))
        top = ax.dataLim.ymax
        ax.set_ylim(0, 1.1 * top if 0 < top < inf else 1)
        ax.tick_params(axis="y", labelleft=0 < top < inf)
        ax.grid(axis="y")
    return Plot(
        name="growing", title=title, figure=figure,
        how_to_read="Left: good answers per second, and failures, if there were any. Right: the median latency of the "
                    "latest good answers.",
        measured=_measured(result, machine or {}),
        alt=f"{title}: {_in_figures(events, result, unit)}.",
    )


def _binned(events: Sequence[LoadProgress], width_s: float) -> list[LoadProgress]:
    """The events, at most one per `width_s`; the warm-up is left out."""
    points, n_ok, began_s = [], 0, 0.0
    for event in events:
        if event.t_s - began_s >= width_s * 0.9:  # events come a little early or late
            rps = (event.n_ok - n_ok) / (event.t_s - began_s)
            points.append(replace(event, rps=rps))
            n_ok, began_s = event.n_ok, event.t_s
    return points


def _throughput(ax: Axes, points: Sequence[LoadProgress], title: str, unit: str,
                n_failed: int | None) -> None:
    colour, marker = STYLES[0]
    ax.plot([point.t_s for point in points], [point.rps for point in points], color=colour, marker=marker, ms=3, lw=1.6,
            label="good answers")
    failed = [(point.t_s, (point.n_errors - before.n_errors) / (point.t_s - before.t_s))
              for before, point in zip([_NOTHING, *points], points, strict=False) if point.n_errors > before.n_errors]
    if failed:
        ax.plot(*zip(*failed, strict=True), "x", color=STYLES[1][0], ms=6, mew=1.8, ls="none",
                label=f"failures, {points[-1].n_errors if n_failed is None else n_failed:,} in all")
        ax.legend(loc="best", frameon=False, labelcolor=INK)
    base.label(ax, title, "seconds since the load began")
    ax.set_ylabel(f"{unit} per second")


def _latency(ax: Axes, points: Sequence[LoadProgress]) -> None:
    colour, marker = STYLES[2]
    known = [(point.t_s, point.p50_ns / units.NS_PER_MS) for point in points if point.p50_ns]
    if known:
        ax.plot(*zip(*known, strict=True), color=colour, marker=marker, ms=3, lw=1.6)
    base.label(ax, "Median latency", "seconds since the load began")
    ax.set_ylabel("p50 in ms")


def _measured(result: LoadResult | None, machine: dict) -> str:
    if result is None:
        return ""
    doubts = [describe.flag(flag) for flag in result.flags if in_doubt([flag])]
    return base.sentence(f"Load: {describe.load(result)}. 1 run without a warm-up: it has no interval.",
                         f"In doubt: {', '.join(doubts)}." if doubts else "",
                         f"Machine: {describe.machine(machine)}." if machine else "")


def _in_figures(events: Sequence[LoadProgress], result: LoadResult | None, unit: str) -> str:
    """What it shows, in figures; of the whole load once it has ended."""
    if result:
        return (f"{units.rate(result.rps, result.unit)}, p50 {units.ms(result.latency_ns.get('p50'))}, "
                f"{describe.failures(result.errors, result.n_sent)}")
    if not events:
        return "no answer yet"
    last = events[-1]
    return (f"{units.rate(last.rps, unit)} after {units.seconds(max(0.0, last.t_s))}, p50 {units.ms(last.p50_ns)}, "
            f"{last.n_errors:,} failed")


_NOTHING = LoadProgress(t_s=0.0, n_sent=0, n_ok=0, n_errors=0, rps=0.0, p50_ns=None)
