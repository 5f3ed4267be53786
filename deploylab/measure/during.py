"""A load, and one act on the machine in the middle of it: what did those notice who asked meanwhile?"""

import time
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
from deploylab.measure import load_test, rounds
from deploylab.measure.load_test import Bench, LoadSettings, Scenario
from deploylab.measure.measure import chosen_targets
from deploylab.provision import prepare
from deploylab.provision.on_demand import awake
from deploylab.results import Session
from deploylab.results.record import Run

N_BINS = 40  # over the window
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class During(Generic[T]):
    """A load and what was done meanwhile.

    Attributes:
        done: what the act gave back.
        began_s, ended_s: when it ran, from the opening of the window.
        bins: the load bit by bit: see `bins`.
    """

    session: Session
    run: Run
    done: T
    began_s: float
    ended_s: float
    bins: list[dict[str, Any]]


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
    with awake(machine, [target]):
        prepare.verify(machine, course, [target], progress)
        session = Session.create(kind="measure", cells=[cell.as_plan()], n_rounds=1, seconds=seconds,
                                 stages=[target.stage])
        bench = Bench.of(machine, course, session, LoadSettings(seconds=seconds, rate_per_s=rate_per_s))
        show = rounds.on_load(progress, cell.label, seconds)
        with progress.phase("load", f"{seconds:g} s of load, and one act in the middle"), ThreadPoolExecutor(1) as pool:
            once = _Once(pool, act, after_s)
            run = load_test.measure(bench, cell, purpose="measure", round_number=1,
                                     on_progress=lambda seen: (once.look(seen), show(seen)))
            done, began_s, ended_s = once.result()
        session.finish()
    columns = attempts.read(session.folder / run.attempts_file)[1]
    return During(session=session, run=run, done=done, began_s=began_s, ended_s=ended_s,
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


def bins(columns: Mapping[str, Sequence[int]], seconds: float, from_: str = "start_ns") -> list[dict[str, Any]]:
    """A load bit by bit: {from_s, ok, failed {outcome: n}, longest_ms} of those who asked in each bit.

    The longest wait is of good answers; None where there was none.

    Args:
        columns: of every attempt, as `load.attempts.read` gives them; their clock begins with the window.
        seconds: the window.
        from_: the column that says when somebody asked: "due_ns" of an open loop.
    """
    width_s = seconds / N_BINS
    out = [{"from_s": round(number * width_s, 3), "ok": 0, "failed": {}, "longest_ms": None}
           for number in range(N_BINS)]
    for asked_ns, end_ns, code in zip(columns[from_], columns["end_ns"], columns["outcome"], strict=True):
        one = out[min(int(asked_ns / NS_PER_S / width_s), N_BINS - 1)]
        _count(one, attempts.OUTCOMES[code], (end_ns - asked_ns) / 1e6)
    return out


def _count(one: dict[str, Any], outcome: str, took_ms: float) -> None:
    if outcome == attempts.OUTCOMES[0]:
        one["ok"] += 1
        one["longest_ms"] = round(max(one["longest_ms"] or 0.0, took_ms), 3)
    else:  # a refusal that came at once was no short wait
        one["failed"][outcome] = one["failed"].get(outcome, 0) + 1
