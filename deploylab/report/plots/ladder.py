"""Throughput and latency, stage by stage."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator

from deploylab.core import units
from deploylab.course import Course
from deploylab.report.plots import base
from deploylab.report.plots.base import INK, Plot
from deploylab.results.record import Run
from deploylab.results.stats import Summary, cells_of, on_ladder, summarise
from deploylab.results.stats.basics import Cell

LOG_FROM = 12  # largest over smallest; beyond it, small values would be invisible on a linear axis
Column = tuple[str, int]


def ladder(runs: Sequence[Run], course: Course, *, cells: Sequence[Column] | None = None, columns: int = 1,
           recorded: bool = False) -> Plot:
    """Throughput of every stage: a dot for each run, their mean and range, failures beside it.

    Args:
        runs: in order of time; variants are ignored.
        course: gives the order, the colours and the ceiling of the waiting page.
        cells: (view, concurrency) of each panel; all of the runs' cells if None.
        columns: panels side by side.
        recorded: whether the runs come with the course; the caption says so.

    Raises:
        DeployLabError: runs of one stage and view differ in load or machine.

    Example:
        >>> ladder(session.runs("round"), course).png              # doctest: +SKIP
    """
    runs, cells = _chosen(runs, course, cells)
    summaries = summarise(runs)
    shown = [_stages_with(summaries, course, cell) for cell in cells]
    figure, axes = base.panels(len(cells), [len(names) for names in shown], columns)
    for ax, cell, names in zip(axes, cells, shown, strict=True):
        _throughput_panel(ax, cell, [summaries[Cell(name, None, *cell)] for name in names], runs, course)
    ceiling = "Dashed: the most that this waiting page can answer, min(clients, slots) / wait." if any(
        course.view(view).wait_s for view, _ in cells) else ""
    return Plot(
        name="ladder", title=_title("Throughput", cells), figure=figure,
        how_to_read="Throughput of each stage: a small mark is one run, the large one the geometric mean, the line "
                    "their range. Failures stand beside it.",
        measured=base.sentence(ceiling, base.hollow_note(runs), base.measured_as(runs, recorded)),
        alt=_alt("Throughput", cells, shown, summaries, lambda s: _rate_words(s)),
    )


def latency(runs: Sequence[Run], course: Course, *, cells: Sequence[Column] | None = None, columns: int = 1,
            recorded: bool = False) -> Plot:
    """The 50th, 95th and 99th percentile of every stage's latency, failures beside them.

    Args and Raises: as `ladder`. A percentile with too few answers is left out.

    Example:
        >>> latency(session.runs("round"), course, cells=[("wait", 32)])   # doctest: +SKIP
    """
    runs, cells = _chosen(runs, course, cells)
    summaries = summarise(runs)
    shown = [_stages_with(summaries, course, cell) for cell in cells]
    figure, axes = base.panels(len(cells), [len(names) for names in shown], columns)
    for ax, cell, names in zip(axes, cells, shown, strict=True):
        _latency_panel(ax, cell, [summaries[Cell(name, None, *cell)] for name in names], runs, course)
    counted_from = " and ".join(dict.fromkeys(run.latency_from for run in runs))
    return Plot(
        name="latency", title=_title("Latency", cells), figure=figure,
        how_to_read="Latency of the good answers: the large mark is the 50th percentile, the short line the 95th, the "
                    f"arrow the 99th; each the median over the runs, counted from the request's {counted_from}. "
                    "One that is missing had too few answers, or too many failures.",
        measured=base.sentence(base.hollow_note(runs), base.measured_as(runs, recorded)),
        alt=_alt("Latency", cells, shown, summaries, _latency_words),
    )


def _chosen(runs: Sequence[Run], course: Course, cells: Sequence[Column] | None) -> tuple[list[Run], list[Column]]:
    names = [stage.stage for stage in on_ladder(course)]
    runs = [run for run in runs if run.variant is None and run.stage in names]
    cells = list(cells) if cells is not None else cells_of(runs, course)
    return [run for run in runs if (run.view, run.concurrency) in cells], cells


def _stages_with(summaries: dict[Cell, Summary], course: Course, cell: Column) -> list[str]:
    return [stage.stage for stage in on_ladder(course) if Cell(stage.stage, None, *cell) in summaries]


def _throughput_panel(ax: Axes, cell: Column, rows: list[Summary], runs: Sequence[Run], course: Course) -> None:
    base.rows(ax, [summary.cell.stage for summary in rows],
              [_with_failures(units.rate(summary.rps), summary) for summary in rows])
    for y, summary in enumerate(rows):
        colour, marker = base.style(course, summary.cell.stage)
        mine = [run for run in runs if (run.stage, run.view, run.concurrency) == (summary.cell.stage, *cell)]
        good = [run for run in mine if run.rps]
        base.dots(ax, [run.rps for run in good], [y - 0.28 + 0.1 * (i % 2) for i, _ in enumerate(good)], good,
                  colour, marker)
        base.mean(ax, summary.rps, summary.rps_range, y + 0.12, colour, marker, base.mostly_doubtful(mine))
    slots = [course.stage(summary.cell.stage).slots_on(base.n_cpu(runs)) for summary in rows]
    ceilings = [course.view(cell[0]).ceiling_rps(cell[1], n_slots) for n_slots in slots]
    for y, ceiling_rps in enumerate(ceilings):
        if ceiling_rps is not None:
            ax.plot((ceiling_rps,) * 2, (y - 0.42, y + 0.42), ls=(0, (3, 2)), color=INK, lw=1.2)
    rates = [run.rps for run in runs if (run.view, run.concurrency) == cell]
    scale(ax, [*rates, *(c for c in ceilings if c)])
    base.label(ax, cell_title(cell), f"{course.view(cell[0]).unit} per second")


def _latency_panel(ax: Axes, cell: Column, rows: list[Summary], runs: Sequence[Run], course: Course) -> None:
    base.rows(ax, [summary.cell.stage for summary in rows],
              [_with_failures(_p50(summary), summary) for summary in rows])
    for y, summary in enumerate(rows):
        colour, marker = base.style(course, summary.cell.stage)
        mine = [run for run in runs if (run.stage, run.view, run.concurrency) == (summary.cell.stage, *cell)]
        there = {p: ns / units.NS_PER_MS for p, ns in summary.latency_ns.items() if ns}
        ax.plot(list(there.values()), [y] * len(there), color=colour, lw=2.2, solid_capstyle="butt")
        for percentile, mark, size in (("p99", ">", 6), ("p95", "|", 11), ("p50", marker, 8)):
            hollow = percentile == "p50" and base.mostly_doubtful(mine)
            ax.plot(there.get(percentile, []), [y] * (percentile in there), mark, ms=size, ls="none", mec=colour,
                    mfc="none" if hollow else colour, mew=2 if mark == "|" else 0.8)
    scale(ax, [ns / units.NS_PER_MS for summary in rows for ns in summary.latency_ns.values() if ns])
    base.label(ax, cell_title(cell), "latency in ms")


def scale(ax: Axes, values: Sequence[float]) -> None:
    """Linear from 0, or logarithmic if small values would be invisible."""
    positive = [value for value in values if value > 0]
    if positive and max(positive) / min(positive) > LOG_FROM:
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(LogLocator(subs=(1.0,) if max(positive) / min(positive) > 200 else (1.0, 3.0)))
        ax.set_xlim(min(positive) / 1.6, max(positive) * 1.6)
    else:
        ax.set_xlim(0, max(positive, default=1) * 1.08)
    base.plain_ticks(ax)


def cell_title(cell: Column) -> str:
    return f"{cell[0]}, {units.count(cell[1], 'client')}"


def _p50(summary: Summary) -> str:
    p50 = summary.latency_ns["p50"]
    return "no latency" if p50 is None else f"p50 {units.ms(p50)}"


def _with_failures(text: str, summary: Summary) -> str:
    if not summary.n_failed:
        return text
    return f"{text}\n{'all ' if summary.failure_share == 1 else ''}{summary.n_failed:,} failed"


def _title(what: str, cells: Sequence[Column]) -> str:
    if len(cells) == 1:
        return f"{what} on {cell_title(cells[0])}"
    return f"{what} of each stage"


def _alt(what: str, cells: Sequence[Column], shown: list[list[str]], summaries: dict[Cell, Summary], say) -> str:
    parts = [f"{view}, {units.count(c, 'client')}: " + "; ".join(
        f"{name} {say(summaries[Cell(name, None, view, c)])}" for name in names)
        for (view, c), names in zip(cells, shown, strict=True)]
    return f"{what} of each stage. " + ". ".join(parts) + "."


def _rate_words(summary: Summary) -> str:
    spread = f" ({units.three_figures(summary.rps_range[0])} to {units.three_figures(summary.rps_range[1])})" \
        if summary.rps_range else ""
    return f"{units.rate(summary.rps)}{spread}" + (f", {summary.n_failed:,} failed" if summary.n_failed else "")


def _latency_words(summary: Summary) -> str:
    figures = ", ".join(f"{p} {units.ms(ns)}" for p, ns in summary.latency_ns.items())
    return figures + (f", {summary.n_failed:,} failed" if summary.n_failed else "")
