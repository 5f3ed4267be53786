"""Exercises: a cell that begins with a text which fails its check, hints that lead to one which passes.

Each is a module in `notebooks/exercises/`:

    TASK      what is to be done, in Markdown: the cell before
    START     the text that the cell begins with
    HINTS     from vague to nearly the answer
    SOLUTION  the whole text of a cell that passes
    NEEDS     targets on the machine that it works with, by name; without it, it needs no machine
    check(lab, namespace)
              "" when it is solved, else what is still wrong, in a sentence; `Solved` to say more than "Done"
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
from deploylab.lessons.backend import Desk
from deploylab.lessons.display import output
from deploylab.lessons.display.output import Shown

LESSON = 2  # an exercise's name begins with the number of its lesson


@dataclass(frozen=True)
class Solved:
    """An exercise is solved.

    Attributes:
        seen: what was seen, in a sentence.
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
    """The exercise of that name.

    Raises:
        CourseError: there is none; the message lists those there are. Or its module lacks something.
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
        raise CourseError(f"{spec.origin} lacks something: {error}", "give it TASK, START, HINTS, SOLUTION and check"
                          ) from error


def attempt(one: Exercise, lab, desk: Desk | None, text: str, namespace: dict[str, Any],
            run: Callable[[str], bool]) -> Shown:
    """What is shown of one attempt: done, or what is still wrong. Nothing that the learner wrote raises here.

    Args:
        text: what stands in the cell.
        namespace: the learner's variables.
        run: runs the cell; False where it ended in an error, which it has shown.
    """
    if desk:
        # Another text is another question: a recording has no answer for a text that nobody tried.
        desk.within = f"{one.name} {hashlib.sha256(text.strip().encode()).hexdigest()[:12]}"
    try:
        said = one.check(lab, namespace) if run(text) else "the cell ended in the error above."
    except DeployLabError as error:
        said = str(error)
    except Exception as error:  # whatever the learner's own code does when it is tried
        said = f"when it was tried, it ended in {type(error).__name__}: {error}"
    finally:
        if desk:
            desk.within = ""
    return _verdict(one, said, desk.label if desk and one.needs else "")


def hint(one: str, hints: tuple[str, ...], number: int, more: str) -> Shown:
    """One of the hints, and how many there are.

    Args:
        number: from 1; the last one again, when there are no more.
        more: what to do after the last one.
    """
    number = min(number, len(hints))
    after = f"\n{more}" if number == len(hints) else ""
    return output.text(f"Hint {number} of {len(hints)} for {one}: {hints[number - 1]}{after}")


def solution(one: Exercise) -> Shown:
    """The solution, folded where something can be folded."""
    return Shown(one.solution, f"<details><summary>The solution of {html.escape(one.name)}</summary>"
                               f"<pre>{html.escape(one.solution)}</pre></details>")


def _verdict(one: Exercise, said: "str | Solved", label: str) -> Shown:
    if not said or isinstance(said, Solved):
        return output.text(f"Done. {said.seen if said else ''}".strip(), label)
    return output.text(f'Not yet: {said}\nStuck? lab.hint("{one.name}")', label, ok=False)
