"""What came out of the races that were guessed at: all guesses beside all results, at the end of the course."""

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

NO_RACE = "No race about it was run."


@dataclass(frozen=True)
class MeasuredContrast:
    """A contrast that was raced somewhere, with its runs.

    Attributes:
        label: "RECORDED …" where it was not in this clone.
    """

    contrast: Contrast
    runs: Sequence[Run]
    label: str

    @property
    def question(self) -> tuple[str | None, ...]:
        return _question(self.contrast)


def told(guesses: Sequence[Prediction], course: Course) -> Shown:
    """Each guess beside what came out."""
    if not guesses:
        return Shown("No guess is kept.", "<p>No guess is kept. <code>lab.predict</code> in a lesson keeps one.</p>")
    races, rows = list(_races(course)), []
    for guess in guesses:
        race = _about(guess, races, course)
        found = race and stats.contrast_result(race.contrast, (), race.runs)
        said = stats.judged(guess.guess, found.rps).text if found else NO_RACE
        rows.append((guess, said, race.label if race else ""))
    text = "\n".join(f"{one.lesson}: {one.spoken}. {said}{f' [{label}]' if label else ''}" for one, said, label in rows)
    cells = "".join(f"<tr><td>{html.escape(one.lesson)}</td>{_left(_reasoned(one))}"
                    f"{_left(html.escape(said) + badge(label))}</tr>" for one, said, label in rows)
    heads = "".join(f'<th style="text-align:left">{head}</th>' for head in ("lesson", "your guess", "what came out"))
    return Shown(text, f"<table><tr>{heads}</tr>{cells}</table>")


def _reasoned(guess: Prediction) -> str:
    because = f"<br><small>because {html.escape(guess.because)}</small>" if guess.because else ""
    return html.escape(guess.spoken) + because


def _left(body: str) -> str:
    return f'<td style="text-align:left">{body}</td>'


def _about(guess: Prediction, races: Sequence[MeasuredContrast], course: Course) -> MeasuredContrast | None:
    """The first race about a guess. The number of clients does not count: a guess does not name it."""
    try:
        one = compare.named(course, guess.a, guess.b, view=guess.view, b_view=guess.b_view)
    except CourseError:
        return None  # no targets of the course
    return next((race for race in races if race.question == _question(one)), None)


def _question(one: Contrast) -> tuple[str | None, ...]:
    return one.a, one.b, one.view, one.b_view or None


def _races(course: Course) -> Iterator[MeasuredContrast]:
    """Every race there is: one's own from the newest on, then those that ship."""
    yield from (race for session in reversed(results.sessions()) for race in _of_session(session))
    for lesson in course.lessons:
        with suppress(DeployLabError):  # it has no recording
            kept = recording.read(lesson.name)
            for answer in reversed(list(kept.all_of("compare"))):
                yield MeasuredContrast(answer.contrast, answer.runs, kept.label)
    yield from (race for session in reversed(results.recorded()) for race in _of_session(session))


def _of_session(session: results.Session) -> Iterator[MeasuredContrast]:
    tables = session.plan.get("contrasts") or []
    label = f"RECORDED on {session.plan['created_utc'][:10]}" if session.recorded else ""
    runs = session.runs("pair") if tables else []
    for one in map(contrast_of, tables):
        if all(stats.sides(one, runs)):
            yield MeasuredContrast(one, runs, label)
