"""A load during a command on the machine: how many requests were answered, how many failed, and how long they took."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

from deploylab.core import units
from deploylab.report.plots import base
from deploylab.report.plots.base import INK, STYLES, Plot
from deploylab.results import describe
from deploylab.results.bins import Bin
from deploylab.results.record import Run


def during(run: Run, bins: Sequence[Bin], began_s: float, ended_s: float, *, recorded: bool = False) -> Plot:
    """Answers, failures and the longest wait over time, with the act as a band.

    Args:
        bins: of those who asked in each bit of the window.
        began_s, ended_s: the act, from the opening of the window.
    """
    figure, (left, right) = base.panels(2, [4, 4], 2)
    width_s = run.duration_s / len(bins)
    edges = [number * width_s for number in range(len(bins) + 1)]
    failed = [bucket.n_failed for bucket in bins]
    _steps(left, edges, [bucket.ok / width_s for bucket in bins], STYLES[0][0], "-", "answered")
    if any(failed):
        _steps(left, edges, [n / width_s for n in failed], STYLES[1][0], (0, (3, 1)), "failed")
    base.label(left, "By the time of the request", "seconds of load")
    left.set_ylabel("requests per second")
    there = [(edge + width_s / 2, bucket.longest_ms) for edge, bucket in zip(edges, bins, strict=False)
             if bucket.longest_ms is not None]
    if there:
        right.plot(*zip(*there, strict=True), STYLES[0][1], color=STYLES[0][0], ms=4)
        base.plain_log_y(right)
    base.label(right, "The longest wait for a good answer", "seconds of load")
    right.set_ylabel("ms (log scale)")
    for ax in (left, right):
        _band(ax, began_s, ended_s, run.duration_s)
    left.legend(loc="best", frameon=False, labelcolor=INK)
    name = describe.target(run.stage, run.variant)
    return Plot(
        name="during", title=f"{name}, {run.view}, while something was done", figure=figure,
        how_to_read="The grey band is the command. Each point is for the requests of that moment, whenever their "
                    "answer came.",
        measured=base.measured_as([run], recorded),
        alt=f"{name}, {run.view}: {describe.failures(run.errors, run.n_sent)}. The command ran from "
            f"{units.seconds(began_s)} to {units.seconds(ended_s)} of {units.seconds(run.duration_s)}.",
    )


def _steps(ax: Axes, edges: Sequence[float], values: Sequence[float], colour: str, dash: Any, label: str) -> None:
    ax.stairs(values, edges, color=colour, lw=1.8, ls=dash, label=label)
    ax.set_ylim(bottom=0)
    ax.grid(axis="y")


def _band(ax: Axes, began_s: float, ended_s: float, seconds: float) -> None:
    """The command as a band, wide enough to be visible."""
    ax.axvspan(began_s, min(max(ended_s, began_s + seconds / 200), seconds), color=INK, alpha=0.12, lw=0)
    ax.set_xlim(0, seconds)
