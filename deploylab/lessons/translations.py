"""The lessons in another language, for JupyterLab: copies whose text went through the catalogues of the site."""

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
MARK = "deploylab"  # in a copy's metadata: what it was made of


def languages() -> list[str]:
    """The languages that the lessons can be had in."""
    return ["en", *sorted(folder.name for folder in paths.LOCALE.glob("*"))]


def folder(language: str) -> Path:
    """The notebooks' folder in a language; copies of the lessons are made where they are not there yet, or older than
    the lesson or its translation. What somebody wrote into an older one stays beside it, as NAME.old.ipynb.

    Raises:
        DeployLabError: there is no such language.
    """
    if language == "en":
        return notebooks.folder()
    if language not in languages():
        raise DeployLabError(f"There are no lessons in '{language}'.",
                             f"./lab open --language with one of: {', '.join(languages())}")
    there = paths.state_dir() / "lessons" / language
    for beside in (path for path in notebooks.folder().iterdir() if path.is_dir() and path.name not in NOT_COPIED):
        # Copies: Jupyter's server hands out no file that a link leads to.
        shutil.copytree(beside, there / beside.name, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*NOT_COPIED))
    for path in sorted(notebooks.folder().glob("*.ipynb")):
        _copy(path, catalogue(language, f"notebooks/{path.stem}"), there / path.name)
    return there


def catalogue(language: str, page: str) -> Path:
    """The file with a page's messages. Args: page: "notebooks/00_the_lab", as Sphinx calls it."""
    return paths.LOCALE / language / "LC_MESSAGES" / f"{page}.po"


def translated(text: str, known: Catalog) -> str:
    """Markdown with each block of words in it translated; headings, lists and tables stay what they are. A block
    without a translation stays, too.

    The blocks are those that Sphinx takes out of the same text, so one catalogue serves both.
    """
    lines = text.split("\n")
    row, end = -1, 0
    for first, last, words in reversed(blocks(text)):
        row, end = first, (end if first == row else len(lines[first]))  # of a table: where the cell to the right began
        found = known.get(words.replace("\n", " ").strip())
        here = words.split("\n")[0]
        at = lines[first].rfind(here, 0, end)
        if at < 0:
            continue
        end = at
        if found and found.string and not found.fuzzy:
            after = lines[first][at + len(here):] if last == first + 1 else ""
            lines[first:last] = [lines[first][:at] + found.string + after]
    return "\n".join(lines)


def blocks(text: str) -> list[tuple[int, int, str]]:
    """Each block of words in Markdown: its first line, the line after its last, and the words."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    return [(*token.map, token.content) for token in tokens if token.type == "inline" and token.content]


def _copy(source: Path, messages: Path, copy: Path) -> None:
    """A lesson's copy, unless it is there and of this very text."""
    known = messages.read_bytes() if messages.exists() else b""  # a lesson that nobody translated yet
    made_of = hashlib.sha256(source.read_bytes() + known).hexdigest()[:12]
    if copy.exists():
        if nbformat.read(copy, 4).metadata.get(MARK) == made_of:
            return
        copy.rename(copy.with_suffix(".old.ipynb"))
    notebook, catalog = nbformat.read(source, 4), read_po(io.BytesIO(known))
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = translated(cell.source, catalog)
    notebook.metadata[MARK] = made_of
    nbformat.write(notebook, copy)
