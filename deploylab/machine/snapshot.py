"""What is on the machine at one moment, and what differs between two moments: files, packages, users, services,
sockets, processes. It answers "what did this step change?"
"""

from dataclasses import dataclass

from deploylab.machine import Machine, guest
from deploylab.machine.guest import snapshot as on_guest

Snapshot = dict[str, dict[str, str]]  # by kind, then by name: a line of text


@dataclass(frozen=True)
class Change:
    """One thing that differs between two snapshots.

    Attributes:
        kind: `files`, `packages`, `python packages`, `users`, `services`, `sockets` or `processes`.
        name: the path, package, address or command.
        before, after: its description; None if it did not exist.
    """

    kind: str
    name: str
    before: str | None
    after: str | None

    @property
    def sign(self) -> str:
        """`+` for what is new, `-` for what is gone, `~` for what changed."""
        return "+" if self.before is None else "-" if self.after is None else "~"

    def __str__(self) -> str:
        values = " -> ".join(text for text in (self.before, self.after) if text is not None)
        return f"{self.sign} {self.kind}: {self.name}  ({values})"


def take(machine: Machine) -> Snapshot:
    """What is on the machine now.

    Raises:
        MachineError: the machine could not be read.

    Example:
        take(machine)["sockets"]["0.0.0.0:8003"]
    """
    return guest.ask(machine, on_guest, "look()")


def changes(before: Snapshot, after: Snapshot) -> list[Change]:
    """Everything that differs, sorted by kind and name.

    >>> [str(change) for change in changes({"packages": {"git": "1"}}, {"packages": {"git": "2"}})]
    ['~ packages: git  (1 -> 2)']
    """
    return [Change(kind, name, old.get(name), new.get(name))
            for kind in dict.fromkeys([*before, *after])
            for old, new in [(before.get(kind, {}), after.get(kind, {}))]
            for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
