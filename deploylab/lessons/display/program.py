"""Shows a program in a notebook, in the notebook's own colours, light or dark."""

import html

from pygments.lexers import PythonLexer
from pygments.token import Comment, Keyword, Name, Number, String

from deploylab.core.errors import DeployLabError
from deploylab.lessons import notebooks
from deploylab.lessons.display.output import Shown

# JupyterLab's own colours for its cells; elsewhere those after the comma, readable on white and on black.
COLOURS = {
    Comment: "var(--jp-mirror-editor-comment-color, #6a8759)",
    String: "var(--jp-mirror-editor-string-color, #c0504d)",
    Keyword: "var(--jp-mirror-editor-keyword-color, #2f8f4e)",
    Number: "var(--jp-mirror-editor-number-color, #3a87ad)",
    Name.Function: "var(--jp-mirror-editor-def-color, #3f7fd0)",
}


def shown_source(path: str) -> Shown:
    """A Python program with syntax colours.

    Args:
        path: relative to the notebooks' folder.

    Raises:
        DeployLabError: there is no such program.
    """
    file = notebooks.folder() / path
    try:
        text = file.read_text(encoding="utf-8")
    except OSError:
        programs = sorted(str(each.relative_to(notebooks.folder())) for each in notebooks.folder().glob("*/*.py"))
        raise DeployLabError(f"There is no {file}.", f"lab.source with one of: {', '.join(programs)}") from None
    body = "".join(_coloured(kind, word) for kind, word in PythonLexer().get_tokens(text))
    return Shown(text, f"<p><code>{html.escape(path)}</code></p><pre>{body}</pre>")


def _coloured(kind, word: str) -> str:
    colour = next((colour for group, colour in COLOURS.items() if kind in group), None)
    escaped = html.escape(word, quote=False)
    return f'<span style="color:{colour}">{escaped}</span>' if colour else escaped
