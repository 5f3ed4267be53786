"""What a load test can show: both loops during a freeze, and all percentiles of a load test."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from deploylab.core import units
from deploylab.report.plots import base
from deploylab.report.plots.base import GRID, INK, STYLES, Plot
from deploylab.results import describe
from deploylab.results.record import LoadResult

Columns = Mapping[str, Sequence[int]]
TALL = 6          # rows of a panel
BEYOND = 10       # answers that a percentile needs beyond it; `deploylab.load.summary` has the reason
SHARES = (0.5, 0.9, 0.99, 0.999, 0.9999)


def two_loops(closed: LoadResult, closed_attempts: Columns, open_: LoadResult, open_attempts: Columns, *,
              frozen_s: tuple[float, float] | None = None) -> Plot:
    """One server under a closed loop and under an open one: each answer at the moment its request was due.

    Args:
        closed, open_: the two load tests.
        closed_attempts, open_attempts: their columns, as `load.attempts.read(path)[1]` returns them.
        frozen_s: when the server was frozen, from the beginning of each load; drawn as a band.
    """
    figure, axes = base.panels(2, [TALL] * 2, 2)
    sides = ((closed, closed_attempts, "Closed loop: clients wait"),
             (open_, open_attempts, "Open loop: requests are due"))
    lows, highs = zip(*(_answers(ax, *side, frozen_s) for ax, side in zip(axes, sides, strict=True)), strict=True)
    for ax in axes:
        ax.set_ylim(min(lows) / 1.5, max(highs) * 2)
    band = "Grey: the server was frozen." if frozen_s else ""
    return Plot(
        name="loops", title="What a frozen server looks like to two load tests", figure=figure,
        how_to_read=base.sentence("Each dot is a good answer, at the moment when its request was begun (closed) or due "
                                  "(open). In the closed loop the clients send nothing while they wait, so few "
                                  "requests meet the freeze. In the open one, all that were due then had to wait.",
                                  band),
        measured=f"Load: {describe.load(closed)}; {describe.load(open_)}. 1 run each.",
        alt="; ".join(f"{run.mode} loop: {run.n_ok:,} answers{_met(run, columns, frozen_s)}, p50 {_ms(run, 'p50')}, "
                      f"p99 {_ms(run, 'p99')}, longest {_ms(run, 'max')}" for run, columns, _ in sides) + ".",
        data=(("loop", "answers", "p50", "p90", "p99", "longest"),
              *((run.mode, f"{run.n_ok:,}", *(_ms(run, p) for p in ("p50", "p90", "p99", "max")))
                for run in (closed, open_))),
    )


def spectrum(run: LoadResult, attempts: Columns) -> Plot:
    """Every percentile of one load test, grey where too few answers are beyond it.

    Args:
        attempts: its columns, as `load.attempts.read(path)[1]` returns them.
    """
    ordered = np.sort(_latency_ms(run, attempts)[1])
    n = len(ordered)
    figure, (ax,) = base.panels(1, [TALL], 1)
    figure.set_size_inches(7.2, figure.get_figheight())
    carried = 1 - BEYOND / n if n > BEYOND else 0.0
    shares = 1 - np.geomspace(1, 1 / n, 400) if n else np.array([])
    rank = np.clip(np.ceil(shares * n).astype(int) - 1, 0, n - 1) if n else []
    for mask, colour, width in ((shares <= carried, STYLES[0][0], 2.2), (shares >= carried, STYLES[6][0], 1.4)):
        if n:
            ax.step(1 / (1 - shares[mask]), ordered[rank][mask], color=colour, lw=width, where="post")
    last = 10 ** np.ceil(np.log10(max(n, 100)))
    ax.axvspan(1 / (1 - carried), last, color=INK, alpha=0.08, lw=0)
    ax.annotate(f"fewer than {BEYOND} answers\nare beyond", (1 / (1 - carried), 0), xycoords=("data", "axes fraction"),
                xytext=(8, 8), textcoords="offset points", color=INK)
    ticks = [share for share in SHARES if 1 / (1 - share) <= last * 1.01]
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(FixedLocator([1 / (1 - share) for share in ticks]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{100 * (1 - 1 / x):.6g} %"))
    ax.set_xlim(1, last)
    base.plain_log_y(ax)
    ax.set_title("How long the answers took", loc="left", weight="bold", pad=8)
    ax.set_xlabel("share of the good answers that took at most this long (log scale)")
    ax.set_ylabel("ms (log scale)")
    ax.grid(axis="both")
    at = [-(-int(share * 10_000) * n // 10_000) - 1 for share in ticks]  # by nearest rank, in whole numbers
    figures = [(f"{100 * share:.6g} %", f"{units.three_figures(float(ordered[place]))} ms",
                "yes" if share <= carried else "no, too few answers are beyond it")
               for share, place in zip(ticks, at, strict=True) if n]
    return Plot(
        name="spectrum", title="The percentiles of one load test", figure=figure,
        how_to_read=f"The line shows which share of the good answers took at most how long, since the request's "
                    f"{run.latency_from}. Grey: fewer than {BEYOND} of the {n:,} answers are beyond, so there the line "
                    "is mostly chance.",
        measured=f"Load: {describe.load(run)}. 1 run.",
        alt=f"{n:,} good answers. " + "; ".join(f"{share}: {ms}" + ("" if verdict == "yes" else " (too few answers)")
                                               for share, ms, verdict in figures) + ".",
        data=(("share", "took at most", "enough answers for it"), *figures),
    )


def met(run: LoadResult, columns: Columns, frozen_s: tuple[float, float]) -> int:
    """How many requests with a good answer were waiting while the server was frozen."""
    at_s, ms = _latency_ms(run, columns)
    return int(np.sum((at_s < frozen_s[1]) & (at_s + ms / 1000 > frozen_s[0])))


def _latency_ms(run: LoadResult, columns: Columns) -> tuple[np.ndarray, np.ndarray]:
    """When each good answer's latency begins, in seconds, and the latency."""
    ok = np.asarray(columns["outcome"]) == 0
    begin = np.asarray(columns[f"{run.latency_from}_ns"])[ok]
    return begin / units.NS_PER_S, (np.asarray(columns["end_ns"])[ok] - begin) / units.NS_PER_MS


def _answers(ax: Axes, run: LoadResult, columns: Columns, title: str,
             frozen_s: tuple[float, float] | None) -> tuple[float, float]:
    """Draw the dots of one loop and its p99 as a line; returns the smallest and the largest latency."""
    at_s, ms = _latency_ms(run, columns)
    colour, marker = STYLES[0] if run.mode == "closed" else STYLES[1]
    if frozen_s:
        ax.axvspan(*frozen_s, color=INK, alpha=0.12, lw=0)
        title = f"{run.mode.capitalize()} loop: {met(run, columns, frozen_s):,} of {len(ms):,} met the freeze"
    ax.plot(at_s, ms, marker, color=colour, ms=2.5, mew=0, ls="none", alpha=0.6, rasterized=True)
    if p99 := run.latency_ns.get("p99"):
        ax.axhline(p99 / units.NS_PER_MS, color=INK, lw=1.2, ls="--")
        ax.annotate(f"p99 {units.ms(p99)}", (1, p99 / units.NS_PER_MS), xycoords=("axes fraction", "data"), ha="right",
                    va="bottom", color=INK, weight="bold")
    base.plain_log_y(ax)
    base.label(ax, title, "seconds since the load began")
    ax.set_ylabel("latency in ms (log scale)")
    ax.grid(axis="y", color=GRID)
    positive = ms[ms > 0]
    return (float(positive.min()), float(positive.max())) if len(positive) else (1.0, 1.0)


def _met(run: LoadResult, columns: Columns, frozen_s: tuple[float, float] | None) -> str:
    return f", of which {met(run, columns, frozen_s):,} met the freeze" if frozen_s else ""


def _ms(run: LoadResult, name: str) -> str:
    return units.ms(run.latency_ns.get(name))
