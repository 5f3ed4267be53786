"""What every kind of machine can do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

from deploylab.course import Target

OnLine = Callable[[str], None]
Versions = Mapping[str, Sequence[str]]  # by a program's name, the command by which it tells its version
NO_VERSIONS: Versions = MappingProxyType({})


@dataclass(frozen=True)
class Completed:
    """How a command on the machine ended. Like `subprocess.CompletedProcess`, in text."""

    command: str
    status: int                # exit status; negative: ended by that signal
    out: str                   # standard output and standard error, interleaved

    @property
    def ok(self) -> bool:
        return self.status == 0


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a machine is."""

    kind: str                      # as `Machine.kind`
    provider: str                  # as `Machine.provider`
    cpu: str                       # the processor's name
    n_cpu: int
    cpus_allowed: list[int]        # the processors that it may use, by their numbers
    memory_bytes: int
    kernel: str
    distro: str
    versions: dict[str, str]       # by a program's name; what is not there is left out


@dataclass(frozen=True)
class Inventory:
    """How pyinfra reaches a machine."""

    name: str                      # of the host
    data: dict[str, Any] = field(default_factory=dict)  # of the host: options of pyinfra's connectors, and our own


def with_address(machine: "Machine", text: str) -> str:
    """The text with this machine's address in place of 0.0.0.0: loopback, if the machine is this computer.

    Example:
        with_address(machine, "0.0.0.0:8000")
    """
    return text.replace("0.0.0.0:", f"{machine.address}:")


class Machine(Protocol):
    """A handle for one server.

    Attributes:
        kind: "vagrant", "local" or "recorded".
        provider: what runs it ("lxc", "virtualbox", …), "" where there is none.
        host: the address or name under which this host reaches it.
        address: where its servers listen for visitors: 0.0.0.0, or 127.0.0.1 if the machine is this computer.
    """

    kind: str
    provider: str
    host: str
    address: str

    def url(self, target: Target, path: str = "/") -> str:
        """The URL of a path of a stage or variant, as seen from this host."""

    def run(self, command: str, *, sudo: bool = False, stdin: bytes | None = None,
            on_line: OnLine | None = None, timeout_s: float | None = None) -> Completed:
        """Run a shell command and wait for it; a non-zero exit is no error.

        Args:
            command: for `/bin/sh` on the machine.
            sudo: as root.
            stdin: what the command reads; nothing by default.
            on_line: called with each line of output as it arrives. With `stdin` too, standard input stays open until
                the command ends: its end tells the command that we have ended.
            timeout_s: the command's process group is killed after that many seconds.

        Raises:
            MachineError: the machine could not be reached, or the command took too long.
        """

    def check_output(self, command: str, *, sudo: bool = False) -> str:
        """The output of a command that must end with status 0.

        Raises:
            CommandError: it exited with another status; the message contains the last lines.
        """

    def put(self, content: bytes, path: str, *, mode: str = "0644", owner: str = "root:root") -> None:
        """Write a file on the machine, completely or not at all."""

    def facts(self, versions: Versions = NO_VERSIONS) -> Facts:
        """What the machine is.

        Args:
            versions: whose versions to ask for: `Course.versions`.
        """

    def inventory(self) -> Inventory:
        """How pyinfra reaches it."""
