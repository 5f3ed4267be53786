"""What an attendee does without instructions: exercises, and finding what was broken on purpose."""

from collections.abc import Callable
from typing import Any

from deploylab.core.errors import DeployLabError
from deploylab.course import Course
from deploylab.lessons import exercises
from deploylab.lessons.backend import Backend
from deploylab.lessons.display import faults, output
from deploylab.lessons.display.output import Shown

MEND = "lab.mend() repairs it and says what it was."


class Practice:
    """The part of `Lab` with the commands for exercises and breaks. It counts the hints that were shown."""

    _course: Course
    _backend: Backend | None
    _ask: Callable[..., Any]
    label: str

    def __init__(self):
        self._hints: dict[str, int] = {}
        self._broken = self._suspected = ""

    def hint(self, name: str = "") -> Shown:
        """The next hint for an exercise; without a name, for what `lab.break_it` broke.

        Raises:
            DeployLabError: nothing is broken, or there is no such exercise.
        """
        if not name and not self._broken:
            raise DeployLabError("Nothing was broken here.", 'lab.break_it(), or lab.hint("NAME") for an exercise')
        if not name:
            fault = self._course.breaking(self._broken)
            return exercises.hint("what is broken", fault.hints, self._hinted(f"break {fault.name}"), MEND)
        exercise = exercises.read(name)
        return exercises.hint(name, exercise.hints, self._hinted(name), f'The solution: lab.solution("{name}")')

    def solution(self, name: str) -> Shown:
        """The solution of an exercise, folded."""
        return exercises.solution(exercises.read(name))

    def exercise(self, name: str, text: str, namespace: dict[str, Any], run: Callable[[str], bool]) -> Shown:
        """Try a cell as the answer to an exercise; used by `%%exercise`. It never raises."""
        try:
            return exercises.attempt(exercises.read(name), self, self._backend, text, namespace, run)
        except DeployLabError as error:
            return output.text(str(error), ok=False)

    def break_it(self, name: str = "") -> Shown:
        """Break something on the machine, and show what visitors see. You find the cause.

        Args:
            name: of a `[[break]]` in course.toml; without it, one of the lesson's is chosen at random, and not named.
        """
        answer = self._ask("break_it", name=name)
        self._broken, self._suspected = answer.name, ""
        return faults.broken(answer, self.label)

    def suspect(self, cause: str) -> Shown:
        """Write down what you think is broken. `lab.mend()` shows it beside what it was."""
        self._suspected = cause
        return output.text(f"Noted. {MEND}")

    def mend(self) -> Shown:
        """Repair what is broken on the machine, and say what it was. It works whatever the machine's state is."""
        shown = faults.mended(self._ask("mend"), self._suspected, self.label)
        self._broken = self._suspected = ""
        return shown

    def _hinted(self, name: str) -> int:
        """How often a hint was asked for, including this time."""
        self._hints[name] = self._hints.get(name, 0) + 1
        return self._hints[name]
