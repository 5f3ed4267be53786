"""Two sides under one load, in pairs: A B, then B A, and so on.

Noise of the machine drifts slowly, so the two halves of a pair share it; the changing order takes out what
the second of two always has easier.
"""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace

from deploylab import load
from deploylab.course import Contrast, Course
from deploylab.machine import Machine
from deploylab.measure import load_test
from deploylab.measure.config_diff import differences
from deploylab.measure.load_test import Bench, Scenario
from deploylab.results.record import Difference, Run

DEFAULT_VIEW = "page"
OnLoad = Callable[[str], Callable[[load.LoadProgress], None]]


def named(course: Course, a: str, b: str, *, view: str | None = None, concurrency: int | None = None,
          b_view: str | None = None, slow_clients: int | None = None) -> Contrast:
    """The contrast of two targets. What they differ in, and the load where none is given, are the course's own.

    Raises:
        CourseError: there is no such target or view.
    """
    course.target(a), course.target(b)
    known = _known(course, a, b, view, b_view)
    if view is None:
        view = known.view if known else DEFAULT_VIEW
        b_view = b_view or (known.b_view if known else None)
        concurrency = concurrency or (known.concurrency if known else None)
        slow_clients = slow_clients if slow_clients is not None or not known else known.slow_clients
    course.view(b_view or view)
    return Contrast(
        name="-".join([a, b, view]).replace(":", "-"), title=f"{a} against {b}", lesson=known.lesson if known else "",
        a=a, b=b, view=view, b_view=b_view, concurrency=concurrency or course.view(view).concurrency[0],
        slow_clients=slow_clients or 0, differs=known.differs if known else "", parts=known.parts if known else ())


def _known(course: Course, a: str, b: str, view: str | None, b_view: str | None) -> Contrast | None:
    """The course's contrast of these two, under this load if there is one."""
    same = [one for one in course.contrasts if {one.a, one.b} == {a, b} and (b_view is None or one.b_view == b_view)]
    if view and not b_view:
        same = [one for one in same if one.b_view is None]
    return next((one for one in same if one.view == view), same[0] if same else None)


def cells(course: Course, contrast: Contrast) -> tuple[Scenario, Scenario]:
    """The load on either side."""
    return (Scenario(course.target(contrast.a), course.view(contrast.view), contrast.concurrency),
            Scenario(course.target(contrast.b), course.view(contrast.b_view or contrast.view), contrast.concurrency))


def find(machine: Machine, course: Course, contrast: Contrast) -> list[Difference]:
    """Everything in which the two sides differ, the view too. Both must run; a sleeping one has no processes.

    Raises:
        MachineError: the machine could not be read.
    """
    found = differences(machine, course.target(contrast.a), course.target(contrast.b))
    if contrast.b_view:
        found.insert(0, Difference(name="view", a=contrast.view, b=contrast.b_view))
    return found


def remaining(bench: Bench, contrast: Contrast, n_pairs: int) -> list[int]:
    """The numbers of the pairs that are not whole yet. One that was cut in two is measured anew."""
    halves: dict[str, int] = {}
    for run in bench.session.runs("pair"):
        halves[run.pair_id or ""] = halves.get(run.pair_id or "", 0) + 1
    return [number for number in range(1, n_pairs + 1) if halves.get(pair_id(contrast, number), 0) < 2]


def race(bench: Bench, contrast: Contrast, n_pairs: int, on_load: OnLoad) -> Iterator[tuple[int, Run, Run]]:
    """Measure the pairs that remain: (number, run of A, run of B) of each, as it ends.

    Args:
        n_pairs: in all, with those that are there already.
        on_load: gives the callback that follows one load, by its label.

    Raises: as `experiment.measure`.
    """
    how = replace(bench.how, slow_clients=contrast.slow_clients)
    a, b = cells(bench.course, contrast)
    for number in remaining(bench, contrast, n_pairs):
        name = pair_id(contrast, number)
        made = [load_test.measure(replace(bench, how=how), cell, purpose="pair", pair_id=name,
                                   seed=zlib.crc32(name.encode()), on_progress=on_load(cell.label))
                for cell in ((a, b) if number % 2 else (b, a))]
        yield number, *(made if number % 2 else made[::-1])


def pair_id(contrast: Contrast, number: int) -> str:
    """What both halves of a pair bear: `gthread/1`."""
    return f"{contrast.name}/{number}"
