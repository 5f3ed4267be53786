"""A load, and one act on the machine in the middle of it: what did those notice who asked meanwhile?"""

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

N_BINS = 40  # over the window
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class During(Generic[T]):
    """A load and what was done meanwhile.

    Attributes:
        done: what the act gave back.
        began_s, ended_s: when it ran, from the opening of the window.
        bins: the load bit by bit.
    """

    session: Session
    run: Run
    done: T
    began_s: float
    ended_s: float
    bins: list[Bin]


def measure(machine: Machine, course: Course, name: str, act: Callable[[], T], progress: Progress, *, view: str,
            rate_per_s: float | None, concurrency: int | None, seconds: float, after_s: float) -> During[T]:
    """Load a target, and act once while the load goes on.

    Args:
        name: STAGE or STAGE:VARIANT.
        act: what is done; it may take longer than the load.
        rate_per_s: arrivals of an open loop, on as many connections as it takes; None for a closed loop.
        concurrency: clients of a closed loop; the view's own if None.
        after_s: how long the load runs before the act.

    Raises:
        CourseError, CheckError: the target has no such view, or does not stand.
        LoadError: the load could not run, or ended before the act.
    """
    (target,) = chosen_targets(course, course.view(view), [name], [name])
    clients = OPEN_CONNECTIONS if rate_per_s else concurrency or course.view(view).concurrency[0]
    cell = Scenario(target, course.view(view), clients)
    with opened(machine, course, [target], progress, LoadSettings(seconds=seconds, rate_per_s=rate_per_s),
                kind="measure", cells=[cell.as_plan()], n_rounds=1, seconds=seconds, stages=[target.stage]) as bench, \
            progress.phase("load", f"{seconds:g} s of load, and one act in the middle"), ThreadPoolExecutor(1) as pool:
        once = _Once(pool, act, after_s)
        show = load_test.on_load(progress, cell.label, seconds)
        run = load_test.measure(bench, cell, purpose="measure", round_number=1,
                                on_progress=lambda state: (once.look(state), show(state)))
        done, began_s, ended_s = once.result()
    columns = attempts.read(bench.session.folder / run.attempts_file)[1]
    return During(session=bench.session, run=run, done=done, began_s=began_s, ended_s=ended_s,
                  bins=bins(columns, seconds, f"{run.latency_from}_ns"))


class _Once:
    """Acts once, in a thread, when the load has run for so long."""

    def __init__(self, pool: ThreadPoolExecutor, act: Callable[[], Any], after_s: float):
        self.pool, self.act, self.after_s = pool, act, after_s
        self.begun: Future | None = None

    def look(self, seen: load.LoadProgress) -> None:
        """The load has come so far."""
        if self.begun is None and seen.t_s >= self.after_s:
            self.begun = self.pool.submit(self._timed, time.monotonic() - seen.t_s)

    def result(self) -> tuple[Any, float, float]:
        """What the act gave back, and when it began and ended; waits for its end."""
        if self.begun is None:
            raise LoadError(f"The load ended before {self.after_s:g} s, and nothing was done in the middle of it.",
                            "give it more seconds")
        return self.begun.result()

    def _timed(self, opened_s: float) -> tuple[Any, float, float]:
        began_s = time.monotonic() - opened_s
        done = self.act()
        return done, round(began_s, 3), round(time.monotonic() - opened_s, 3)


def bins(columns: Mapping[str, Sequence[int]], seconds: float, from_: str = "start_ns") -> list[Bin]:
    """A load bit by bit: what those met who asked in each bit.

    Args:
        columns: of every attempt, as `load.attempts.read` gives them; their clock begins with the window.
        seconds: the window.
        from_: the column that says when somebody asked: "due_ns" of an open loop.
    """
    width_s = seconds / N_BINS
    asked: list[list[tuple[str, float]]] = [[] for _ in range(N_BINS)]
    for asked_ns, end_ns, code in zip(columns[from_], columns["end_ns"], columns["outcome"], strict=True):
        number = min(int(asked_ns / NS_PER_S / width_s), N_BINS - 1)
        asked[number].append((attempts.OUTCOMES[code], (end_ns - asked_ns) / 1e6))
    return [_bin(round(number * width_s, 3), some) for number, some in enumerate(asked)]


def _bin(from_s: float, asked: Sequence[tuple[str, float]]) -> Bin:
    """Args: asked: outcome and milliseconds of each attempt in it."""
    good_ms = [ms for outcome, ms in asked if outcome == OK]  # a refusal that came at once was no short wait
    return Bin(from_s=from_s, ok=len(good_ms), failed=dict(Counter(outcome for outcome, _ in asked if outcome != OK)),
               longest_ms=round(max(good_ms), 3) if good_ms else None)
