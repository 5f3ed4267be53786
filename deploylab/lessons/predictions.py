"""What the attendee guessed before a measurement.

Saved in `.lab/`, so that a later lesson can compare all guesses with the results.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from deploylab.core import files, paths
from deploylab.core.errors import DeployLabError

GUESSES = ("slower", "same", "2x", "10x")


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """One guess: how much faster or slower B is than A.

    Attributes:
        lesson: the lesson in which it was made.
        a, b, view, b_view: the comparison, as in `lab.compare`.
        guess: one of GUESSES.
        because: the reason, in the attendee's words.
    """

    lesson: str
    a: str
    b: str
    view: str | None = None
    b_view: str | None = None
    guess: str
    because: str = ""

    def __post_init__(self):
        if self.guess not in GUESSES:
            raise DeployLabError(f"'{self.guess}' is not one of the guesses.", f"one of: {', '.join(GUESSES)}")

    @property
    def question(self) -> tuple[str | None, ...]:
        """What it is about; a later guess about the same replaces it."""
        return self.a, self.b, self.view, self.b_view

    @property
    def sentence(self) -> str:
        """The guess in words, without a full stop: 'nginx handles 10x the load of nginx:sync, on wait'."""
        a, b = (f"{self.a} {self.view}", f"{self.b} {self.b_view}") if self.b_view else (self.a, self.b)
        words = {"slower": f"{b} handles less load than {a}", "same": f"{b} handles the same load as {a}"}
        where = f", on {self.view}" if self.view and not self.b_view else ""
        return words.get(self.guess, f"{b} handles {self.guess} the load of {a}") + where


def path() -> Path:
    """The file; it has one line for each guess."""
    return paths.state_dir() / "predictions.jsonl"


def save(prediction: Prediction) -> None:
    """Add a guess; earlier ones stay in the file."""
    path().parent.mkdir(parents=True, exist_ok=True)
    files.add_line(path(), f"{json.dumps(asdict(prediction))}\n".encode())


def saved() -> list[Prediction]:
    """The latest guess about each question, in the order in which the questions first came."""
    latest: dict[tuple[str | None, ...], Prediction] = {}
    if path().exists():
        for line in path().read_bytes().splitlines():
            if text := files.whole_json(line):
                prediction = Prediction(**json.loads(text))
                latest[prediction.question] = prediction
    return list(latest.values())


def about(a: str, b: str, view: str | None = None, b_view: str | None = None) -> Prediction | None:
    """The latest guess about this comparison, or None."""
    return next((guess for guess in saved() if guess.question == (a, b, view, b_view)), None)
