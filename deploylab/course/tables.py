"""Turns a table of the manifest into one of the course's dataclasses; errors name the file and the line."""

import re
import types
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from deploylab.core.errors import CourseError

Made = TypeVar("Made")
TYPE_NAMES = {int: "a number", float: "a number", str: "a text in quotes", bool: "true or false",
              tuple: "a list in [ ]", dict: "a table in { }", types.NoneType: "nothing"}


@dataclass(frozen=True)
class Source:
    """The files that a course is read from, with their text, so that messages can name the line.

    Example:
        >>> source = Source({Path("course.toml"): '[[stage]]\\nname = "a"\\nport = 1\\n'})
        >>> source.at("stage", "a", "port")
        'course.toml, line 3'
    """

    files: dict[Path, str]

    def at(self, kind: str, name: str = "", key: str = "", value: str = "") -> str:
        """Where something is written: "FILE, line N". The place is as exact as can be found.

        Args:
            kind: of the table, as in its brackets: "stage".
            name: of the table; of a variant, "STAGE:VARIANT".
            key: one of its lines.
            value: what is in that line, or below it.
        """
        whole, _, variant = name.partition(":")
        patterns = [_header(kind, whole)]
        if variant:
            patterns.append(_header(f"{kind}.variant", variant))
        if key:
            patterns.append(rf"^[ \t]*{re.escape(key)}\s*=")
        if value:
            patterns.append(rf"[\"']{re.escape(value)}[\"']")
        places = [(path, text, *_last(text, patterns)) for path, text in self.files.items()]
        path, text, _, end = max(places, key=lambda place: place[2])
        return f"{path}, line {text.count(chr(10), 0, end) + 1}"


def tables(source: Source, data: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """The `[[kind]]` tables of a manifest; an empty list if there are none.

    Raises:
        CourseError: they are written in another form.
    """
    entries = data.get(kind, [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise CourseError(f"{source.at(kind)}: each {kind} is a table of its own, in double brackets.",
                          f"write [[{kind}]]")
    for entry in entries:
        if not isinstance(entry.get("name"), str):
            raise CourseError(f"{source.at(kind)}: a [[{kind}]] has no name.", 'write name = "…" below its brackets')
    return [dict(entry) for entry in entries]


def made(cls: type[Made], table: dict[str, Any], source: Source, kind: str, name: str = "") -> Made:
    """The table as that dataclass; its lists become tuples.

    Raises:
        CourseError: a key is unknown, missing, or of another type; the message names file, line and key.
    """
    table = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
    known = {field.name: field for field in fields(cls)}
    what = f"{kind} {name}".strip()
    for key in table.keys() - known.keys():
        raise CourseError(f"{source.at(kind, name, key)}: {what} has the key '{key}', which does not exist.",
                          f"remove that line, or write one of: {', '.join(known)}")
    needed = [key for key, field in known.items() if field.default is field.default_factory is MISSING]
    if missing := [key for key in needed if key not in table]:
        raise CourseError(f"{source.at(kind, name)}: {what} has no '{missing[0]}'.",
                          f"write {missing[0]} = … there; a similar table shows how")
    hints = get_type_hints(cls)
    for key, value in table.items():
        if not _fits(value, hints[key]):
            raise CourseError(f"{source.at(kind, name, key)}: {key} of {what} is {_shown(value)}.",
                              f"write {_type_name(hints[key])} there")
    return cls(**table)


def _header(kind: str, name: str) -> str:
    """A pattern for the table's brackets, and for its name if that is known."""
    plain = rf"^[ \t]*\[+{re.escape(kind)}\]+"
    named = rf"(?:(?!^[ \t]*\[\[).)*?^[ \t]*name\s*=\s*[\"']{re.escape(name)}[\"']"
    return plain + named if name else plain


def _last(text: str, patterns: list[str]) -> tuple[int, int]:
    """How many of the patterns match, one after the other, and where the last match ends."""
    end = 0
    for number, pattern in enumerate(patterns):
        match = re.compile(pattern, re.MULTILINE | re.DOTALL).search(text, end)
        if not match:
            return number, end
        end = match.end()
    return len(patterns), end


def _fits(value: Any, hint: Any) -> bool:
    origin, args = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if origin in (Union, types.UnionType):
        return any(_fits(value, arg) for arg in args)
    if origin is tuple:
        return isinstance(value, tuple) and all(_fits(item, args[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(_fits(item, args[1]) for item in value.values())
    if isinstance(value, bool):
        return hint is bool
    return isinstance(value, (int, float) if hint is float else hint)


def _type_name(hint: Any) -> str:
    """The type in words, for the author of a manifest."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _type_name(args[0])
    if origin is tuple:
        return f"{TYPE_NAMES[tuple]}, each {_type_name(args[0])}"
    return TYPE_NAMES.get(origin or hint, "a table")


def _shown(value: Any) -> str:
    return str(list(value) if isinstance(value, tuple) else value).replace("'", '"') if not isinstance(value, str) \
        else f'"{value}"'
