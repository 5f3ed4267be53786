"""What a whole session of `./lab run` came to, plot by plot: one's own newest, else one that ships with the course."""

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


class Findings:
    """A session, ready to be looked at. What it shows is from interleaved rounds and from pairs alone.

    Example, in a notebook:
        found = lab.results()
        found.ladder("page")
    """

    def __init__(self, session: Session, course: Course):
        self.session, self._course = session, course
        runs, self._damaged = session.read()
        self._runs, _ = of_one_machine([run for run in runs if run.purpose == "round" and run.variant is None])
        self._pairs, _ = of_one_machine([run for run in runs if run.purpose == "pair"])

    @property
    def label(self) -> str:
        """What stands on everything that is shown: "" where it was measured here."""
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
        return [f"Session {self.session.id}: {rounds} in interleaved rounds, {pairs} of contrasts. Stages: {stages}.",
                f"Machine: {self._machine}.", *self._damaged]

    def ladder(self, view: str, concurrency: int | None = None) -> Shown:
        """Throughput of every stage on one view."""
        return self._plot(plots.ladder, view, concurrency)

    def latency(self, view: str, concurrency: int | None = None) -> Shown:
        """How long the answers of every stage took on one view."""
        return self._plot(plots.latency, view, concurrency)

    @property
    def stages(self) -> list[str]:
        """The stages of the ladder that it measured, in the order of the course."""
        there = {run.stage for run in self._runs}
        return [one.stage for one in stats.on_ladder(self._course) if one.stage in there]

    def rate(self, stage: str, view: str, concurrency: int | None = None) -> float:
        """Good answers a second of one stage on one view, to compute with.

        Raises:
            ResultsError: the session has no such runs.
        """
        cell = stats.Cell(stage, None, view, self._clients(view, concurrency))
        known = stats.summarise(self._runs)
        if cell not in known:
            raise ResultsError(f"Session {self.session.id} did not measure {stage} on {view}.", "./lab run")
        return known[cell].rps

    def bought(self, stage: str | None = None) -> Shown:
        """What each step bought, in a few sentences: the most first, then losses, then nothing.

        Args:
            stage: that step alone, with every view of it as a ratio.
        """
        steps = [one for one in stats.steps(self._runs, self._course) if stage in (None, one.stage.stage)]
        if not steps:
            raise ResultsError(f"Session {self.session.id} has no step {stage or 'at all'}.", "./lab run")
        said = [_said(list(some)) for _, some in groupby(steps, key=lambda one: one.stage.stage)]
        text = "\n".join(f"{name}\n" + "\n".join(f"  {line}" for line in lines) for name, lines in said)
        body = "".join(f"<p><strong>{html.escape(name)}</strong></p><ul>"
                       + "".join(f"<li>{html.escape(line)}</li>" for line in lines) + "</ul>" for name, lines in said)
        if stage:
            mine = [run for run in self._runs if run.stage in {stage, *(one.before.stage for one in steps)}]
            plot = plots.ratios(steps, mine, self._course, recorded=self.session.recorded)
            return Shown(f"{text}\n{plot.alt}", body + plot._repr_html_(), self.label)
        return Shown(text, body, self.label)

    def contrasts(self) -> Shown:
        """What one thing is worth: each contrast as a ratio with its interval."""
        found = contrasts.collect(self.session.plan, self._pairs, self._course, self.session.recorded)
        if found.plot is None:
            return output.text("This session has no contrasts.", self.label, ok=False)
        return _shown(found.plot, self.label)

    def steady(self) -> Shown:
        """How steady the machine was: every run, in order of time, against the mean of its own kind."""
        return _shown(plots.run_order(self._runs, self._course, recorded=self.session.recorded), self.label)

    def _plot(self, draw, view: str, concurrency: int | None) -> Shown:
        cell = view, self._clients(view, concurrency)
        if cell not in stats.cells_of(self._runs, self._course):
            known = ", ".join(f"{name} {clients}" for name, clients in stats.cells_of(self._runs, self._course))
            raise ResultsError(f"Session {self.session.id} did not measure {view} with {cell[1]} clients. "
                               f"It has: {known}.", "./lab run")
        return _shown(draw(self._runs, self._course, cells=[cell], recorded=self.session.recorded), self.label)

    def _clients(self, view: str, concurrency: int | None) -> int:
        return concurrency or self._course.view(view).concurrency[0]


def newest(course: Course) -> Findings:
    """The newest finished session of `./lab run`, one's own before those that ship with the course.

    Raises:
        ResultsError: there is none.
    """
    for session in [*reversed(results.sessions()), *reversed(results.recorded())]:
        if session.plan.get("kind") == "run" and session.finished:
            return Findings(session, course)
    raise ResultsError("No session of `./lab run` is finished yet.", "./lab run")


def _said(steps: Sequence[stats.Step]) -> tuple[str, list[str]]:
    """One step's title and its sentences."""
    stage, before = steps[0].stage, " or ".join(dict.fromkeys(one.before.stage for one in steps))
    return f"{stage.stage} after {before}: {stage.title}", [*sentences.headline(steps), *sentences.cost(steps)]


def _shown(plot: Plot, label: str) -> Shown:
    return Shown(plot.alt, plot._repr_html_(), label)
