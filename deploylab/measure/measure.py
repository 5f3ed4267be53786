"""Measures several targets in turns, for the command line and the lessons."""

from collections.abc import Collection, Sequence
from dataclasses import asdict

from deploylab.core import units
from deploylab.core.errors import CheckError, CourseError
from deploylab.core.progress import Progress
from deploylab.course import Course, Target, View
from deploylab.load.spec import OPEN_CONNECTIONS
from deploylab.machine import Machine
from deploylab.measure import load_test, rounds
from deploylab.measure.bench import LoadSettings, Scenario, opened
from deploylab.measure.distance import Distance
from deploylab.provision.on_demand import listening
from deploylab.results import Session, lines
from deploylab.results.record import Run


def measure(machine: Machine, course: Course, targets: Sequence[str], view: str, progress: Progress, *,
            concurrency: int | None = None, seconds: float, repeats: int,
            rate_per_s: float | None = None, cold: bool = False, keepalive: bool = True,
            distance: Distance | None = None) -> tuple[Session, list[Run]]:
    """The finished session and its runs: `repeats` of each target, interleaved.

    Args:
        targets: names of targets; none for all that are running and have the view.
        concurrency: number of clients, the view's own if None; with a rate, the most connections.
        cold: begin each run with an empty cache, instead of a full one.
        keepalive: whether clients keep their connections; else each request opens one.
        distance: how far away the clients are; None: as the view says, which is right here for most.

    Raises:
        CourseError, CheckError: a target has no such view, does not answer, or one of its checks fails.
    """
    running = listening(machine, course.targets)
    chosen = chosen_targets(course, course.view(view), targets, running)
    # An open loop opens connections as needed: with only a few it would wait like a closed loop.
    clients = concurrency or (OPEN_CONNECTIONS if rate_per_s else course.view(view).concurrency[0])
    cells = [Scenario(target, course.view(view), clients, cold) for target in chosen]
    runs = []
    settings = LoadSettings(seconds=seconds, rate_per_s=rate_per_s, keepalive=keepalive, distance=distance)
    with opened(machine, course, chosen, progress, settings, kind="measure", cells=[cell.as_plan() for cell in cells],
                n_rounds=repeats, seconds=seconds, stages=[cell.target.stage for cell in cells],
                distance=distance and asdict(distance)) as bench, \
            progress.phase("load", f"{units.count(repeats * len(cells), 'run')} of {cells[0].window_s(seconds):g} s"):
        for number in range(1, repeats + 1):
            for cell in rounds.rotated(cells, number, repeats, bench.session.id):
                runs.append(load_test.measure(bench, cell, purpose="measure", round_number=number,
                                              on_progress=load_test.on_load(
                                                  progress, cell.label, cell.window_s(seconds))))
                progress.say(f"    {lines.line(runs[-1])}")
    return bench.session, runs


def chosen_targets(course: Course, view: View, names: Sequence[str], running: Collection[str]) -> list[Target]:
    """The targets to measure: those named, or all that are running and have the view.

    Args:
        names: what a person typed; none for all.
        running: names of the targets that answer now. Targets with a `start` command will be started.

    Raises:
        CourseError: one of them has no such view.
        CheckError: one of them is not running.
    """
    chosen = [course.target(name) for name in names]
    for target in chosen:
        if view.name not in target.all_views:
            raise CourseError(f"{target.name} has no view '{view.name}'. It has: {', '.join(target.all_views)}.",
                              f"./lab measure {target.name} --view {target.views[0]}")
        if target.name not in running and not target.start:
            raise CheckError(f"{target.name} does not answer on port {target.port}.", f"./lab goto {target.name}")
    with_view = [target for target in course.targets if view.name in target.all_views]
    chosen = chosen or [target for target in with_view if target.name in running and not target.start]
    if not chosen:
        first = (with_view or course.stages)[0]
        raise CheckError(f"Nothing with the view '{view.name}' is running on the machine.", f"./lab goto {first.name}")
    return chosen
