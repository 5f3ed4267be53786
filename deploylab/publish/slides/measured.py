"""What a session and the lessons' recordings measured, for slides. Each drawing is made once for all languages."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from deploylab.core import units
from deploylab.core.errors import DeckError
from deploylab.course import Course
from deploylab.lessons import past_results, recording
from deploylab.lessons.answers import MeasuredDuring
from deploylab.lessons.servers.result import Race
from deploylab.measure.compare import as_plan
from deploylab.publish.slides.deck import NotMeasured
from deploylab.report import content, contrasts, plots
from deploylab.report.plots import Plot
from deploylab.results import Session, stats
from deploylab.results.record import Run
from deploylab.results.stats import Cell, ContrastResult, Step, Summary

PANEL_IN = (7.8, 3.0)          # the proportions of the space on a slide; small, so that the letters are large
THREE_PANELS_IN = (9.8, 3.5)


class SessionResults:
    """The runs of one session, and what report and notebooks make of them.

    Args:
        session: finished or not.

    Raises:
        ResultsError: the results cannot be read.
    """

    def __init__(self, session: Session, course: Course):
        self.session, self.course = session, course
        runs = session.read()[0]
        self.rounds, _ = content.of_one_machine(
            [run for run in runs if run.purpose == "round" and run.variant is None])
        self.pairs, _ = content.of_one_machine([run for run in runs if run.purpose == "pair"])
        self.steps = stats.steps(self.rounds, course)
        self._raced = contrasts.contrast_results(session.plan, self.pairs)
        self._summaries = stats.summarise(self.rounds)

    def cell(self, stage: str, view: str, concurrency: int) -> Summary:
        """One stage under one load, from the rounds.

        Raises:
            NotMeasured: this session has no such round.
            CourseError: there is no such stage or view.
        """
        name, shown = self.course.stage(stage).name, self.course.view(view).name
        summary = self._summaries.get(Cell(name, None, shown, concurrency))
        if summary is None:
            raise NotMeasured(f"{name}, {shown}, {units.count(concurrency, 'client')}")
        return summary

    def step(self, stage: str) -> list[Step]:
        """A stage compared to the one before it, view by view. Raises: as `cell`."""
        name = self.course.stage(stage).name
        steps = [step for step in self.steps if step.stage.stage == name]
        if not steps:
            raise NotMeasured(name)
        return steps

    def contrast(self, name: str) -> ContrastResult:
        """The result of one of the course's contrasts; in the session it may have another name.

        Raises:
            NotMeasured: this session has no pair of it.
            DeckError: the course does not have it.
        """
        known = {contrast.name: contrast for contrast in self.course.contrasts}
        if name not in known:
            raise DeckError(f"there is no contrast '{name}'")
        asked = past_results.load(as_plan(known[name]))
        for result in self._raced:
            if past_results.load(as_plan(result.contrast)) == asked:
                return result
        raise NotMeasured(f"{known[name].a} → {known[name].b}, {contrasts.load(known[name])}")

    def runs_of(self, *names: str) -> list[Run]:
        """The runs of these contrasts, by their names in the session, in order of time."""
        return [run for run in self.pairs if run.pair_id and run.pair_id.rpartition("/")[0] in names]

    def runs_in(self, view: str, concurrency: int) -> list[Run]:
        """The rounds of one view under one load."""
        return [run for run in self.rounds if (run.view, run.concurrency) == (view, concurrency)]

    @cache  # noqa: B019  one object per deck, which is short-lived
    def ladder(self, view: str, concurrency: int) -> Plot:
        """Throughput of every stage in one view. Raises: NotMeasured, CourseError."""
        runs = self.runs_in(self.course.view(view).name, concurrency)
        ladder = {stage.stage for stage in stats.on_ladder(self.course)}
        if not any(run.stage in ladder for run in runs):
            raise NotMeasured(f"{view}, {units.count(concurrency, 'client')}")
        return wide(plots.ladder(runs, self.course, cells=[(view, concurrency)], recorded=self.session.recorded))

    @cache  # noqa: B019
    def forest(self, *names: str) -> Plot:
        """The contrasts among these that were measured, one below the other. Raises: as `contrast`, if none was."""
        results, missing = [], []
        for name in names:
            try:
                results.append(self.contrast(name))
            except NotMeasured as error:
                missing.append(error.what)
        if not results:
            raise NotMeasured("; ".join(missing))
        runs = self.runs_of(*(result.contrast.name for result in results))
        return wide(plots.forest(results, runs, self.course, recorded=self.session.recorded))

    @cache  # noqa: B019
    def order(self) -> Plot:
        """Every run of the rounds, in order of time. Raises: NotMeasured."""
        if not self.rounds:
            raise NotMeasured("rounds")
        return wide(plots.run_order(self.rounds, self.course, recorded=self.session.recorded))


@cache
def during(lesson: str, command: str) -> tuple[MeasuredDuring, Run, Plot]:
    """A load with a command in the middle of it, as a lesson's recording has it: answer, run and plot.

    Args:
        command: a part of the command that no other command of the lesson contains.

    Raises:
        DeckError: no result of the recording is about this command, or several are.
        NotRecorded: the lesson has no recording.
    """
    answers = [answer for answer in recording.read(lesson).all_of("measure_during") if command in answer.command]
    if len(answers) != 1:
        raise DeckError(f"{len(answers)} answers of {lesson} are about '{command}'")
    run = answers[0].run
    plot = plots.during(run, answers[0].bins, answers[0].began_s, answers[0].ended_s, recorded=True)
    return answers[0], run, wide(plot)


@cache
def race(lesson: str) -> Race:
    """The race of small servers that a lesson's recording has. Raises: as `during`."""
    answers: Sequence[Race] = list(recording.read(lesson).all_of("servers"))
    if not answers:
        raise DeckError(f"{lesson} has recorded no race of servers")
    return replace(answers[-1], recorded=True)


def wide(plot: Plot, size_in: tuple[float, float] = PANEL_IN) -> Plot:
    """The plot with the proportions of a slide, set before it is first rendered."""
    plot.figure.set_size_inches(*size_in)
    return plot


def when(lesson: str) -> str:
    """The day of a lesson's recording."""
    return recording.read(lesson).recorded_utc[:10]
