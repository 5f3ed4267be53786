"""What every way to reach a machine offers: the output of a command, and writing complete files."""

import shlex
from abc import ABC, abstractmethod

from deploylab.core.errors import CommandError
from deploylab.machine.base import Completed, OnLine


class Reach(ABC):
    """A way to reach a machine. Subclasses differ in `run`."""

    @abstractmethod
    def run(self, command: str, *, sudo: bool = False, stdin: bytes | None = None,
            on_line: OnLine | None = None, timeout_s: float | None = None) -> Completed:
        """See `Machine.run`."""

    def check_output(self, command: str, *, sudo: bool = False) -> str:
        """See `Machine.check_output`."""
        done = self.run(command, sudo=sudo)
        if not done.ok:
            raise CommandError(f"On the machine, `{command}` ended with status {done.status}:\n"
                               f"{done.out.strip()[-1000:]}")
        return done.out

    def put(self, content: bytes, path: str, *, mode: str = "0644", owner: str = "root:root") -> None:
        """See `Machine.put`."""
        target, part = shlex.quote(path), shlex.quote(f"{path}.part")
        user, _, group = owner.partition(":")
        command = (f"set -e; umask 077; mkdir -p -m 0755 \"$(dirname {target})\"; cat > {part}; "
                   f"chown {user}:{group} {part}; chmod {mode} {part}; mv {part} {target}")
        done = self.run(command, sudo=True, stdin=content)
        if not done.ok:
            raise CommandError(f"Could not write {path} on the machine: {done.out.strip()[-300:]}",
                               "./lab status --deep")
