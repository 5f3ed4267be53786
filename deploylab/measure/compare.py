"""Compares two sides under the same load, in pairs. Which side goes first is drawn for each pair.

The noise of the machine changes slowly, so it affects both halves of a pair alike. Either side goes first in half of
the pairs, because the second of two runs may have an advantage, such as a warm cache.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from deploylab.core import units
from deploylab.core.errors import CourseError
from deploylab.core.progress import Progress
from deploylab.course import COLD, STATES, Contrast, Course
from deploylab.load.spec import OPEN_CONNECTIONS
from deploylab.machine import Machine
from deploylab.measure import load_test, order
from deploylab.measure.bench import Bench, LoadSettings, Scenario, opened
from deploylab.measure.config_diff import differences
from deploylab.measure.distance import Distance
from deploylab.provision.on_demand import awake
from deploylab.results import Session, describe
from deploylab.results.record import Difference, Run
from deploylab.results.stats import METRICS, differing

DEFAULT_VIEW = "page"
OFFERED_SHARE = 0.5  # of what the slower side answers while its cache is no help: both can keep up with that
OnPair = Callable[[Run, Run], object]


def compare(machine: Machine, course: Course, contrast: Contrast, progress: Progress, *, pairs: int, seconds: float,
            distance: Distance | None = None,
            on_pair: OnPair = lambda a, b: None) -> tuple[Session, list[Difference], bool]:
    """The session, everything in which the two sides differ, and whether Ctrl-C ended it early.

    Args:
        distance: how far away the clients of both sides are; None: as the views say, which is right here for most.
        on_pair: called with the runs of A and B of each pair, before the next one begins.

    Raises:
        CheckError: a side does not answer, or one of its checks fails.
    """
    targets = [course.target(contrast.a), course.target(contrast.b)]
    settings = LoadSettings(seconds=seconds, distance=distance)
    with opened(machine, course, targets, progress, settings, kind="compare", seconds=seconds,
                stages=[target.stage for target in targets], contrasts=[as_plan(contrast)], n_pairs=pairs,
                distance=distance and asdict(distance)) as bench:
        _save_differences(bench, contrast)
        rows = [Difference(**row) for row in bench.session.plan["differences"][contrast.name]]
        far = f", {distance}" if distance else ""
        progress.say(f"{described(contrast)}{far}: {pairs} pairs of {seconds:g} s")
        progress.say(differing(contrast, rows))
        stopped = measure_pairs(bench, contrast, pairs, progress, on_pair)
    return bench.session, rows, stopped


def measure_contrasts(bench: Bench, contrasts: Sequence[Contrast], n_pairs: Mapping[str, int], progress: Progress,
                      after_each: Callable[[], object] = lambda: None) -> None:
    """Measure the pairs of each contrast, and save what differs between its sides; skips what is measured already.

    Sleeping variants are started for their own contrast only: together they would not fit into the memory.

    Args:
        n_pairs: of each contrast, by its name.
        after_each: called when a contrast is measured, and nothing is under load.
    """
    todo = [contrast for contrast in contrasts if remaining(bench, contrast, n_pairs[contrast.name])]
    n_todo = sum(len(remaining(bench, contrast, n_pairs[contrast.name])) for contrast in todo)
    with progress.phase("load", f"{units.count(len(todo), 'contrast')}, {units.count(n_todo, 'pair')}"):
        for number, contrast in enumerate(todo, start=1):
            progress.say(f"    contrast {number} of {len(todo)}: {described(contrast)}")
            with awake(bench.machine, [cell.target for cell in cells(bench.course, contrast)]):
                _save_differences(bench, contrast)
                for _ in pairs(bench, contrast, n_pairs[contrast.name], progress):
                    pass
            after_each()


def measure_pairs(bench: Bench, contrast: Contrast, n_pairs: int, progress: Progress,
                  on_pair: OnPair = lambda a, b: None) -> bool:
    """Measure the pairs of one contrast and print each one as it ends. True if Ctrl-C ended it early.

    Args:
        on_pair: called with the runs of A and B of each pair, before the next one begins.
    """
    try:
        with progress.phase("load", f"{n_pairs} pairs"):
            for number, a, b in pairs(bench, contrast, n_pairs, progress):
                progress.say(f"    pair {number} of {n_pairs}: {_pair_line(contrast, a, b)}")
                on_pair(a, b)
    except KeyboardInterrupt:
        progress.say("  stopped; what was measured is kept")
        return True
    return False


def _pair_line(contrast: Contrast, a: Run, b: Run) -> str:
    """What the contrast is judged by, of both runs of a pair; the share from a cache, and what failed."""
    a_figure, b_figure = (METRICS[contrast.metric](run) for run in (a, b))
    shown = [f"{units.cpu(run.server_cpu_per_request_s)} CPU" if contrast.state else units.rate(run.rps, run.unit)
             for run in (a, b)]
    text = " and ".join(shown) + (f", {units.factor(b_figure / a_figure)} times" if a_figure and b_figure else "")
    notes = [f"{' and '.join(_share(run.hit_ratio) for run in (a, b))} from a cache"] \
        if any(run.hit_ratio is not None for run in (a, b)) else []
    notes += [describe.failures(run.errors, run.n_sent) for run in (a, b) if run.errors]
    return text + (f"  ({'; '.join(notes)})" if notes else "")


def _share(ratio: float | None) -> str:
    return "none" if ratio is None else units.percent(ratio)


def named(course: Course, a: str, b: str, *, view: str | None = None, concurrency: int | None = None,
          b_view: str | None = None, slow_clients: int | None = None, state: str | None = None,
          new_connections: bool | None = None) -> Contrast:
    """The contrast of two targets. If the course has it, what differs and the default load are taken from there.

    Args:
        new_connections: whether each request opens one; None: as the course has it, or else they are kept.
        state: of the caches, for the same load on both sides: a key of `course.STATES`.

    Raises:
        CourseError: there is no such target or view, or no cache that could have that state.
    """
    course.target(a), course.target(b)
    known = _known(course, a, b, view, b_view)
    if view is None:
        view = known.view if known else DEFAULT_VIEW
        b_view = b_view or (known.b_view if known else None)
        concurrency = concurrency or (known.concurrency if known else None)
        slow_clients = slow_clients if slow_clients is not None or not known else known.slow_clients
        new_connections = new_connections if new_connections is not None or not known else known.new_connections
    course.view(b_view or view)
    contrast = Contrast(
        name="-".join([a, b, view, *([state] if state else [])]).replace(":", "-"), title=f"{a} against {b}",
        lesson=known.lesson if known else "", state=state,
        a=a, b=b, view=view, b_view=b_view, concurrency=concurrency or course.view(view).concurrency[0],
        slow_clients=slow_clients or 0, new_connections=new_connections or None,
        differs=known.differs if known else "", parts=known.parts if known else ())
    if problem := course.state_problem(contrast):
        raise CourseError(f"There is no state '{state}' to compare {a} and {b} in: {problem}",
                          "leave out --state, or ./lab compare static edge --view many --state cold")
    return contrast


def _known(course: Course, a: str, b: str, view: str | None, b_view: str | None) -> Contrast | None:
    """The course's contrast of these two targets, if possible with this load."""
    candidates = [contrast for contrast in course.contrasts
                  if {contrast.a, contrast.b} == {a, b} and (b_view is None or contrast.b_view == b_view)]
    if view and not b_view:
        candidates = [contrast for contrast in candidates if contrast.b_view is None]
    same_view = (contrast for contrast in candidates if contrast.view == view)
    return next(same_view, candidates[0] if candidates else None)


def cells(course: Course, contrast: Contrast) -> tuple[Scenario, Scenario]:
    """The load of each side."""
    clients, cold = OPEN_CONNECTIONS if contrast.state else contrast.concurrency, contrast.state == COLD
    return (Scenario(course.target(contrast.a), course.view(contrast.view), clients, cold),
            Scenario(course.target(contrast.b), course.view(contrast.b_view or contrast.view), clients, cold))


def find_differences(machine: Machine, course: Course, contrast: Contrast) -> list[Difference]:
    """Everything in which the two sides differ, including the view. Both must run: a sleeping one has no processes.

    Raises:
        MachineError: the machine could not be read.
    """
    rows = differences(machine, course.app, course.target(contrast.a), course.target(contrast.b))
    if contrast.b_view:
        rows.insert(0, Difference(name="view", a=contrast.view, b=contrast.b_view))
    return rows


def remaining(bench: Bench, contrast: Contrast, n_pairs: int) -> list[int]:
    """The numbers of the pairs that are not complete yet. A pair with only one half is measured again."""
    n_runs: dict[str, int] = {}
    for run in bench.session.runs("pair"):
        n_runs[run.pair_id or ""] = n_runs.get(run.pair_id or "", 0) + 1
    return [number for number in range(1, n_pairs + 1) if n_runs.get(pair_id(contrast, number), 0) < 2]


def pairs(bench: Bench, contrast: Contrast, n_pairs: int, progress: Progress) -> Iterator[tuple[int, Run, Run]]:
    """Measure the remaining pairs; yields (number, run of A, run of B) for each pair when it ends.

    Args:
        n_pairs: the total number, including the pairs that are measured already.

    Raises: as `load_test.measure`.
    """
    rate_per_s = _offered_rate(bench, contrast) if contrast.state else None
    paired = replace(bench, settings=replace(bench.settings, slow_clients=contrast.slow_clients, rate_per_s=rate_per_s,
                                             keepalive=not contrast.new_connections))
    sides = dict(zip("AB", cells(bench.course, contrast), strict=True))
    a_first = order.in_two(bench.session.plan.get("n_pairs", n_pairs), n_pairs, f"{bench.session.id} {contrast.name}")
    for number in remaining(bench, contrast, n_pairs):
        name = pair_id(contrast, number)
        runs = {side: load_test.measure(paired, sides[side], purpose="pair", pair_id=name, side=side,
                                        seed=zlib.crc32(name.encode()), on_progress=load_test.on_load(
                                            progress, sides[side].label,
                                            sides[side].window_s(bench.settings.seconds)))
                for side in ("AB" if a_first[number - 1] else "BA")}
        yield number, runs["A"], runs["B"]
        if (again_s := bench.settings.warmup_again_s) is not None:
            paired = replace(paired, settings=replace(paired.settings, warmup_s=again_s))


def pair_id(contrast: Contrast, number: int) -> str:
    """The identifier that both halves of a pair have: `gthread/1`."""
    return f"{contrast.name}/{number}"


def described(contrast: Contrast) -> str:
    """The two sides of a contrast and its load, on one line."""
    views = f"{contrast.view} and {contrast.b_view}" if contrast.b_view else contrast.view
    slow = f" and {units.count(contrast.slow_clients, 'slow client')}" if contrast.slow_clients else ""
    if contrast.state:
        return f"{contrast.a} and {contrast.b}, {views}, the same load {STATES[contrast.state]}"
    new = ", a new connection for each request" if contrast.new_connections else ""
    return f"{contrast.a} and {contrast.b}, {views} with {units.count(contrast.concurrency, 'client')}{slow}{new}"


def as_plan(contrast: Contrast) -> dict[str, Any]:
    """A contrast for the plan of a session, in a form that JSON returns unchanged."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(contrast).items()}


def _offered_rate(bench: Bench, contrast: Contrast) -> float:
    """Requests per second that both sides are offered, the same in each state; found once, and saved in the plan."""
    saved, name = bench.session.plan.get("offered_rates") or {}, f"{contrast.a} {contrast.b} {contrast.view}"
    if name not in saved:
        least = min(load_test.answered_rps(bench, cell) for cell in cells(bench.course, contrast))
        saved = {**saved, name: float(f"{OFFERED_SHARE * least:.2g}")}
        bench.session.update(offered_rates=saved)
    return saved[name]


def _save_differences(bench: Bench, contrast: Contrast) -> None:
    """Find what differs, once per contrast, and save it in the plan for the report."""
    saved = bench.session.plan.get("differences") or {}
    if contrast.name not in saved:
        rows = find_differences(bench.machine, bench.course, contrast)
        bench.session.update(differences={**saved, contrast.name: [asdict(row) for row in rows]})
