"""All guesses beside the results of the comparisons, at the end of the course."""

import html
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from deploylab import results
from deploylab.core.errors import CourseError, DeployLabError
from deploylab.course import Contrast, Course
from deploylab.lessons import recording
from deploylab.lessons.display.output import Shown, badge
from deploylab.lessons.predictions import Prediction
from deploylab.measure import compare
from deploylab.report.contrasts import contrast_of
from deploylab.results import stats
from deploylab.results.record import Run

NOT_COMPARED = "These two have not been compared."


@dataclass(frozen=True)
class MeasuredContrast:
    """A contrast that was measured, with its runs.

    Attributes:
        label: "RECORDED …" if it was not measured in this clone.
    """

    contrast: Contrast
    runs: Sequence[Run]
    label: str

    @property
    def question(self) -> tuple[str | None, ...]:
        return _question(self.contrast)


def beside_results(guesses: Sequence[Prediction], course: Course) -> Shown:
    """Each guess beside the result."""
    if not guesses:
        return Shown("There are no guesses yet.",
                     "<p>There are no guesses yet. <code>lab.predict</code> in a lesson saves one.</p>")
    contrasts, rows = list(_measured_contrasts(course)), []
    for guess in guesses:
        contrast = _about(guess, contrasts, course)
        result = contrast and stats.contrast_result(contrast.contrast, (), contrast.runs)
        verdict = stats.judged(guess.guess, result.main).text if result else NOT_COMPARED
        rows.append((guess, verdict, contrast.label if contrast else ""))
    text = "\n".join(f"{guess.lesson}: {guess.sentence}. {verdict}{f' [{label}]' if label else ''}"
                     for guess, verdict, label in rows)
    cells = "".join(f"<tr><td>{html.escape(guess.lesson)}</td>{_left(_with_reason(guess))}"
                    f"{_left(html.escape(verdict) + badge(label))}</tr>" for guess, verdict, label in rows)
    heads = "".join(f'<th style="text-align:left">{head}</th>' for head in ("lesson", "your guess", "result"))
    return Shown(text, f"<table><tr>{heads}</tr>{cells}</table>")


def _with_reason(guess: Prediction) -> str:
    because = f"<br><small>because {html.escape(guess.because)}</small>" if guess.because else ""
    return html.escape(guess.sentence) + because


def _left(body: str) -> str:
    return f'<td style="text-align:left">{body}</td>'


def _about(guess: Prediction, contrasts: Sequence[MeasuredContrast], course: Course) -> MeasuredContrast | None:
    """The first contrast that a guess is about. The number of clients is ignored, because a guess does not have one."""
    try:
        guessed = compare.named(course, guess.a, guess.b, view=guess.view, b_view=guess.b_view)
    except CourseError:
        return None  # its sides are not targets of the course
    return next((contrast for contrast in contrasts if contrast.question == _question(guessed)), None)


def _question(contrast: Contrast) -> tuple[str | None, ...]:
    return contrast.a, contrast.b, contrast.view, contrast.b_view or None, contrast.state


def _measured_contrasts(course: Course) -> Iterator[MeasuredContrast]:
    """Every measured contrast: those of this clone, the newest first, then those that ship with the course."""
    yield from (contrast for session in reversed(results.sessions()) for contrast in _of_session(session))
    for lesson in course.lessons:
        with suppress(DeployLabError):  # it has no recording
            recorded = recording.read(lesson.name)
            for answer in reversed(list(recorded.all_of("compare"))):
                yield MeasuredContrast(answer.contrast, answer.runs, recorded.label)
    yield from (contrast for session in reversed(results.recorded()) for contrast in _of_session(session))


def _of_session(session: results.Session) -> Iterator[MeasuredContrast]:
    tables = session.plan.get("contrasts") or []
    label = f"RECORDED on {session.plan['created_utc'][:10]}" if session.recorded else ""
    runs = session.runs("pair") if tables else []
    for contrast in map(contrast_of, tables):
        if all(stats.sides(contrast, runs)):
            yield MeasuredContrast(contrast, runs, label)
