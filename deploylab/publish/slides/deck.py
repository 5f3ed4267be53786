"""A deck's source: Markdown, with slides separated by a line of three dashes, and speaker notes after `Note:`.

    <!-- threads .contrast: one-at-a-time -->     the key, the kind, and which points of the talk it makes
    ## One at a time?

    {{ contrast("threads") }}                     a figure or a number, filled in from a session

    Note:
    Nine visitors wait while the tenth is served.
"""

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploylab.core.errors import DeckError, DeployLabError

HEAD = re.compile(r"<!-- (?P<key>[\w-]+)(?: \.(?P<kind>\w+))?(?:: (?P<points>[\w, -]+))? -->")
PLACEHOLDER = re.compile(r"\{\{ ?(\w+)\((.*?)\) ?\}\}")
HALF_DONE = re.compile(r"\{\{.*")  # looks like a placeholder, but is none: {{ name }}, {{ name("a" }}


class NotMeasured(DeployLabError):
    """The session has no such runs. The slide says so, and never shows another number instead."""


@dataclass(frozen=True)
class Slide:
    """One slide as it is written.

    Attributes:
        key: the same in every language.
        kind: its layout, a class of deck.css; "" for the normal one.
        points: which points of the talk it makes; see slides/points.toml.
        title: its first line.
        body: Markdown with placeholders, without the title.
        notes: Markdown, for the speaker.
        lines: where `body` and `notes` begin in the file, from 1.
    """

    key: str
    kind: str
    points: tuple[str, ...]
    title: str
    body: str
    notes: str
    lines: tuple[int, int]
    file: str

    @property
    def placeholders(self) -> list[str]:
        """Those of body and notes, as they are written."""
        return [match[0] for text in (self.body, self.notes) for match in PLACEHOLDER.finditer(text)]


def read(path: Path) -> list[Slide]:
    """The slides of a deck.

    Raises:
        DeckError: a slide has no key or no title, or its key is used twice.
    """
    slides: list[Slide] = []
    line = 1
    for text in re.split(r"^---\n", path.read_text(encoding="utf-8"), flags=re.MULTILINE):
        slide = _slide(text, line, path.name)
        if slide.key in {other.key for other in slides}:
            raise DeckError(f"{path.name}, line {line}: there is a slide '{slide.key}' already.")
        slides.append(slide)
        line += text.count("\n") + 1
    return slides


def fill(text: str, names: Mapping[str, Callable[..., str]], file: str, line: int) -> str:
    """The text with every placeholder replaced by the result of its function.

    Args:
        names: the functions that may be used, by name.
        line: the line in the file where the text begins, from 1; for messages.

    Raises:
        DeckError: a placeholder names an unknown function, or has wrong arguments.
        NotMeasured: what it shows is not in the session.
    """
    def at(match: re.Match) -> str:
        return f"{file}, line {line + text.count(chr(10), 0, match.start())}"

    def filled(match: re.Match) -> str:
        name, arguments = match.groups()
        if name not in names:
            raise DeckError(f"{at(match)}: there is no '{name}'. There are: {', '.join(sorted(names))}.")
        try:
            return names[name](*_values(arguments))
        except NotMeasured:
            raise
        except (DeployLabError, SyntaxError, ValueError, TypeError) as error:
            what = error.what if isinstance(error, DeployLabError) else error
            raise DeckError(f"{at(match)}: {match[0]}: {what}") from error

    if half := HALF_DONE.search(PLACEHOLDER.sub(lambda match: " " * len(match[0]), text)):
        raise DeckError(f"{at(half)}: this is no placeholder: {half[0]}", 'write it as {{ name("argument", 10) }}')
    return PLACEHOLDER.sub(filled, text)


def _values(arguments: str) -> tuple[Any, ...]:
    """The values of literals between the brackets."""
    return ast.literal_eval(f"({arguments},)") if arguments.strip() else ()


def _slide(text: str, line: int, file: str) -> Slide:
    head, _, rest = text.partition("\n")
    match = HEAD.fullmatch(head.strip())
    if match is None:
        raise DeckError(f"{file}, line {line}: a slide begins with its key.", "<!-- KEY .KIND: POINT, POINT -->")
    title, _, body = rest.partition("\n")
    if not re.match(r"##? \S", title):
        raise DeckError(f"{file}, line {line + 1}: the slide '{match['key']}' has no title.", "## TITLE")
    body, _, notes = body.partition("\nNote:\n")
    points = tuple(point.strip() for point in (match["points"] or "").split(",") if point.strip())
    return Slide(match["key"], match["kind"] or "", points, title, body, notes,
                 (line + 2, line + 4 + body.count("\n")), file)
