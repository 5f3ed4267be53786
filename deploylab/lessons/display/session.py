"""Shows the results of a session of `./lab run`: the newest of this clone, else one that ships with the course."""

import html
from collections.abc import Sequence
from itertools import groupby

from deploylab import results
from deploylab.core import units
from deploylab.core.errors import ResultsError
from deploylab.course import Course
from deploylab.lessons.display import output
from deploylab.lessons.display.output import Shown, badge
from deploylab.report import contrasts, plots, sentences
from deploylab.report.content import of_one_machine
from deploylab.report.plots import Plot
from deploylab.results import Session, describe, stats


class SessionDisplay:
    """The results of a session. It shows only runs from rounds, in which the stages take turns, and from pairs.

    Example, in a notebook:
        results = lab.results()
        results.ladder("page")
    """

    def __init__(self, session: Session, course: Course):
        self.session, self._course = session, course
        runs, self._damaged = session.read()
        self._runs, _ = of_one_machine([run for run in runs if run.purpose == "round" and run.variant is None])
        self._pairs, _ = of_one_machine([run for run in runs if run.purpose == "pair"])

    @property
    def label(self) -> str:
        """The mark on everything that is shown; "" if it was measured in this clone."""
        if not self.session.recorded:
            return ""
        return f"RECORDED on {self.session.plan['created_utc'][:10]}, {self._machine}"

    @property
    def _machine(self) -> str:
        return describe.machine(self.session.plan.get("machine") or {})

    def __repr__(self) -> str:
        return "\n".join([*([self.label] if self.label else []), *self._lines()])

    def _repr_html_(self) -> str:
        return f"<div>{badge(self.label)}{''.join(f'<p>{html.escape(line)}</p>' for line in self._lines())}</div>"

    def _lines(self) -> list[str]:
        stages = ", ".join(dict.fromkeys(run.stage for run in self._runs))
        rounds, pairs = units.count(len(self._runs), "run"), units.count(len(self._pairs) // 2, "pair")
        return [f"Session {self.session.id}: {rounds} in rounds, {pairs} in contrasts. Stages: {stages}.",
                f"Machine: {self._machine}.", *self._damaged]

    def ladder(self, view: str, concurrency: int | None = None) -> Shown:
        """Throughput of every stage on one view."""
        return self._plot(plots.ladder, view, concurrency)

    def latency(self, view: str, concurrency: int | None = None) -> Shown:
        """The latency of every stage on one view."""
        return self._plot(plots.latency, view, concurrency)

    @property
    def stages(self) -> list[str]:
        """The stages that it measured, in the order of the course."""
        measured = {run.stage for run in self._runs}
        return [stage.stage for stage in stats.on_ladder(self._course) if stage.stage in measured]

    def rate(self, stage: str, view: str, concurrency: int | None = None) -> float:
        """Good answers per second of one stage on one view, as a number.

        Raises:
            ResultsError: the session has no such runs.
        """
        cell = stats.Cell(stage, None, view, self._clients(view, concurrency))
        summaries = stats.summarise(self._runs)
        if cell not in summaries:
            raise ResultsError(f"Session {self.session.id} did not measure {stage} on {view}.", "./lab run")
        return summaries[cell].rps

    def bought(self, stage: str | None = None) -> Shown:
        """What each step brought, in a few sentences: the largest gains first, then losses, then no difference.

        Args:
            stage: only this step, with a plot of the ratio on each view.
        """
        steps = [step for step in stats.steps(self._runs, self._course) if stage in (None, step.stage.stage)]
        if not steps:
            raise ResultsError(f"Session {self.session.id} has no step {stage or 'at all'}.", "./lab run")
        parts = [_in_words(list(group)) for _, group in groupby(steps, key=lambda step: step.stage.stage)]
        text = "\n".join(f"{title}\n" + "\n".join(f"  {line}" for line in lines) for title, lines in parts)
        body = "".join(f"<p><strong>{html.escape(title)}</strong></p><ul>"
                       + "".join(f"<li>{html.escape(line)}</li>" for line in lines) + "</ul>" for title, lines in parts)
        if stage:
            runs = [run for run in self._runs if run.stage in {stage, *(step.before.stage for step in steps)}]
            plot = plots.ratios(steps, runs, self._course, recorded=self.session.recorded)
            return Shown(f"{text}\n{plot.alt}", body + plot._repr_html_(), self.label)
        return Shown(text, body, self.label)

    def contrasts(self) -> Shown:
        """What one change does: each contrast as a ratio with its interval."""
        collected = contrasts.collect(self.session.plan, self._pairs, self._course, self.session.recorded)
        if collected.plot is None:
            return output.text("This session has no contrasts.", self.label, ok=False)
        return _shown(collected.plot, self.label)

    def steady(self) -> Shown:
        """How steady the machine was: every run in order of time, relative to the mean of its stage and view."""
        return _shown(plots.run_order(self._runs, self._course, recorded=self.session.recorded), self.label)

    def _plot(self, draw, view: str, concurrency: int | None) -> Shown:
        cell = view, self._clients(view, concurrency)
        if cell not in stats.cells_of(self._runs, self._course):
            cells = ", ".join(f"{name} {clients}" for name, clients in stats.cells_of(self._runs, self._course))
            raise ResultsError(f"Session {self.session.id} did not measure {view} with {cell[1]} clients. "
                               f"It has: {cells}.", "./lab run")
        return _shown(draw(self._runs, self._course, cells=[cell], recorded=self.session.recorded), self.label)

    def _clients(self, view: str, concurrency: int | None) -> int:
        return concurrency or self._course.view(view).concurrency[0]


def newest(course: Course) -> SessionDisplay:
    """The newest finished session of `./lab run`; those of this clone come before those that ship with the course.

    Raises:
        ResultsError: there is none.
    """
    for session in [*reversed(results.sessions()), *reversed(results.recorded())]:
        if session.plan.get("kind") == "run" and session.finished:
            return SessionDisplay(session, course)
    raise ResultsError("No session of `./lab run` is finished yet.", "./lab run")


def _in_words(steps: Sequence[stats.Step]) -> tuple[str, list[str]]:
    """One step's title and its sentences."""
    stage, before = steps[0].stage, " or ".join(dict.fromkeys(step.before.stage for step in steps))
    return f"{stage.stage} after {before}: {stage.title}", [*sentences.headline(steps), *sentences.cost(steps)]


def _shown(plot: Plot, label: str) -> Shown:
    return Shown(plot.alt, plot._repr_html_(), label)
