"""Puts the cache of a target into a declared state before a load: empty, or with every page in it.

A cache that fills while it is measured gives a number that depends on how long one measures: the first pair of a
comparison meets an empty cache, the fifth a full one. And a server that answers more fills its cache sooner.
"""

import time
from dataclasses import replace

from deploylab import load
from deploylab.core.errors import LoadError
from deploylab.course import STEADY
from deploylab.measure.bench import Bench, Scenario
from deploylab.results.record import LoadResult

FILLERS = 10           # clients that ask for the pages
PROBE_S = 1.0          # how long a target is asked, to see how much it answers without its cache
FULL_SHARE = 0.99      # of the answers that come from a full cache, at least
MARGIN_S = 5.0         # before the first page expires, a load is over: its start and end take a moment too


def prepare(bench: Bench, cell: Scenario, spec: load.LoadSpec) -> None:
    """Empty the cache of the cell's target; for the state `steady`, then put every page of its view in.

    A cache that was filled for this view a moment ago, and keeps its pages until the load is over, stays as it is.

    Args:
        spec: of the load that follows.

    Raises:
        LoadError: the pages could not be requested.
        MachineError: the cache could not be emptied.
    """
    if cell.cache_state is None:
        return
    key = (cell.target.name, cell.view.name)
    last_s = bench.course.app.pages_kept_s - (spec.duration_s or 0) - MARGIN_S
    if cell.cache_state == STEADY and key in bench.filled_s and time.monotonic() < bench.filled_s[key] + last_s:
        return
    empty(bench, cell)
    if cell.cache_state == STEADY:
        began_s = time.monotonic()
        load.run(filling(spec))
        bench.filled_s[key] = began_s


def empty(bench: Bench, cell: Scenario) -> None:
    """Empty the cache of the cell's target, if it has one. What else was in the same cache is gone as well.

    Raises:
        MachineError: a command failed.
    """
    for command in cell.target.empty:
        bench.machine.check_output(command, sudo=True)
    for target, view in list(bench.filled_s):
        if set(bench.course.target(target).empty) & set(cell.target.empty):
            del bench.filled_s[target, view]


def filling(spec: load.LoadSpec) -> load.LoadSpec:
    """The load that requests every page of a spec once, and is not measured."""
    return replace(spec, mode="closed", rate_per_s=None, concurrency=min(FILLERS, len(spec.paths) or 1), in_order=True,
                   n_requests=len(spec.paths) or 1, duration_s=None, warmup_s=0.0, visitor=None, slow_clients=0,
                   attempts_path=None)


def flags(cell: Scenario, result: LoadResult) -> list[str]:
    """Why the state was not what it should be: pages were missing from a full cache of whole pages."""
    whole = cell.target.expect.get("cached_by") in ("app", "front")
    if cell.cache_state != STEADY or not whole or result.hit_ratio is None or result.hit_ratio >= FULL_SHARE:
        return []
    return [f"cache_misses={1 - result.hit_ratio:.0%}"]


def answered_rps(bench: Bench, cell: Scenario, spec: load.LoadSpec) -> float:
    """Requests per second that the cell's target answers while its cache is no help.

    After the cache was emptied, each page is requested once, for PROBE_S at most. A view of one page is requested again
    and again: there the side without a cache decides.

    Args: as `prepare`.

    Raises:
        LoadError: there was no good answer.
    """
    empty(bench, cell)
    probe = replace(filling(spec), duration_s=PROBE_S)
    if not spec.paths:
        probe = replace(probe, n_requests=None, concurrency=FILLERS)
    result = load.run(probe)
    if not result.n_ok:
        raise LoadError(f"{cell.target.name} gave no good answer to {result.n_sent:,} requests.",
                        f"./lab check {cell.target.name}")
    return result.n_ok / result.duration_s
