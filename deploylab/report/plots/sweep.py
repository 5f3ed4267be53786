"""How much load a target can handle: throughput and latency over clients, and over the arrival rate."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from deploylab.core import units
from deploylab.course import Course
from deploylab.load import in_doubt
from deploylab.report.plots import base
from deploylab.report.plots.base import INK, STYLES, Plot
from deploylab.results import describe, stats
from deploylab.results.record import Run
from deploylab.results.stats import Level

PERCENTILES = {"p50": STYLES[0], "p95": STYLES[4], "p99": STYLES[1]}
TALL = 6  # rows of a panel


def over_clients(runs: Sequence[Run], course: Course, *, recorded: bool = False) -> Plot:
    """Throughput and latency of one target and view against the number of clients, of a closed loop.

    Args:
        runs: of a sweep; those of an open loop are ignored.
        course: gives the slots and the wait, for the ceiling.

    Example:
        >>> over_clients(session.runs("sweep"), course).png          # doctest: +SKIP
    """
    runs = [run for run in runs if run.mode == "closed"]
    levels = stats.levels(runs, "closed")
    name, view = describe.target(runs[0].stage, runs[0].variant), course.view(runs[0].view)
    figure, (left, right) = base.panels(2, [TALL] * 2, 2)
    _throughput(left, runs, levels, base.style(course, runs[0].stage))
    slots = course.target(name).slots_on(base.n_cpu(runs))
    ceilings = [(level.load, view.ceiling_rps(int(level.load), slots)) for level in levels]
    if view.wait_s:
        left.plot(*zip(*ceilings, strict=True), ls=(0, (3, 2)), color=INK, lw=1.2)
        left.set_ylim(0, max(left.get_ylim()[1], 1.1 * ceilings[-1][1]))
    knee = stats.knee(levels)
    if knee.observed:
        left.axvline(knee.level.load, color=INK, lw=0.9, ls=":")
    _latency(right, levels, "clients (log scale)", "Latency")
    for ax in (left, right):
        _clients_axis(ax, [level.load for level in levels])
    base.label(left, "Throughput", "clients")
    left.set_ylabel(f"good {view.unit} per second")
    dashed = "Dashed: the most that this waiting page can answer, min(clients, slots) / wait." if view.wait_s else ""
    dotted = "Dotted: the knee." if knee.observed else ""
    return Plot(
        name="clients", title=f"{name}, {view.name}: how much load it can handle", figure=figure,
        how_to_read=base.sentence("Left: a small mark is one run, the large one the geometric mean of its load, the "
                                  "line their range.", dashed, dotted,
                                  "Right: the median over the runs of their percentiles; where one is missing, there "
                                  "were too few answers for it.", knee.text),
        measured=base.sentence(base.hollow_note(runs), _measured(runs, recorded)),
        alt=f"{name}, {view.name}. {knee.text} " + _in_words(levels, "client"),
        data=_data(levels, "clients"),
    )


def over_rates(runs: Sequence[Run], course: Course, limit_ns: int, *, recorded: bool = False) -> Plot:
    """Latency of one target and view against the rate at which requests are due, of an open loop.

    Args:
        runs: of a sweep; those of a closed loop are ignored.
        limit_ns: the 99th percentile that is still in time.
    """
    runs = [run for run in runs if run.mode == "open"]
    levels = stats.levels(runs, "open")
    name, view = describe.target(runs[0].stage, runs[0].variant), course.view(runs[0].view)
    capacity = stats.capacity(levels, limit_ns)
    figure, (left, right) = base.panels(2, [TALL] * 2, 2)
    most = max(level.load for level in levels)
    left.plot((0, most), (0, most), ls=(0, (3, 2)), color=INK, lw=1.2)
    _throughput(left, runs, levels, base.style(course, runs[0].stage))
    _latency(right, levels, "requests due per second", "Latency, from when a request was due")
    right.axhline(limit_ns / units.NS_PER_MS, color=INK, lw=1.2, ls="--")
    for ax in (left, right):
        ax.set_xlim(0, most * 1.08)
        if capacity.level:
            ax.axvline(capacity.level.load, color=INK, lw=0.9, ls=":")
    base.label(left, "Throughput", "requests due per second")
    left.set_ylabel(f"good {view.unit} per second")
    return Plot(
        name="rates", title=f"{name}, {view.name}: which rate it sustains", figure=figure,
        how_to_read=base.sentence("Left: on the dashed line, there are as many answers as requests due. Right: the "
                                  f"dashed line is the limit, {units.ms(limit_ns)}.",
                                  "Dotted: the highest rate that it sustains." if capacity.level else "",
                                  capacity.text),
        measured=base.sentence(base.hollow_note(runs), _measured(runs, recorded)),
        alt=f"{name}, {view.name}. {capacity.text} " + _in_words(levels, "request due per second"),
        data=_data(levels, "due per second"),
    )


def _throughput(ax: Axes, runs: Sequence[Run], levels: Sequence[Level], style: tuple[str, str]) -> None:
    """A small mark for each run, a large one for each level with the runs' range; hollow if in doubt."""
    colour, marker = style
    base.dots(ax, [run.concurrency if run.mode == "closed" else run.target_rps for run in runs],
              [run.rps for run in runs], runs, colour, marker)
    ax.plot([level.load for level in levels], [level.summary.rps for level in levels], color=colour, lw=1.2)
    for level in levels:
        summary = level.summary
        if summary.rps_range:
            ax.plot((level.load,) * 2, summary.rps_range, color=INK, lw=1.6, marker="_", ms=7, zorder=3)
        hollow = _doubtful(level)
        ax.plot(level.load, summary.rps, marker, ms=7, mec=colour if hollow else INK, mfc="white" if hollow else colour,
                mew=0.8, ls="none", zorder=4)
    ax.set_ylim(0, max(run.rps for run in runs) * 1.25 or 1)
    ax.grid(axis="y")


def _latency(ax: Axes, levels: Sequence[Level], x: str, title: str) -> None:
    for percentile, (colour, marker) in PERCENTILES.items():
        there = [(level, level.latency_ns[percentile] / units.NS_PER_MS) for level in levels
                 if level.latency_ns[percentile]]
        ax.plot([level.load for level, _ in there], [ms for _, ms in there], color=colour, lw=1.6)
        for hollow in (False, True):
            mine = [(level.load, ms) for level, ms in there if _doubtful(level) == hollow]
            ax.plot(*(zip(*mine, strict=True) if mine else ([], [])), marker, ms=7, ls="none", mec=colour,
                    mfc="white" if hollow else colour)
        if there:
            ax.plot([], [], marker=marker, color=colour, lw=1.6, ms=7, label=percentile)
    base.plain_log_y(ax)
    base.label(ax, title, x.removesuffix(" (log scale)"))
    ax.set_ylabel("ms (log scale)")
    ax.grid(axis="y")
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="upper left", frameon=False, labelcolor=INK)


def _clients_axis(ax: Axes, loads: Sequence[float]) -> None:
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_locator(FixedLocator(list(loads)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:.0f}"))
    ax.set_xlim(min(loads) / 1.3, max(loads) * 1.6)
    ax.set_xlabel("clients (log scale)")


def _doubtful(level: Level) -> bool:
    return bool(level.mostly([flag for flag in level.summary.flags if in_doubt([flag])]))


def _measured(runs: Sequence[Run], recorded: bool) -> str:
    """The end of the caption, without the loads, which are on the axis."""
    first = runs[0]
    kept = "kept connections" if first.keepalive else "a new connection for each request"
    windows = sorted({run.duration_s for run in runs})
    how_long = " to ".join(dict.fromkeys(units.seconds(s) for s in (windows[0], windows[-1])))
    mark = "RECORDED, not measured here. " if recorded else ""
    many = units.count(len(runs), "run")
    return f"{mark}Load: {kept}, {how_long} per run. {many}. Machine: {describe.machine(first.machine)}."


def _so_many(load: float, of: str) -> str:
    noun, space, rest = of.partition(" ")
    return f"{load:,.4g} {noun}{'' if load == 1 else 's'}{space}{rest}"


def _in_words(levels: Sequence[Level], of: str) -> str:
    parts = ((level.load, level.summary.rps, level.latency_ns) for level in levels)
    return "; ".join(f"{_so_many(load, of)}: {units.rate(rps)}, " + ", ".join(
        f"{p} {units.ms(latency[p])}" for p in PERCENTILES) for load, rps, latency in parts) + "."


def _data(levels: Sequence[Level], of: str) -> tuple[tuple[str, ...], ...]:
    """One row per level."""
    head = (of, "runs", "answered", "range", *PERCENTILES, "failed", "in doubt")
    return (head, *((f"{level.load:,.4g}", str(summary.n_runs), units.rate(summary.rps),
                     " to ".join(map(units.three_figures, summary.rps_range or ())) or "–",
                     *(units.ms(level.latency_ns[p]) for p in PERCENTILES), units.percent(summary.failure_share),
                     ", ".join(describe.flag(flag) for flag in summary.flags if in_doubt([flag])) or "no")
                    for level in levels for summary in [level.summary]))
