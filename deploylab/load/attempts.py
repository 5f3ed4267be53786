"""Every attempt of a load test, kept in memory and written to a file.

One attempt is one row of integers. The file is gzip: one line of JSON, then the columns one
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
    "due_ns",         # when it should have been sent: the schedule (open), the end of the previous one (closed)
    "ready_ns",       # when it could have been sent: it was due, and a connection was free
    "start_ns",       # when the generator began it, by connect or send
    "connected_ns",   # when its new connection was established; NONE if it used a kept one
    "secured_ns",     # when its new connection had completed the TLS handshake; NONE without TLS or on a kept one
    "first_byte_ns",  # NONE if nothing was received
    "end_ns",         # the last byte of the response, or the failure
    "outcome",        # index into OUTCOMES
    "bytes",          # received, headers included
    "cache",          # 1 where X-Cache says HIT, 0 where it says anything else, NONE without it
    "connection",     # number of the connection that carried it; NONE if none was made, or several (a visit)
    "resumed",        # 1 where its handshake resumed an earlier session, 0 where it was a full one; NONE without one
)
OUTCOMES = (OK, *ERRORS)
NONE = -1  # this did not happen


class Attempts:
    """The attempts of one load test. `add` takes a tuple in the order of COLUMNS."""

    def __init__(self):
        self._rows = array("q")
        self.add = self._rows.extend  # bound once, because it is called for every request

    def __len__(self) -> int:
        return len(self._rows) // len(COLUMNS)

    def column(self, name: str, start: int = 0) -> array:
        """One column, from row `start`."""
        return self._rows[start * len(COLUMNS) + COLUMNS.index(name)::len(COLUMNS)]

    def discredit(self, connections: set[int]) -> None:
        """Make every attempt on these connections a `bad_response`: which response belongs to which is not known."""
        rows, outcome, bad = self._rows, COLUMNS.index("outcome"), OUTCOMES.index("bad_response")
        for i, connection in enumerate(self.column("connection")):
            if connection in connections:
                rows[i * len(COLUMNS) + outcome] = bad

    def write(self, path: str | Path, zero_ns: int, **head: Any) -> None:
        """Write the file, completely or not at all.

        Args:
            path: the file; missing folders are created.
            zero_ns: the clock when the load began; times in the file count from there.
            head: more fields for its first line.
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
        The fields of the first line, and a dict from column name to its integers
        (nanoseconds since the load began where the name ends in `_ns`).

    Raises:
        ResultsError: the file is missing, truncated, or of another kind.

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
        raise ResultsError(f"The attempts in {path} are incomplete.", "measure again")
    return head, columns


def _little_endian(values: array) -> array:
    if sys.byteorder == "big":
        values = values[:]
        values.byteswap()
    return values
