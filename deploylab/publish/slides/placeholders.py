"""The functions that may be used between {{ and }} in a deck: each returns a figure, a drawing or a text."""

import re
from collections.abc import Callable, Sequence

from deploylab.core import paths, units
from deploylab.core.errors import DeckError
from deploylab.load import in_doubt
from deploylab.publish.slides import measured as found_in
from deploylab.publish.slides.deck import NotMeasured
from deploylab.publish.slides.language import Language
from deploylab.publish.slides.measured import SessionResults
from deploylab.report import contrasts, plots, sentences
from deploylab.report.plots import Plot
from deploylab.results import describe, stats
from deploylab.results.record import Run
from deploylab.results.stats import ContrastResult, Step

Draw = Callable[..., str]  # the name of a part of a slide, and its values by name
SECONDS_PER_HOUR = 3600


class Placeholders:
    """The functions of one slide.

    Args:
        draw: renders a part of a slide, from the name of the part and its values.

    Attributes:
        conditions: under which the figures of the slide were measured.
        recorded: whether one of them was not measured here.
    """

    def __init__(self, measured: SessionResults, language: Language, draw: Draw):
        self._measured, self._course, self._language, self._draw = measured, measured.course, language, draw
        self.conditions: list[str] = []
        self.recorded = False

    @property
    def names(self) -> dict[str, Callable[..., str]]:
        """The functions, by the name used in a deck."""
        return {name: getattr(self, name) for name in vars(type(self)) if not name.startswith("_") and name != "names"}

    def road(self) -> str:
        """The stages that follow each other, with their ports."""
        return self._draw("road", stages=stats.on_ladder(self._course))

    def rate(self, stage: str, view: str, concurrency: int) -> str:
        """Requests per second of a stage: '74.7/s'."""
        summary = self._measured.cell(stage, view, concurrency)
        self._measured_as([run for run in self._measured.runs_in(view, concurrency) if run.stage == stage])
        return self._language.say(units.rate(summary.rps))

    def per_hour(self, stage: str, view: str, concurrency: int) -> str:
        """The same per hour, without a unit."""
        summary = self._measured.cell(stage, view, concurrency)
        return self._language.say(units.three_figures(summary.rps * SECONDS_PER_HOUR))

    def contrast(self, name: str, *rows: str) -> str:
        """The result of a contrast: its verdict, and some figures of both sides.

        Args:
            rows: figures in addition to throughput, by their names in the report.
        """
        result = self._measured.contrast(name)
        words = contrasts.in_words(result, self._course)
        self._measured_as(self._measured.runs_of(result.contrast.name))
        return self._draw("contrast", one=words, symbol=sentences.SYMBOLS[words.kind],
                          rows=_chosen(words.figures, rows, result), differing=_differing(result))

    def forest(self, *names: str) -> str:
        """Several contrasts as intervals."""
        return self._plotted(self._measured.forest(*names))

    def ladder(self, view: str, concurrency: int) -> str:
        """Throughput of every stage in one view."""
        return self._plotted(self._measured.ladder(view, concurrency))

    def order(self) -> str:
        """How steady the machine was."""
        return self._plotted(self._measured.order())

    def bought(self, stage: str) -> str:
        """A stage compared to the one before it: a box for each view."""
        steps = self._measured.step(stage)
        self._of_steps(steps)
        boxes = [{"kind": sentences.outcome(step), "where": sentences.where(step),
                  "symbol": sentences.SYMBOLS[sentences.outcome(step)], "said": sentences.in_short(step),
                  "rates": sentences.pair(step.a.rps, step.b.rps, units.rate),
                  "note": sentences.note(step)} for step in steps]
        return self._draw("bought", boxes=boxes, stage=stage,
                          before=" / ".join(dict.fromkeys(step.before.stage for step in steps)))

    def matrix(self) -> str:
        """Every step in every view: a gain, a loss or no difference."""
        steps = self._measured.steps
        if not steps:
            raise NotMeasured("rounds")
        self._of_steps(steps)
        cells = {(step.cell.view, step.cell.concurrency, step.stage.stage): step for step in steps}
        rows = [(sentences.where(step), step.cell.view, step.cell.concurrency) for step in steps]
        return self._draw(
            "matrix", stages=list(dict.fromkeys(step.stage.stage for step in steps)), rows=list(dict.fromkeys(rows)),
            cells={where: (sentences.outcome(step), sentences.SYMBOLS[sentences.outcome(step)],
                           units.factor(step.main.ratio) if step.main.ratio else "",
                           any(in_doubt(list(side.flags)) for side in (step.a, step.b)))
                   for where, step in cells.items()})

    def servers(self, lesson: str) -> str:
        """The comparison of small servers, from a lesson's recording."""
        return self._plotted(found_in.wide(found_in.race(lesson).plot, found_in.THREE_PANELS_IN), lesson)

    def during(self, lesson: str, command: str) -> str:
        """A load while a command ran, from a lesson's recording."""
        return self._plotted(found_in.during(lesson, command)[2], lesson)

    def failed_during(self, lesson: str, command: str) -> str:
        """What failed while the command ran, by kind."""
        run = self._run(lesson, command)
        return self._language.say(describe.failures(run.errors, run.n_sent))

    def sent_during(self, lesson: str, command: str) -> str:
        """How many requests were sent in that load."""
        return self._language.say(f"{self._run(lesson, command).n_sent:,}")

    def errors_during(self, lesson: str, command: str) -> str:
        """How many of them failed."""
        return self._language.say(f"{self._run(lesson, command).n_errors:,}")

    def longest_during(self, lesson: str, command: str) -> str:
        """The longest wait for a good answer in that load."""
        run = self._run(lesson, command)
        return self._language.say(units.ms(run.latency_ns["max"]))

    def picture(self, path: str) -> str:
        """A drawing of the project, with its texts in the deck's language.

        Args:
            path: from the project's root.
        """
        svg = _file(path)[_file(path).index("<svg"):]
        return self._draw("figure", svg=self._language.drawn(svg, path))

    def code(self, path: str, first: str, last: str = "") -> str:
        """Lines of a file, without their comments.

        Args:
            first, last: parts of the first and the last line; without a last one, to the end of the file.
        """
        lines = _file(path).splitlines()
        begin = _line(lines, first, 0, path)
        end = _line(lines, last, begin, path) if last else len(lines) - 1
        shown = [re.sub(r"(^|  +)#.*", "", line).rstrip() for line in lines[begin:end + 1]
                 if not line.lstrip().startswith("#") and not line.lstrip().startswith('"""')]
        return "\n".join(["```", *shown, "```"])

    def _plotted(self, plot: Plot, lesson: str = "") -> str:
        self._say_once(plot.measured, lesson)
        return self._draw("figure", svg=self._language.drawn(plot.svg))

    def _run(self, lesson: str, command: str) -> Run:
        _, run, plot = found_in.during(lesson, command)
        self._say_once(plot.measured, lesson)
        return run

    def _of_steps(self, steps: Sequence[Step]) -> None:
        cells = {(step.cell.view, step.cell.concurrency) for step in steps}
        stages = {side.stage for step in steps for side in (step.stage, step.before)}
        self._measured_as([run for run in self._measured.rounds
                           if (run.view, run.concurrency) in cells and run.stage in stages])

    def _measured_as(self, runs: Sequence[Run]) -> None:
        self._say_once(plots.measured_as(runs, self._measured.session.recorded))

    def _say_once(self, text: str, lesson: str = "") -> None:
        """Add the conditions of a figure and its origin to the slide's conditions, unless they are there."""
        source = f"Lesson {lesson}, {found_in.when(lesson)}." if lesson else f"Session {self._measured.session.id}."
        self.recorded |= bool(lesson) or self._measured.session.recorded
        condition = self._language.say(f"{text} {source}")
        if condition not in self.conditions:
            self.conditions.append(condition)


def _differing(result: ContrastResult) -> str:
    if not result.differences:
        return "Their configuration does not differ."
    if result.one_thing:
        return "They differ in one thing."
    return "More than one thing differs: the number is for the whole step, not for its parts."


def _chosen(figures: Sequence[contrasts.Figure], more: Sequence[str], result: ContrastResult) -> list[contrasts.Figure]:
    """Throughput, the requested figures (by default latency and processor time), and failures, if there are any."""
    if missing := set(more) - {row.name for row in figures}:
        raise DeckError(f"there is no figure {missing}. There are: {', '.join(row.name for row in figures)}")
    usual = figures[0].name, *(more or [row.name for row in figures if row.name.startswith(("p50", "server CPU"))])
    failed = [contrasts.FAILED] if result.a.n_failed or result.b.n_failed else []
    return [row for row in figures if row.name in (*usual, *failed)]


def _file(path: str) -> str:
    try:
        return (paths.ROOT / path).read_text(encoding="utf-8")
    except OSError as error:
        raise DeckError(f"{path}: {error.strerror}") from error


def _line(lines: Sequence[str], part: str, begin: int, path: str) -> int:
    for number in range(begin, len(lines)):
        if part in lines[number]:
            return number
    raise DeckError(f"no line of {path} has '{part}'")
