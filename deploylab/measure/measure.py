"""One sitting of measuring, as the command line and the lessons share it: some targets loaded, or two compared."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict

from deploylab.core import units
from deploylab.core.errors import CheckError, CourseError
from deploylab.core.progress import Progress
from deploylab.course import Contrast, Course, Target, View
from deploylab.load.spec import OPEN_CONNECTIONS
from deploylab.machine import Machine
from deploylab.measure import compare as contrasts
from deploylab.measure import load_test, rounds
from deploylab.measure.load_test import Bench, LoadSettings, Scenario
from deploylab.provision import prepare
from deploylab.provision.on_demand import awake, listening
from deploylab.results import Session
from deploylab.results.record import Difference, Run
from deploylab.results.stats import differing


def measure(machine: Machine, course: Course, targets: Sequence[str], view: str, progress: Progress, *,
            concurrency: int | None = None, seconds: float, repeats: int,
            rate_per_s: float | None = None) -> tuple[Session, list[Run]]:
    """The finished session and its runs: each target so many times, interleaved.

    Args:
        targets: names; none for all that stand and list the view.
        concurrency: clients at a time, the view's own if None; with a rate, connections at most.

    Raises:
        CourseError, CheckError: a target has no such view, or does not stand.
    """
    standing = listening(machine, course.targets)
    chosen = chosen_targets(course, course.view(view), targets, standing)
    # An open loop opens connections as it needs them: few of them would make it wait like a closed one.
    clients = concurrency or (OPEN_CONNECTIONS if rate_per_s else course.view(view).concurrency[0])
    cells = [Scenario(target, course.view(view), clients) for target in chosen]
    runs = []
    with awake(machine, chosen):
        session = Session.create(kind="measure", cells=[cell.as_plan() for cell in cells], n_rounds=repeats,
                                 seconds=seconds, stages=[cell.target.stage for cell in cells])
        bench = Bench.of(machine, course, session, LoadSettings(seconds=seconds, rate_per_s=rate_per_s))
        with progress.phase("load", f"{units.count(repeats * len(cells), 'run')} of {seconds:g} s"):
            for number in range(1, repeats + 1):
                for cell in load_test.rotated(cells, number):
                    show = rounds.on_load(progress, cell.label, seconds)
                    runs.append(load_test.measure(bench, cell, purpose="measure", round_number=number,
                                                   on_progress=show))
                    progress.say(f"    {rounds.line(runs[-1])}")
        session.finish()
    return session, runs


def compare(machine: Machine, course: Course, contrast: Contrast, progress: Progress, *, pairs: int, seconds: float,
            on_pair: Callable[[Run, Run], object] = lambda a, b: None) -> tuple[Session, list[Difference], bool]:
    """The session, all in which the two sides differ, and whether Ctrl-C ended it early.

    Args:
        on_pair: called with the runs of A and B of each pair, before the next one begins.

    Raises:
        CheckError: a side does not stand, or is not what it claims to be.
    """
    targets = [course.target(contrast.a), course.target(contrast.b)]
    with awake(machine, targets):
        prepare.verify(machine, course, targets, progress)
        found = contrasts.find(machine, course, contrast)
        progress.say(f"{rounds.described(contrast)}: {pairs} pairs of {seconds:g} s")
        progress.say(differing(contrast, found))
        session = Session.create(kind="compare", seconds=seconds, stages=[target.stage for target in targets],
                                 contrasts=[rounds.as_plan(contrast)], n_pairs=pairs,
                                 differences={contrast.name: [asdict(one) for one in found]})
        bench = Bench.of(machine, course, session, LoadSettings(seconds=seconds))
        stopped = rounds.race(bench, contrast, pairs, progress, on_pair)
        session.finish()
    return session, found, stopped


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
