"""The loaded course as text, for a person to read and for a test to compare. To renew it:

    .venv/bin/python -m tests.course_snapshot

The manifest says a thing once; here stands what it comes to, for each stage and variant in full. When the course is
meant to change, the lines that change here are what to look at before a commit.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from deploylab import course as courses

SNAPSHOT = Path(__file__).with_name("course.json")
RENEW = ".venv/bin/python -m tests.course_snapshot"
WIDTH = 118
# Lists whose order means nothing to who reads them: they are sorted.
SETS = {"configuration", "processes", "listens", "private"}
EMPTY = (None, "", (), {})


def text(course: courses.Course) -> str:
    """The course as JSON with sorted keys and without fields that are empty; what fits on a line stands on one."""
    data = asdict(course, dict_factory=lambda items: {key: value for key, value in items if value not in EMPTY})
    _sort(data)
    return _lines(json.loads(json.dumps(data)), "") + "\n"


def _sort(value: Any) -> None:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in items:
        if key in SETS and isinstance(one, (list, tuple)):
            value[key] = sorted(one)
        elif isinstance(one, (dict, list, tuple)):
            _sort(one)


def _lines(value: Any, indent: str) -> str:
    whole = json.dumps(value, sort_keys=True, ensure_ascii=False)
    if not isinstance(value, (dict, list)) or len(indent + whole) <= WIDTH:
        return whole
    inner = indent + " "
    if isinstance(value, list):
        return "[\n" + ",\n".join(inner + _lines(one, inner) for one in value) + f"\n{indent}]"
    items = (f"{inner}{json.dumps(key)}: {_lines(one, inner)}" for key, one in sorted(value.items()))
    return "{\n" + ",\n".join(items) + f"\n{indent}}}"


if __name__ == "__main__":
    SNAPSHOT.write_text(text(courses.load()), encoding="utf-8")
