"""Translates what plots, pictures and figures say in English into a deck's language."""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

NUMBER = re.compile(r"(?<![\w.])(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.\d+)(?![\d.]*\.\d)")  # no version, as 3.13.5
TEXT = re.compile(r"(<text[^>]*>)([^<]*)(</text>)")
WORD = re.compile(r"\b[^\W\d_]{3,}\b")
LABEL = re.compile(r'(aria-label=")([^"]*)(")')
THIN = "\u202f"  # a narrow space that does not break a line
GROUPED_FROM = 5  # digits before the comma; four digits are not grouped


@dataclass(frozen=True)
class Language:
    """A language, by its two letters. In English everything stays as it is.

    Attributes:
        texts: translations of whole texts.
        phrases: (pattern, replacement) for parts of texts, applied one after the other.
        pictures: the alternative text of a drawing, by its path; that of a plot is made from its numbers.
        names: words that are the same in every language.
    """

    code: str
    texts: dict[str, str]
    phrases: Sequence[tuple[re.Pattern, str]]
    pictures: dict[str, str] = field(default_factory=dict)
    names: frozenset[str] = frozenset()

    def say(self, text: str) -> str:
        """The text in this language, with numbers in its format.

        >>> comma = Language("es", {"stage": "etapa"}, [(re.compile(r"times$"), "veces")])
        >>> comma.say("stage"), comma.say("1.06 times"), comma.say("12,400/s"), comma.say("1,089/s")
        ('etapa', '1,06 veces', '12\u202f400/s', '1089/s')
        """
        if self.code == "en":
            return text
        if text in self.texts:
            return self.texts[text]
        for pattern, replacement in self.phrases:
            text = pattern.sub(replacement, text)
        return NUMBER.sub(_with_comma, text)

    def drawn(self, svg: str, path: str = "") -> str:
        """A drawing with its texts and its alternative text in this language.

        Args:
            path: of a picture's file, from the project's root.
        """
        if self.code == "en":
            return svg
        svg = TEXT.sub(lambda match: f"{match[1]}{self.say(match[2])}{match[3]}", svg)
        return LABEL.sub(lambda match: f"{match[1]}{self.pictures.get(path) or self.say(match[2])}{match[3]}", svg)

    def unsaid(self, text: str) -> list[str]:
        """The words of a text that are not translated and are not names; for tests."""
        return [word for word in WORD.findall(self.say(text)) if word in WORD.findall(text) and word not in self.names]


ENGLISH = Language("en", {}, ())


def read(code: str, folder: Path, names: Sequence[str] = ()) -> Language:
    """The language with these two letters, from `CODE.toml` in a folder.

    Args:
        names: more words that are the same in every language, such as names of the course.
    """
    if code == "en":
        return ENGLISH
    table = tomllib.loads((folder / f"{code}.toml").read_text(encoding="utf-8"))
    phrases = [(re.compile(pattern), replacement) for pattern, replacement in table["phrases"]]
    return Language(code, table["texts"], phrases, table["pictures"], frozenset([*table["names"].split(), *names]))


def _with_comma(match: re.Match) -> str:
    whole, point, decimals = match[0].partition(".")
    figures = whole.replace(",", "")
    grouped = f"{int(figures):,}".replace(",", THIN) if len(figures) >= GROUPED_FROM else figures
    return grouped + ("," if point else "") + decimals
