"""Runs as lines for a terminal: one run, and the runs of a cell together."""

from collections.abc import Sequence

from deploylab.core import units
from deploylab.results import describe, stats
from deploylab.results.record import Run


def line(run: Run) -> str:
    """One run in one line, failures beside the latency."""
    failed = f"{run.n_errors} failed" if run.n_errors else "0 failed"
    doubt = f"  [{', '.join(run.flags)}]" if run.flags else ""
    noted = f"  ({said})" if (said := describe.noted([run])) else ""
    rate = units.rate(run.rps, run.unit)
    asked = f"c={run.concurrency:<3}" if run.target_rps is None else f"{run.target_rps:g}/s due"
    return (f"{describe.target(run.stage, run.variant):10} {run.view:7} {asked} {rate:>10}  "
            f"p50 {units.ms(run.latency_ns.get('p50')):>8}  p99 {units.ms(run.latency_ns.get('p99')):>8}  "
            f"{failed}{noted}{doubt}")


def summed(runs: Sequence[Run]) -> list[str]:
    """The runs of each cell in one line, and below it what makes them doubtful. A single run has no line."""
    out = []
    for one in stats.summarise(runs).values():
        if one.n_runs > 1:
            between = ", {} to {}".format(*map(units.three_figures, one.rps_range)) if one.rps_range else ""
            rate = units.rate(one.rps, "visits" if one.requests_per_visit else "requests")
            out.append(f"{one.cell.target}, {one.cell.view}: {rate}{between} in {one.n_runs} runs")
            out += [f"  Beware: {text}." for text in one.warnings]
    return out
