"""Runs a load with one action on the machine in the middle of it: what did visitors notice at that time?"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from deploylab import load
from deploylab.core.errors import LoadError
from deploylab.core.progress import Progress
from deploylab.core.units import NS_PER_S
from deploylab.course import Course
from deploylab.load import attempts
from deploylab.load.spec import OPEN_CONNECTIONS
from deploylab.machine import Machine
from deploylab.measure import load_test
from deploylab.measure.bench import LoadSettings, Scenario, opened
from deploylab.measure.measure import chosen_targets
from deploylab.results import Session
from deploylab.results.bins import Bin
from deploylab.results.record import OK, Run

N_BINS = 40  # in the window
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class During(Generic[T]):
    """A load and the action in the middle of it.

    Attributes:
        done: what the action returned.
        began_s, ended_s: when it ran, in seconds since the start of the window.
        bins: the load, divided into short intervals.
    """

    session: Session
    run: Run
    done: T
    began_s: float
    ended_s: float
    bins: list[Bin]


def measure(machine: Machine, course: Course, name: str, action: Callable[[], T], progress: Progress, *, view: str,
            rate_per_s: float | None, concurrency: int | None, seconds: float, after_s: float) -> During[T]:
    """Load a target, and run an action once during the load.

    Args:
        name: STAGE or STAGE:VARIANT.
        action: the function to call; it may take longer than the load.
        rate_per_s: arrivals per second of an open loop, with as many connections as needed; None for a closed loop.
        concurrency: clients of a closed loop; the view's own number if None.
        after_s: how long the load runs before the action begins.

    Raises:
        CourseError, CheckError: the target has no such view, or is not running.
        LoadError: the load could not run, or ended before the action.
    """
    (target,) = chosen_targets(course, course.view(view), [name], [name])
    clients = OPEN_CONNECTIONS if rate_per_s else concurrency or course.view(view).concurrency[0]
    cell = Scenario(target, course.view(view), clients)
    if cell.distance:
        raise LoadError(f"View {view} is of visitors far away, whose single attempts are not kept: so there is nothing "
                        "to divide into short intervals.", "name another view")
    with opened(machine, course, [target], progress, LoadSettings(seconds=seconds, rate_per_s=rate_per_s),
                kind="measure", cells=[cell.as_plan()], n_rounds=1, seconds=seconds, stages=[target.stage]) as bench, \
            progress.phase("load", f"{seconds:g} s of load, one action in the middle"), ThreadPoolExecutor(1) as pool:
        in_the_middle = _InTheMiddle(pool, action, after_s)
        show = load_test.on_load(progress, cell.label, seconds)
        run = load_test.measure(bench, cell, purpose="measure", round_number=1,
                                on_progress=lambda state: (in_the_middle.on_progress(state), show(state)))
        done, began_s, ended_s = in_the_middle.result()
    columns = attempts.read(bench.session.folder / run.attempts_file)[1]
    return During(session=bench.session, run=run, done=done, began_s=began_s, ended_s=ended_s,
                  bins=bins(columns, seconds, f"{run.latency_from}_ns"))


class _InTheMiddle:
    """Runs the action once, in a thread, when the load has run for `after_s` seconds."""

    def __init__(self, pool: ThreadPoolExecutor, action: Callable[[], Any], after_s: float):
        self.pool, self.action, self.after_s = pool, action, after_s
        self.future: Future | None = None

    def on_progress(self, state: load.LoadProgress) -> None:
        """Start the action if it is time for it."""
        if self.future is None and state.t_s >= self.after_s:
            self.future = self.pool.submit(self._timed, time.monotonic() - state.t_s)

    def result(self) -> tuple[Any, float, float]:
        """What the action returned, and when it began and ended; waits until it has ended."""
        if self.future is None:
            raise LoadError(f"The load ended before {self.after_s:g} s, so the action never began.",
                            "load for more seconds")
        return self.future.result()

    def _timed(self, window_start_s: float) -> tuple[Any, float, float]:
        began_s = time.monotonic() - window_start_s
        done = self.action()
        return done, round(began_s, 3), round(time.monotonic() - window_start_s, 3)


def bins(columns: Mapping[str, Sequence[int]], seconds: float, from_: str = "start_ns") -> list[Bin]:
    """A load divided into short intervals: the outcomes of the requests that began in each.

    Args:
        columns: one entry per attempt, as `load.attempts.read` returns them; times count from the start of the window.
        seconds: the length of the window.
        from_: the column with the time at which a request begins: "due_ns" for an open loop.
    """
    width_s = seconds / N_BINS
    by_bin: list[list[tuple[str, float]]] = [[] for _ in range(N_BINS)]
    for begin_ns, end_ns, code in zip(columns[from_], columns["end_ns"], columns["outcome"], strict=True):
        number = min(int(begin_ns / NS_PER_S / width_s), N_BINS - 1)
        by_bin[number].append((attempts.OUTCOMES[code], (end_ns - begin_ns) / 1e6))
    return [_bin(round(number * width_s, 3), requests) for number, requests in enumerate(by_bin)]


def _bin(from_s: float, requests: Sequence[tuple[str, float]]) -> Bin:
    """One interval. `requests`: the outcome and the milliseconds of each attempt in it."""
    good_ms = [ms for outcome, ms in requests if outcome == OK]  # a quick refusal is not a short wait
    failed = Counter(outcome for outcome, _ in requests if outcome != OK)
    return Bin(from_s=from_s, ok=len(good_ms), failed=dict(failed),
               longest_ms=round(max(good_ms), 3) if good_ms else None)
