"""The Spanish translation of the pages: a catalogue for each page, with the messages that Sphinx finds in its text."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

from babel.messages import Catalog
from babel.messages.pofile import read_po, write_po

from deploylab.core import files
from deploylab.core.progress import Progress
from deploylab.lessons import translations
from deploylab.publish.site import pages, sphinx_folder

LANGUAGE = "es"
HEADER = r"""msgid ""
msgstr ""
"Project-Id-Version: deploylab\n"
"Language: es\n"
"MIME-Version: 1.0\n"
"Content-Type: text/plain; charset=utf-8\n"
"Content-Transfer-Encoding: 8bit\n"

"""
REFRESH = "./lab site --update-translations"
CODE = re.compile(r"(`+)(.+?)\1(?!`)", re.S)
TARGET = re.compile(r"\]\(([^()\s]+)\)")
NUMBER = re.compile(r"\d+(?:[.,\u00a0\u202f]\d+)*")


def file_of(page: str) -> Path:
    """A page's catalogue. Args: page: Sphinx's name for it, "guides/guide_I"."""
    return translations.catalogue(LANGUAGE, page)


def templates(work: Path, progress: Progress) -> dict[str, Catalog]:
    """The current messages of every page, without translations: {page: messages}.

    Args:
        work: a folder to work in.
    """
    out = work / "gettext"
    pages.build("gettext", sphinx_folder.assemble(work / "gettext-source"), out, "en", progress)
    return {str(file.relative_to(out).with_suffix("")): _read(file) for file in sorted(out.rglob("*.pot"))
            if file.stem != "sphinx"}  # the theme brings its own translations


def update(catalogs: dict[str, Catalog]) -> dict[str, int]:
    """Update every catalogue; returns how many messages of each have to be translated.

    A message that changed keeps its old translation, marked as fuzzy, with the old text.
    """
    return {page: _update(file_of(page), template) for page, template in catalogs.items()}


def faults(page: str, template: Catalog) -> list[str]:
    """What is wrong with a page's translation, message by message; [] if nothing is."""
    file = file_of(page)
    if not file.exists():
        return [f"there is no {file.name}"]
    mine = _read(file)
    problems = [f"no longer in the page: {_short(old.id)}" for old in _messages(mine) if old.id not in template]
    for message in _messages(template):
        translation = mine.get(message.id)
        if not translation or not translation.string:
            problems.append(f"not translated: {_short(message.id)}")
        elif translation.fuzzy:
            problems.append(f"changed since it was translated: {_short(message.id)}")
        else:
            problems += [f"{what}: {_short(message.id)}" for what in differing(message.id, translation.string)]
    return problems


def differing(text: str, other: str) -> Iterator[str]:
    """Code, links or numbers that differ between a text and its translation; commas and points within a number may
    differ.

    Example:
        >>> list(differing("`./lab up` takes 1,000 s", "`./lab up` tarda 1.000 s"))
        []
    """
    for what, of in (("code", _code), ("links", _links), ("numbers", _numbers)):
        here, there = of(text), of(other)
        if here != there:
            yield f"{what} {sorted(here - there)} became {sorted(there - here)}"


def _code(text: str) -> set[str]:
    return {match[2] for match in CODE.finditer(text)}


def _links(text: str) -> set[str]:
    return set(TARGET.findall(CODE.sub("", text)))


def _numbers(text: str) -> set[str]:
    plain = TARGET.sub("]", CODE.sub("", text))
    return {re.sub(r"\D", "", number) for number in NUMBER.findall(plain)}


def _update(file: Path, template: Catalog) -> int:
    """Update one catalogue, unless its page is unchanged: writing it would lose the old texts of fuzzy messages."""
    mine = _read(file) if file.exists() else Catalog(locale=LANGUAGE)
    if _ids(mine) != _ids(template):
        mine.update(template)
        out = io.BytesIO()
        write_po(out, mine, width=110, no_location=True, include_previous=True, ignore_obsolete=True, omit_header=True)
        file.parent.mkdir(parents=True, exist_ok=True)
        files.replace(file, HEADER.encode() + out.getvalue())
    return sum(not message.string or message.fuzzy for message in _messages(mine))


def _read(file: Path) -> Catalog:
    with file.open("rb") as data:
        return read_po(data, locale=LANGUAGE if file.suffix == ".po" else None)


def _messages(catalog: Catalog) -> Iterator:
    return (message for message in catalog if message.id)


def _ids(catalog: Catalog) -> list[str]:
    return [message.id for message in _messages(catalog)]


def _short(text: str) -> str:
    return repr(text if len(text) < 90 else f"{text[:87]}…")
