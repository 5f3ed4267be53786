"""Reads the settings of a configuration file, with the names of its target taken out.

Two targets always have different names, ports and sockets; that alone does not count as a difference.
"""

import ast
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

from deploylab.course import Target

NAME, PORT, SOCKET = "NAME", "PORT", "SOCKET"
TOKEN = re.compile(r"""
    (?:(?<=[\s;{}])|^)(?:\#|//)[^\n]* | /\*.*?\*/   # comments: nginx's and Varnish's
    | (?P<end>[;{}])
    | (?P<word>(?:"(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' | \$\{\w+\} | [^\s;{}"'])+)
""", re.VERBOSE | re.DOTALL | re.MULTILINE)

Settings = dict[str, Counter[str]]  # by directive: how often each value occurs


def nameless(text: str, target: Target) -> str:
    """The text with placeholders for the target's name, port and socket.

    A name counts only after `deploylab`, as in `/etc/deploylab/gunicorn-nginx-sync.py`: a stage may have the
    name of a program or of a directive.
    """
    if socket := target.expect.get("app_socket"):
        text = re.sub(rf"{re.escape(socket)}(?![\w.])", SOCKET, text)
    own = (target.slug, target.slug.replace("-", "_"), target.stage, *([target.upon] if target.upon else []))
    names = "|".join(map(re.escape, own))
    text = re.sub(rf"(deploylab[^\s\"'=;:,]*?[-_/])(?:{names})(?![\w-])", rf"\g<1>{NAME}", text)
    return re.sub(rf"(?<![\d.]){target.port}(?![\d.])", PORT, text)


def kind(role: str) -> str:
    """The program that a file configures, judged by the file's path.

    >>> kind("/etc/nginx/sites-available/deploylab-NAME"), kind("/etc/deploylab/gunicorn-NAME.py")
    ('nginx', 'gunicorn')
    """
    path = PurePosixPath(role)
    own = "deploylab" in path.parts
    return re.sub(rf"-?{NAME}", "", path.stem) or path.stem if own or len(path.parts) < 3 else path.parts[2]


def settings(text: str, role: str) -> Settings:
    """Each directive of a file with its values, without comments and blank lines.

    Args:
        text: the text of the file, after `nameless`.
        role: its path, after `nameless`; the suffixes `.py` and `.wsgi` mean Python.

    >>> dict(settings("gzip on; # later", "/etc/nginx/nginx.conf"))
    {'gzip': Counter({'on': 1})}
    """
    if role.endswith((".py", ".wsgi")):
        return _python(text)
    return _braces(text) if _has_braces(text) else _lines(text)


def _python(text: str) -> Settings:
    """The settings of a Python file: the value of each name at the top level."""
    settings: Settings = {}
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        return {"syntax": Counter([f"line {error.lineno} is not Python"])}
    for node in tree.body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue  # a docstring
        if isinstance(node, ast.Assign):
            for target in node.targets:
                _add(settings, ast.unparse(target), ast.unparse(node.value))
        else:
            _add(settings, getattr(node, "name", type(node).__name__.lower()), ast.unparse(node))
    return settings


def _has_braces(text: str) -> bool:
    """Whether most lines end like those of nginx and Varnish, in `;`, `{` or `}`."""
    lines = [line for raw in text.splitlines() if (line := re.sub(r"(^|\s)(#|//|;).*", "", raw).strip())]
    return 2 * sum(line.endswith((";", "{", "}")) for line in lines) > len(lines)


def _braces(text: str) -> Settings:
    """The settings of nginx or Varnish: `directive value;` and `block {`."""
    settings: Settings = {}
    blocks: list[str] = []
    words: list[str] = []
    for token in TOKEN.finditer(text):
        if token["word"]:
            words.append(token["word"])
        elif token["end"]:
            if words:
                _add(settings, words[0], " ".join(words[1:]), blocks[-1:])
            if token["end"] == "{":
                blocks.append(" ".join(words))
            elif token["end"] == "}":
                del blocks[-1:]
            words = []
    return settings


def _lines(text: str) -> Settings:
    """The settings of a file with one directive per line: Apache, `[section]` files, and plain lists."""
    settings: Settings = {}
    blocks: list[str] = []
    for raw in re.sub(r"\\\n", " ", text).splitlines():
        line = re.sub(r"(^|\s)[;#]($|\s.*)", "", re.sub(r"^\s*[;#].*", "", raw)).strip()
        if not line:
            continue
        if section := re.fullmatch(r"\[(.+)\]", line):
            blocks = [section[1]]
        elif line.startswith("</"):
            del blocks[-1:]
        else:
            block = re.fullmatch(r"<(.+)>", line)
            directive, value = re.fullmatch(r"([^\s=]*)\s*=?\s*(.*)", block[1] if block else line).groups()
            _add(settings, directive, value, blocks[-1:])
            blocks += [block[1]] if block else []
    return settings


def _add(settings: Settings, directive: str, value: str, inside: Sequence[str] = ()) -> None:
    value = " ".join(value.split())
    settings.setdefault(directive, Counter())[f"{value} in {inside[0]}".strip() if inside else value] += 1
