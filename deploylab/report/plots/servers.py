"""Small servers side by side: visitors who wait, visitors who compute, and the memory that serving them takes."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from deploylab.core import units
from deploylab.report.plots import base
from deploylab.report.plots.base import INK, STYLES, Plot
from deploylab.results.record import Run
from deploylab.results.stats import Summary, summarise

WIDTH_IN = 12.0
GAP = 0.09  # of a panel's width, so that a figure on the right does not look like a label of the next panel
MB = 1e6
Ceilings = Mapping[str, Mapping[str, float]]


def servers(runs: Sequence[Run], ceilings_rps: Ceilings, *, note: str = "", recorded: bool = False) -> Plot:
    """Throughput of small servers on two paths, and beside it the memory that they used on the first.

    Args:
        runs: in order of time, all with the same number of clients; `stage` is the server, `view` the path.
        ceilings_rps: the most requests per second, by path and server, in the order of panels and rows.
        note: what the caption says about this computer.
        recorded: whether the runs come with the course; the caption says so.

    Raises:
        DeployLabError: runs of one server and path differ in load or machine.

    Example:
        >>> servers(race.runs, race.ceilings_rps)                    # doctest: +SKIP
    """
    summaries = {(cell.view, cell.stage): summary for cell, summary in summarise(runs).items()}
    paths, kinds = list(ceilings_rps), list(next(iter(ceilings_rps.values())))
    figure, axes = base.panels(len(paths) + 1, [len(kinds)] * (len(paths) + 1), len(paths) + 1)
    figure.set_size_inches(WIDTH_IN, figure.get_size_inches()[1])
    figure.get_layout_engine().set(wspace=GAP)
    for ax, path in zip(axes, paths, strict=False):
        _throughput(ax, [summaries[path, kind] for kind in kinds], runs, ceilings_rps[path])
    _memory(axes[-1], [summaries[paths[0], kind] for kind in kinds], runs)
    for ax in axes[1:]:
        ax.set_yticklabels([])
    return Plot(
        name="servers", title="Ways to serve", figure=figure,
        how_to_read="Throughput of each server: a small mark is one run, the large one the geometric mean, the "
                    f"line their range. Dashed: the most it could answer. Memory while they {paths[0]}: the large mark "
                    "divides shared pages among those who share them (PSS); the bar at the end of the line counts "
                    "them once for each process, as ps does (RSS).",
        measured=base.sentence(note, base.hollow_note(runs), base.measured_as(runs, recorded)),
        alt=_alt(summaries, paths, kinds),
    )


def _throughput(ax: Axes, rows: Sequence[Summary], runs: Sequence[Run], ceilings_rps: Mapping[str, float]) -> None:
    base.rows(ax, [summary.cell.stage for summary in rows], [_rate(summary) for summary in rows])
    cell = rows[0].cell
    ends = [0.0]
    for y, summary in enumerate(rows):
        mine = [run for run in runs if (run.stage, run.view) == (summary.cell.stage, cell.view)]
        good = [run for run in mine if run.rps]
        ceiling_rps = ceilings_rps[summary.cell.stage]
        base.dots(ax, [run.rps for run in good], [y - 0.28 + 0.1 * (i % 2) for i, _ in enumerate(good)], good,
                  *STYLES[y % len(STYLES)])
        base.mean(ax, summary.rps, summary.rps_range, y + 0.12, *STYLES[y % len(STYLES)],
                  base.mostly_doubtful(mine))
        ax.plot((ceiling_rps,) * 2, (y - 0.42, y + 0.42), ls=(0, (3, 2)), color=INK, lw=1.2)
        ends += [ceiling_rps, *(run.rps for run in mine)]
    ax.set_xlim(0, max(ends) * 1.08)
    base.plain_ticks(ax)
    base.label(ax, f"{cell.view}, {units.count(cell.concurrency, 'client')}", "requests per second")


def _memory(ax: Axes, rows: Sequence[Summary], runs: Sequence[Run]) -> None:
    base.rows(ax, [summary.cell.stage for summary in rows], [units.size(summary.server_pss_bytes) for summary in rows])
    most = 0.0
    for y, summary in enumerate(rows):
        colour, marker = STYLES[y % len(STYLES)]
        rss = [run.server_rss_bytes for run in runs if (run.stage, run.view) == (summary.cell.stage, summary.cell.view)]
        rss_mb, pss_mb = max(filter(None, rss), default=0) / MB, (summary.server_pss_bytes or 0) / MB
        ax.plot((pss_mb, rss_mb), (y, y), color=colour, lw=1.4)
        ax.plot(rss_mb, y, "|", ms=12, mec=colour, mew=2)
        ax.plot(pss_mb, y, marker, ms=8, mfc=colour, mec=INK, mew=0.8)
        most = max(most, rss_mb)
    ax.set_xlim(0, most * 1.08 or 1)
    base.plain_ticks(ax)
    cell = rows[0].cell
    base.label(ax, f"memory while they {cell.view}", "memory in MB")


def _rate(summary: Summary) -> str:
    return f"{units.rate(summary.rps)}\n{summary.n_failed:,} failed" if summary.n_failed else units.rate(summary.rps)


def _alt(summaries: Mapping[tuple[str, str], Summary], paths: Sequence[str], kinds: Sequence[str]) -> str:
    parts = [f"{path}: " + "; ".join(f"{kind} {_rate(summaries[path, kind])}" for kind in kinds) for path in paths]
    memory = "; ".join(f"{kind} {units.size(summaries[paths[0], kind].server_pss_bytes)}" for kind in kinds)
    return f"Throughput of each server. {'. '.join(parts)}. Memory (PSS) while they {paths[0]}: {memory}."
