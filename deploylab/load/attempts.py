"""Every attempt of a load test, kept and written down.

One attempt is one row of whole numbers. The file is gzip: one line of JSON, then the columns one
after the other as 64-bit little-endian integers. Five lines read it, without this package:

    import array, gzip, json
    with gzip.open("attempts.gz") as file:
        head = json.loads(file.readline())
        columns = {name: array.array("q", file.read(8 * head["n"])) for name in head["columns"]}
    print(head["outcomes"][columns["outcome"][0]], columns["end_ns"][0] - columns["start_ns"][0])
"""

import gzip
import json
import os
import sys
from array import array
from pathlib import Path
from typing import Any

from deploylab.core.errors import ResultsError
from deploylab.results.record import ERRORS, OK

COLUMNS = (
    "due_ns",         # when it should have left: the schedule (open), the answer before (closed)
    "ready_ns",       # when it could have left: due, and a connection was there
    "start_ns",       # when the generator began it, with connect or send
    "connected_ns",   # its own connection stood; NONE if it used a kept one
    "first_byte_ns",  # NONE if no byte came back
    "end_ns",         # last byte of the answer, or the failure
    "outcome",        # index into OUTCOMES
    "bytes",          # received, head included
    "cache",          # 1 where X-Cache says HIT, 0 where it says anything else, NONE without it
)
OUTCOMES = (OK, *ERRORS)
NONE = -1  # this did not happen


class Attempts:
    """The rows of one load test. `add` takes a tuple in the order of COLUMNS."""

    def __init__(self):
        self._rows = array("q")
        self.add = self._rows.extend  # bound once: this is called for every request

    def __len__(self) -> int:
        return len(self._rows) // len(COLUMNS)

    def column(self, name: str, start: int = 0) -> array:
        """One column, from row `start` on."""
        return self._rows[start * len(COLUMNS) + COLUMNS.index(name)::len(COLUMNS)]

    def write(self, path: str | Path, zero_ns: int, **head: Any) -> None:
        """Write the file, whole or not at all.

        Args:
            path: where to; missing folders are made.
            zero_ns: the clock when the load began; the file counts from there.
            head: what else its first line says.
        """
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(path.name + ".part")
        first = {"columns": COLUMNS, "outcomes": OUTCOMES, "none": NONE, "n": len(self), **head}
        try:
            with gzip.open(unfinished, "wb", compresslevel=1) as file:
                file.write(json.dumps(first).encode() + b"\n")
                for name in COLUMNS:
                    values = self.column(name)
                    if name.endswith("_ns"):
                        values = array("q", [NONE if v == NONE else v - zero_ns for v in values])
                    file.write(_little_endian(values).tobytes())
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)


def read(path: str | Path) -> tuple[dict[str, Any], dict[str, array]]:
    """The head and the columns of a file that `Attempts.write` wrote.

    Returns:
        What the first line says, and a dict from column name to its integers
        (nanoseconds since the load began, but for `outcome`, `bytes` and `cache`).

    Raises:
        ResultsError: missing, cut short, or no such file.

    Example:
        >>> head, columns = read("attempts.gz")                               # doctest: +SKIP
        >>> service_ns = [e - s for s, e in zip(columns["start_ns"], columns["end_ns"])]  # doctest: +SKIP
    """
    try:
        with gzip.open(path) as file:
            head = json.loads(file.readline())
            columns = {name: _little_endian(array("q", file.read(8 * head["n"]))) for name in head["columns"]}
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise ResultsError(f"Cannot read the attempts in {path}: {error}", "measure again") from error
    if any(len(values) != head["n"] for values in columns.values()):
        raise ResultsError(f"The attempts in {path} are cut short.", "measure again")
    return head, columns


def _little_endian(values: array) -> array:
    if sys.byteorder == "big":
        values = values[:]
        values.byteswap()
    return values
