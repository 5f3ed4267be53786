"""What the attendee guessed before a measurement.

Kept in `.lab/`, so that a later lesson can hold all guesses against what came out.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from deploylab.core import files, paths
from deploylab.core.errors import DeployLabError

GUESSES = ("slower", "same", "2x", "10x")


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """One guess: what B does against A.

    Attributes:
        lesson: in which it was made.
        a, b, view, b_view: the comparison; as `lab.compare` is asked.
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
            raise DeployLabError(f"'{self.guess}' is no guess.", f"one of: {', '.join(GUESSES)}")

    @property
    def of(self) -> tuple[str | None, ...]:
        """What it is about; a later guess about the same takes its place."""
        return self.a, self.b, self.view, self.b_view

    @property
    def spoken(self) -> str:
        """The guess as a sentence without its end: 'nginx carries 10x what nginx:sync carries, on wait'."""
        a, b = (f"{self.a} {self.view}", f"{self.b} {self.b_view}") if self.b_view else (self.a, self.b)
        said = {"slower": f"{b} carries less than {a}", "same": f"{b} carries the same as {a}"}
        where = f", on {self.view}" if self.view and not self.b_view else ""
        return said.get(self.guess, f"{b} carries {self.guess} what {a} carries") + where


def path() -> Path:
    """The file; one line a guess."""
    return paths.state_dir() / "predictions.jsonl"


def keep(one: Prediction) -> None:
    """Add a guess; earlier ones stay in the file."""
    path().parent.mkdir(parents=True, exist_ok=True)
    files.add_line(path(), f"{json.dumps(asdict(one))}\n".encode())


def kept() -> list[Prediction]:
    """The guesses, in the order in which their questions first came; of each question the latest."""
    found: dict[tuple[str | None, ...], Prediction] = {}
    if path().exists():
        for line in path().read_bytes().splitlines():
            if text := files.whole_json(line):
                one = Prediction(**json.loads(text))
                found[one.of] = one
    return list(found.values())


def about(a: str, b: str, view: str | None = None, b_view: str | None = None) -> Prediction | None:
    """The latest guess about this comparison, or None."""
    return next((one for one in kept() if one.of == (a, b, view, b_view)), None)
