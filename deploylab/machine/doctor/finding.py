"""What the doctor says of one thing."""

from dataclasses import dataclass

OK, NOTE, PROBLEM = "ok", "note", "problem"
SIGNS = {OK: "✓", NOTE: "·", PROBLEM: "✗"}


@dataclass(frozen=True)
class Finding:
    """One thing of this computer.

    Attributes:
        name: the thing: `memory`.
        state: "ok"; "note", worth knowing, the course goes on; "problem", the course or a part of it will not work.
        seen: what was found, with figures.
        cure: what to type or change on this platform; empty where nothing need be done.
    """

    name: str
    state: str
    seen: str
    cure: str = ""
