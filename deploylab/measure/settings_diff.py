"""The settings in which two Django applications differ, one row for each.

    {"CACHES": {"default": {"BACKEND": "…"}}}   →   django CACHES.default.BACKEND
"""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

Row = tuple[str, str | None, str | None]  # a name, and the value on each side; None: not set there
Own = Callable[[str], str]                # takes a target's own names out of a text


def rows(name: str, a: Any, b: Any, a_own: Own, b_own: Own) -> list[Row]:
    """One row for each leaf that differs, and as few as possible.

    One row, whatever is below it: a key that only one side has, and two dictionaries without a key in common. One row
    for several keys beside each other: those whose dictionaries are the same, on either side.

    Args:
        name: of the two values; that of a leaf has its keys in addition, with dots between.
        a, b: dictionaries, lists and texts, as `guest.django_settings` prints them; None: not set on that side.
        a_own, b_own: what counts as the side's own name, and so as no difference.

    Example:
        >>> rows("django", {"A": {"X": "1"}, "L": ["p", "q"]}, {"A": {"X": "2", "Y": "3"}, "L": ["q"]}, str, str)
        [('django A.X', '1', '2'), ('django A.Y', None, '3'), ('django L', 'p', None)]
    """
    if a == b:
        return []
    a, b = _by_position(a), _by_position(b)
    if isinstance(a, dict) and isinstance(b, dict) and set(a) & set(b):
        glue = "." if " " in name else " "
        return [row for key, a_item, b_item in _items(a, b)
                for row in rows(f"{name}{glue}{key}", a_item, b_item, a_own, b_own)]
    if isinstance(a, list) and isinstance(b, list):
        return _in_lists(name, [_text(item, a_own) for item in a], [_text(item, b_own) for item in b])
    texts = (_text(a, a_own), _text(b, b_own))
    return [(name, *texts)] if texts[0] != texts[1] else []


def _items(a: dict[str, Any], b: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """The keys of both with their values on each side. Keys of the same dictionaries are one: `{default,data}`."""
    together: dict[str, list[str]] = {}
    for key in sorted({*a, *b}):
        pair = (a.get(key), b.get(key))
        both = all(isinstance(item, dict) for item in pair)
        together.setdefault(json.dumps(pair, sort_keys=True) if both else key, []).append(key)
    return [(f"{{{','.join(keys)}}}" if len(keys) > 1 else keys[0], a.get(keys[0]), b.get(keys[0]))
            for keys in together.values()]


def _by_position(value: Any) -> Any:
    """A list of dictionaries as one dictionary: TEMPLATES.0.BACKEND. Anything else as it is."""
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return {str(position): item for position, item in enumerate(value)}
    return value


def _in_lists(name: str, a: list[str | None], b: list[str | None]) -> list[Row]:
    """What only one side has; where both have the same in another order, all of it."""
    only_a, only_b = Counter(a) - Counter(b), Counter(b) - Counter(a)
    if a == b:
        return []
    if not only_a and not only_b:
        only_a, only_b = Counter(a), Counter(b)
    return [(name, *("; ".join(map(str, side.elements())) or None for side in (only_a, only_b)))]


def _text(value: Any, own: Own) -> str | None:
    if value is None:
        return None
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_text(item, own)}' for key, item in sorted(value.items()))}}}"
    if isinstance(value, list):
        return "; ".join(str(_text(item, own)) for item in value) or "[]"
    return own(value) or "''"  # an empty text is a value, too
