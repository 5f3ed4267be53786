"""What the doctor says about one thing."""

from dataclasses import dataclass

OK, NOTE, PROBLEM = "ok", "note", "problem"
SIGNS = {OK: "✓", NOTE: "·", PROBLEM: "✗"}


@dataclass(frozen=True)
class Finding:
    """What was found out about one thing of this computer.

    Attributes:
        name: the thing: `memory`.
        state: "ok"; "note": worth knowing, but the course works; "problem": the course or a part of it will not work.
        seen: what was found, with figures.
        cure: what to type or change on this platform; empty if there is nothing to do.
    """

    name: str
    state: str
    seen: str
    cure: str = ""
