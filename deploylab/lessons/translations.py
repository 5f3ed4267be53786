"""The lessons in another language, for JupyterLab: copies, translated with the site's catalogues."""

import hashlib
import io
import shutil
from pathlib import Path

import nbformat
from babel.messages import Catalog
from babel.messages.pofile import read_po
from markdown_it import MarkdownIt

from deploylab.core import paths
from deploylab.core.errors import DeployLabError
from deploylab.lessons import notebooks

NOT_COPIED = ("__pycache__", ".ipynb_checkpoints")
MARK = "deploylab"  # in a copy's metadata: the digest of its lesson and translation


def languages() -> list[str]:
    """The languages of the lessons."""
    return ["en", *sorted(folder.name for folder in paths.LOCALE.glob("*"))]


def folder(language: str) -> Path:
    """The notebooks' folder in a language. A copy of a lesson is made if there is none, or if the lesson or its
    translation has changed since; the old copy, with what was written into it, is kept as NAME.old.ipynb.

    Raises:
        DeployLabError: there is no such language.
    """
    if language == "en":
        return notebooks.folder()
    if language not in languages():
        raise DeployLabError(f"There are no lessons in '{language}'.",
                             f"./lab open --language with one of: {', '.join(languages())}")
    there = paths.state_dir() / "lessons" / language
    for subfolder in (path for path in notebooks.folder().iterdir()
                      if path.is_dir() and path.name not in NOT_COPIED):
        # Copies, not links: Jupyter's server does not serve files through a link.
        shutil.copytree(subfolder, there / subfolder.name, dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns(*NOT_COPIED))
    for path in sorted(notebooks.folder().glob("*.ipynb")):
        _copy(path, catalogue(language, f"notebooks/{path.stem}"), there / path.name)
    return there


def catalogue(language: str, page: str) -> Path:
    """The file with a page's messages. Args: page: its name in Sphinx, such as "notebooks/00_the_lab"."""
    return paths.LOCALE / language / "LC_MESSAGES" / f"{page}.po"


def translated(text: str, catalog: Catalog) -> str:
    """Markdown with each block of words translated; headings, lists and tables keep their form. A block without a
    translation stays as it is.

    The blocks are the same as those that Sphinx extracts, so one catalogue serves both.
    """
    lines = text.split("\n")
    row, end = -1, 0
    for first, last, words in reversed(blocks(text)):
        row, end = first, (end if first == row else len(lines[first]))  # in a table: where the cell to the right begins
        message = catalog.get(words.replace("\n", " ").strip())
        here = words.split("\n")[0]
        at = lines[first].rfind(here, 0, end)
        if at < 0:
            continue
        end = at
        if message and message.string and not message.fuzzy:
            after = lines[first][at + len(here):] if last == first + 1 else ""
            lines[first:last] = [lines[first][:at] + message.string + after]
    return "\n".join(lines)


def blocks(text: str) -> list[tuple[int, int, str]]:
    """Each block of words in Markdown: its first line, the line after its last one, and the words."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    return [(*token.map, token.content) for token in tokens if token.type == "inline" and token.content]


def _copy(source: Path, messages: Path, copy: Path) -> None:
    """Make a lesson's copy, unless there is one of the same text and translation."""
    catalogue_bytes = messages.read_bytes() if messages.exists() else b""  # not translated yet
    digest = hashlib.sha256(source.read_bytes() + catalogue_bytes).hexdigest()[:12]
    if copy.exists():
        if nbformat.read(copy, 4).metadata.get(MARK) == digest:
            return
        copy.rename(copy.with_suffix(".old.ipynb"))
    notebook, catalog = nbformat.read(source, 4), read_po(io.BytesIO(catalogue_bytes))
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = translated(cell.source, catalog)
    notebook.metadata[MARK] = digest
    nbformat.write(notebook, copy)
