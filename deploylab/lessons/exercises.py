"""Exercises: a cell whose first text fails its check, and hints that lead to one that passes.

Each is a module in `notebooks/exercises/`:

    TASK      what to do, in Markdown: the cell before
    START     the text that the cell begins with
    HINTS     from vague to nearly the answer
    SOLUTION  the complete text of a cell that passes
    NEEDS     names of the targets that it uses; without it, it needs no machine
    check(lab, namespace)
              "" if it is solved, else what is still wrong, in a sentence; `Solved` to say more than "Done"
"""

import hashlib
import html
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploylab.core import paths
from deploylab.core.errors import CourseError, DeployLabError
from deploylab.lessons.backend import Backend
from deploylab.lessons.display import output
from deploylab.lessons.display.output import Shown

LESSON = 2  # an exercise's name begins with the number of its lesson


@dataclass(frozen=True)
class Solved:
    """An exercise is solved.

    Attributes:
        seen: what the check saw, in a sentence.
    """

    seen: str


@dataclass(frozen=True)
class Exercise:
    """One exercise; the attributes are those of its module."""

    name: str
    task: str
    start: str
    hints: tuple[str, ...]
    solution: str
    check: Callable[[Any, dict[str, Any]], "str | Solved"]
    needs: tuple[str, ...] = ()


def folder() -> Path:
    return paths.ROOT / "notebooks" / "exercises"


def names() -> list[str]:
    """Every exercise, in the order of the lessons."""
    return sorted(path.stem for path in folder().glob("[0-9]*.py"))


def read(name: str) -> Exercise:
    """The exercise with this name.

    Raises:
        CourseError: there is none (the message lists all names), or its module is incomplete.
    """
    if name not in names():
        raise CourseError(f"There is no exercise '{name}'. There are: {', '.join(names())}.", "name one of these")
    spec = importlib.util.spec_from_file_location(f"deploylab_exercise_{name}", folder() / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    try:
        return Exercise(name, module.TASK.strip(), module.START.strip(), tuple(module.HINTS), module.SOLUTION.strip(),
                        module.check, tuple(getattr(module, "NEEDS", ())))
    except AttributeError as error:
        raise CourseError(f"{spec.origin} is incomplete: {error}", "give it TASK, START, HINTS, SOLUTION and check"
                          ) from error


def attempt(exercise: Exercise, lab, backend: Backend | None, text: str, namespace: dict[str, Any],
            run: Callable[[str], bool]) -> Shown:
    """What is shown after an attempt: done, or what is still wrong. Errors in the learner's code are caught.

    Args:
        text: the text of the cell.
        namespace: the learner's variables.
        run: runs the cell; returns False if the cell ended in an error, which is then shown already.
    """
    if backend:
        # Another text is another question: a recording has answers only for texts that were tried.
        backend.within = f"{exercise.name} {hashlib.sha256(text.strip().encode()).hexdigest()[:12]}"
    try:
        result = exercise.check(lab, namespace) if run(text) else "the cell ended in the error above."
    except DeployLabError as error:
        result = str(error)
    except Exception as error:  # any error of the learner's own code
        result = f"when it was tried, it ended in {type(error).__name__}: {error}"
    finally:
        if backend:
            backend.within = ""
    return _verdict(exercise, result, backend.label if backend and exercise.needs else "")


def hint(name: str, hints: tuple[str, ...], number: int, more: str) -> Shown:
    """One of the hints, and how many there are.

    Args:
        number: from 1; if there are not that many, the last hint is shown again.
        more: what to do after the last one.
    """
    number = min(number, len(hints))
    after = f"\n{more}" if number == len(hints) else ""
    return output.text(f"Hint {number} of {len(hints)} for {name}: {hints[number - 1]}{after}")


def solution(exercise: Exercise) -> Shown:
    """The solution; in a notebook it is folded."""
    return Shown(exercise.solution, f"<details><summary>The solution of {html.escape(exercise.name)}</summary>"
                                    f"<pre>{html.escape(exercise.solution)}</pre></details>")


def _verdict(exercise: Exercise, result: "str | Solved", label: str) -> Shown:
    if not result or isinstance(result, Solved):
        return output.text(f"Done. {result.seen if result else ''}".strip(), label)
    return output.text(f'Not yet: {result}\nStuck? lab.hint("{exercise.name}")', label, ok=False)
