"""An ssh connection to the machine that is kept open: only the first command has to wait for it."""

import contextlib
import hashlib
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from deploylab.core.errors import HostError, MachineError
from deploylab.machine import shell
from deploylab.machine.base import Completed, Inventory, OnLine
from deploylab.machine.reach import Reach

CONNECTION_LOST = 255  # ssh's own exit status; a command of ours never ends with it


@dataclass(frozen=True)
class Ssh(Reach):
    """How to reach a machine by ssh, as `vagrant ssh-config` says.

    Example:
        >>> Ssh("10.0.3.21", 22, "vagrant", "key").destination
        'vagrant@10.0.3.21'
    """

    host: str
    port: int
    user: str
    key: str

    @property
    def destination(self) -> str:
        return f"{self.user}@{self.host}"

    @property
    def options(self) -> list[str]:
        """Options for the system's ssh. Guests are often rebuilt, so their host keys are not kept."""
        return [
            "-F", "none", "-p", str(self.port), "-i", self.key,
            "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR",
            "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            "-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=6",
            "-o", "ControlMaster=auto", "-o", f"ControlPath={self.control_path}", "-o", "ControlPersist=10m",
        ]

    @property
    def control_path(self) -> Path:
        """The socket of the open connection. The path is short because sockets allow only 107 bytes."""
        where = f"{self.destination}:{self.port}:{self.key}"
        return control_dir() / hashlib.sha256(where.encode()).hexdigest()[:12]

    def run(self, command: str, *, sudo: bool = False, stdin: bytes | None = None,
            on_line: OnLine | None = None, timeout_s: float | None = None) -> Completed:
        """See `Machine.run`."""
        done = shell.run(["ssh", *self.options, self.destination], command,
                         sudo=sudo, stdin=stdin, on_line=on_line, timeout_s=timeout_s)
        if done.status == CONNECTION_LOST:
            raise MachineError(f"No connection to {self.destination}, port {self.port}: {done.out.strip()[-300:]}",
                               "./lab up")
        return done

    def inventory(self) -> Inventory:
        """See `Machine.inventory`."""
        return Inventory("web", {
            "ssh_hostname": self.host, "ssh_port": self.port, "ssh_user": self.user, "ssh_key": self.key,
            "ssh_strict_host_key_checking": "no", "ssh_known_hosts_file": "/dev/null", "_sudo": True,
        })

    def close(self) -> None:
        """Close the connection, if it is open."""
        with contextlib.suppress(OSError):
            subprocess.run(["ssh", *self.options, "-O", "exit", self.destination],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def remove_control_dir() -> None:
    """Remove the folder of connection sockets, unless another machine uses it."""
    with contextlib.suppress(OSError):
        control_dir().rmdir()


def control_dir() -> Path:
    """A folder for connection sockets that only this user can enter.

    Raises:
        HostError: another user can access it.
    """
    folder = Path(tempfile.gettempdir()) / f"deploylab-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    stat = folder.lstat()
    if stat.st_uid != os.getuid() or stat.st_mode & 0o077 or folder.is_symlink():
        raise HostError(f"{folder} is accessible to others, so no connection is kept there.", f"rm -r {folder}")
    return folder
