"""One load test: throughput over time, and how long the answers took."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator

from deploylab.core import units
from deploylab.load import in_doubt
from deploylab.report.plots import base
from deploylab.report.plots.base import INK, STYLES, Plot
from deploylab.results import describe
from deploylab.results.record import LoadResult

N_BINS = 30


def one_run(run: LoadResult, attempts: Mapping[str, Sequence[int]] | None = None) -> Plot:
    """Throughput over time and the distribution of latency of one load test.

    Args:
        run: a Run, or the engine's LoadResult.
        attempts: the columns `end_ns`, `start_ns`, `due_ns` and `outcome` (0 is ok) of every attempt, as
            `load.attempts.read(path)[1]` returns them. Without them only the percentiles are drawn.

    Example:
        >>> one_run(run, load.attempts.read(path)[1])                # doctest: +SKIP
    """
    machine = getattr(run, "machine", {})
    columns = {name: np.asarray(values) for name, values in (attempts or {}).items()}
    if columns and len(columns["end_ns"]):
        figure, (left, right) = base.panels(2, [4, 4], 2)
        _over_time(left, columns)
        _distribution(right, run, columns)
    else:
        figure, (right,) = base.panels(1, [4], 1)
        _percentiles(right, run)
    return Plot(
        name="run", title=_title(run), figure=figure,
        how_to_read=f"Latency counts from the request's {run.latency_from}; percentiles: {run.percentile_def}.",
        measured=base.sentence(f"Load: {describe.load(run)}. 1 run: it has no interval.",
                               f"In doubt: {_doubts(run)}." if in_doubt(run.flags) else "",
                               f"Machine: {describe.machine(machine)}." if machine else ""),
        alt=f"{_title(run)}. {units.rate(run.rps, run.unit)}; {describe.failures(run.errors, run.n_sent)}; "
            + ", ".join(f"{p} {units.ms(run.latency_ns.get(p))}" for p in ("p50", "p95", "p99")) + ".",
    )


def _title(run: LoadResult) -> str:
    stage = getattr(run, "stage", "")
    return f"{describe.target(stage, run.variant)}, {run.view}" if stage else run.url


def _doubts(run: LoadResult) -> str:
    return ", ".join(describe.flag(flag) for flag in run.flags if in_doubt([flag]))


def _over_time(ax: Axes, columns: dict[str, np.ndarray]) -> None:
    end_s, ok = columns["end_ns"] / units.NS_PER_S, columns["outcome"] == 0
    n_bins = int(np.clip(len(end_s) / 20, 5, N_BINS))  # some 20 attempts per bin, otherwise its height is chance
    edges = np.linspace(min(0.0, end_s.min()), end_s.max(), n_bins + 1)
    width_s = edges[1] - edges[0] or 1.0
    for mask, (colour, _), label in ((ok, STYLES[0], "good answers"), (~ok, STYLES[1], "failures")):
        if mask.any():
            ax.stairs(np.histogram(end_s[mask], edges)[0] / width_s, edges, color=colour, lw=1.8, label=label,
                      ls="-" if label == "good answers" else (0, (3, 1)))
    base.label(ax, "Throughput over time", "seconds since the load began")
    ax.set_ylabel("attempts ended per second")
    ax.set_ylim(bottom=0)
    ax.grid(axis="y")
    ax.legend(loc="lower left", frameon=False, labelcolor=INK)


def _distribution(ax: Axes, run: LoadResult, columns: dict[str, np.ndarray]) -> None:
    ok = columns["outcome"] == 0
    latency_ms = (columns["end_ns"] - columns[f"{run.latency_from}_ns"])[ok] / units.NS_PER_MS
    latency_ms = latency_ms[latency_ms > 0]
    if len(latency_ms):
        edges = np.geomspace(latency_ms.min() / 1.05, latency_ms.max() * 1.05, N_BINS + 1)
        ax.stairs(np.histogram(latency_ms, edges)[0], edges, fill=True, color=STYLES[0][0], alpha=0.6)
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    base.plain_ticks(ax)
    for percentile, dash in (("p50", "-"), ("p95", "--"), ("p99", ":")):
        if ns := run.latency_ns.get(percentile):
            ax.axvline(ns / units.NS_PER_MS, color=INK, ls=dash, lw=1.2, label=f"{percentile} {units.ms(ns)}")
    base.label(ax, "How long the answers took", "latency in ms")
    ax.set_ylabel("answers")
    if run.latency_ns.get("p50"):
        ax.legend(loc="best", frameon=False, labelcolor=INK)


def _percentiles(ax: Axes, run: LoadResult) -> None:
    there = {p: ns / units.NS_PER_MS for p, ns in run.latency_ns.items() if ns}
    base.rows(ax, list(there) or ["–"], [f"{units.three_figures(x)} ms" for x in there.values()] or ["no good answer"])
    ax.plot(list(there.values()), range(len(there)), STYLES[0][1], color=STYLES[0][0], ms=7)
    base.label(ax, "How long the answers took", "latency in ms")
    ax.set_xlim(0, max(there.values(), default=1) * 1.12)
