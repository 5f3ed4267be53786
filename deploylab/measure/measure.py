"""Some targets loaded in turns, as the command line and the lessons do it."""

from collections.abc import Collection, Sequence

from deploylab.core import units
from deploylab.core.errors import CheckError, CourseError
from deploylab.core.progress import Progress
from deploylab.course import Course, Target, View
from deploylab.load.spec import OPEN_CONNECTIONS
from deploylab.machine import Machine
from deploylab.measure import load_test, rounds
from deploylab.measure.bench import LoadSettings, Scenario, opened
from deploylab.provision.on_demand import listening
from deploylab.results import Session, lines
from deploylab.results.record import Run


def measure(machine: Machine, course: Course, targets: Sequence[str], view: str, progress: Progress, *,
            concurrency: int | None = None, seconds: float, repeats: int,
            rate_per_s: float | None = None) -> tuple[Session, list[Run]]:
    """The finished session and its runs: each target so many times, interleaved.

    Args:
        targets: names; none for all that stand and list the view.
        concurrency: clients at a time, the view's own if None; with a rate, connections at most.

    Raises:
        CourseError, CheckError: a target has no such view, does not answer, or a check of it says no.
    """
    standing = listening(machine, course.targets)
    chosen = chosen_targets(course, course.view(view), targets, standing)
    # An open loop opens connections as it needs them: few of them would make it wait like a closed one.
    clients = concurrency or (OPEN_CONNECTIONS if rate_per_s else course.view(view).concurrency[0])
    cells = [Scenario(target, course.view(view), clients) for target in chosen]
    runs = []
    with opened(machine, course, chosen, progress, LoadSettings(seconds=seconds, rate_per_s=rate_per_s),
                kind="measure", cells=[cell.as_plan() for cell in cells], n_rounds=repeats, seconds=seconds,
                stages=[cell.target.stage for cell in cells]) as bench, \
            progress.phase("load", f"{units.count(repeats * len(cells), 'run')} of {seconds:g} s"):
        for number in range(1, repeats + 1):
            for cell in rounds.rotated(cells, number):
                runs.append(load_test.measure(bench, cell, purpose="measure", round_number=number,
                                              on_progress=load_test.on_load(progress, cell.label, seconds)))
                progress.say(f"    {lines.line(runs[-1])}")
    return bench.session, runs


def chosen_targets(course: Course, view: View, names: Sequence[str], standing: Collection[str]) -> list[Target]:
    """The targets to measure: those named, or all that stand and list the view.

    Args:
        names: what a person typed; none for all.
        standing: names of the targets that answer now. Those with a `start` command are woken.

    Raises:
        CourseError: one of them has no such view.
        CheckError: one of them does not stand.
    """
    chosen = [course.target(name) for name in names]
    for target in chosen:
        if view.name not in target.all_views:
            raise CourseError(f"{target.name} has no view '{view.name}'. It has: {', '.join(target.all_views)}.",
                              f"./lab measure {target.name} --view {target.views[0]}")
        if target.name not in standing and not target.start:
            raise CheckError(f"{target.name} does not answer on port {target.port}.", f"./lab goto {target.name}")
    with_it = [target for target in course.targets if view.name in target.all_views]
    chosen = chosen or [target for target in with_it if target.name in standing and not target.start]
    if not chosen:
        first = (with_it or course.stages)[0]
        raise CheckError(f"Nothing with the view '{view.name}' stands on the machine yet.", f"./lab goto {first.name}")
    return chosen
