"""Converts the answers of a lesson to plain data and back: a recording has JSON, the display reads attributes."""

import json
from dataclasses import fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Self, get_args, get_origin, get_type_hints

from deploylab.core.errors import ResultsError
from deploylab.results.record import Run

_types = cache(get_type_hints)  # of the fields of a dataclass, by name


class Answer:
    """What a command of a lesson returns; each kind is a frozen dataclass of its own.

    A field with its default value is left out of the plain data.
    """

    def to_json(self) -> Any:
        """The answer as plain data, equal to the same data after JSON."""
        return _plain(self)

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """The answer that `to_json` was given. Unknown keys are ignored.

        Raises:
            ResultsError: it is not an answer of this kind, or from another version.
        """
        try:
            return _made(cls, data)
        except (KeyError, TypeError, AttributeError) as error:
            raise ResultsError(f"This is not an answer of the kind {cls.__name__}: {error!r}.",
                               "run the cell on a machine of your own: ./lab up") from error


class ListAnswer(Answer):
    """An answer with one field, a list; the plain data are that list."""

    def to_json(self) -> list[Any]:
        (rows,) = super().to_json().values()
        return rows

    @classmethod
    def from_json(cls, data: Any) -> Self:
        return super().from_json({name: data for name in _types(cls)})


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        # A run always has all its fields; an answer leaves out default values.
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)
                if not (isinstance(value, Answer) and getattr(value, field.name) == field.default)}
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _made(kind: Any, data: Any) -> Any:
    """A value of this type from plain data. Only the types of answers' fields are supported."""
    if kind is Run:
        return Run.from_json(json.dumps(data))  # raises an error for another schema
    if is_dataclass(kind):
        return kind(**{name: _made(each, data[name]) for name, each in _types(kind).items() if name in data})
    outer, inner = get_origin(kind), get_args(kind)
    if outer is UnionType:  # X | None
        return None if data is None else _made(*(each for each in inner if each is not NoneType), data)
    if outer is tuple:
        return tuple(_made(inner[0], each) for each in data)
    return {name: _made(inner[1], each) for name, each in data.items()} if outer is dict else data
