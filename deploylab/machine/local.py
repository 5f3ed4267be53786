"""This computer as the machine: a container, a Codespace, a disposable server. It listens only on loopback.

The same deploys put the same servers into the real `/etc`. What was there before is kept and restored later. If
systemd is not the first process, a small `systemctl` of ours controls services through the scripts in `/etc/init.d`.
"""

import os
import platform
import shlex
import socket
import subprocess
from pathlib import Path

from deploylab import course as courses
from deploylab.core import paths
from deploylab.core.errors import HostError, MachineError
from deploylab.core.progress import Progress
from deploylab.course import Target
from deploylab.machine import apt, guest, https, owned, shell
from deploylab.machine.base import NO_VERSIONS, Completed, Facts, Inventory, OnLine, Versions
from deploylab.machine.guest import facts as guest_facts
from deploylab.machine.reach import Reach

# The deploys use the package names of these systems; all four have the same names.
SYSTEMS = {"debian": ("12", "13"), "ubuntu": ("22.04", "24.04")}
# What converging and the lessons by hand need, and a bare container may not have.
PACKAGES = ("sudo", "git", "iproute2", "procps", "ca-certificates", "curl", "python3")
SYSUSERS = "systemd-standalone-sysusers"  # otherwise Varnish on Debian 13 installs all of systemd
PROGRAMS = paths.PROVISIONING / "local"
INSTALL = paths.PROVISIONING / "files/usr/local/lib/deploylab/install"
KEPT = Path("/var/lib/deploylab")  # which clone this machine belongs to, and what was here before
OTHERS = 3                         # exit status of `arrive`: this computer is another clone's machine
# What the deploys write, in addition to complete files and files with our name.
SETTINGS = ("/etc/pip.conf", "/etc/apt/apt.conf.d/90deploylab-proxy")
SYSTEMD = Path("/run/systemd/system")  # exists if systemd runs
MARKS = ("/.dockerenv", "/run/.containerenv", "/run/systemd/container")


def is_container() -> str:
    """A sentence that says what kind of container this computer is; "" if it is none."""
    if os.environ.get("CODESPACES") == "true":
        return "this is a Codespace"
    if os.environ.get("REMOTE_CONTAINERS") == "true":
        return "this is a development container"
    if os.environ.get("KUBERNETES_SERVICE_HOST") or any(Path(mark).exists() for mark in MARKS):
        return "this is a container"
    return ""


def lacks() -> str:
    """Why this computer cannot be the machine, in words; "" if it can."""
    system = platform.freedesktop_os_release() if Path("/etc/os-release").exists() else {}
    if system.get("VERSION_ID") not in SYSTEMS.get(system.get("ID", ""), ()):
        return (f"the stages are made of the packages of Debian 12 and 13 and of Ubuntu 22.04 and 24.04, and this is "
                f"{system.get('PRETTY_NAME') or platform.system()}")
    if os.geteuid() != 0 and not _quiet(["sudo", "-n", "true"]):
        return "it needs root, and `sudo` asks for a password here (type `sudo -v` first)"
    return ""


def missing() -> tuple[str, ...]:
    """The packages of PACKAGES that are not installed, and SYSUSERS if systemd is not installed."""
    return tuple(apt.missing(PACKAGES if not apt.missing(["systemd"]) else [*PACKAGES, SYSUSERS]))


def server_cpus() -> tuple[int, ...]:
    """The processors for the servers, so that the load has another; () if the servers cannot be restricted.

    A server inherits its processors from whatever starts it. If systemd starts it, we have no influence.
    """
    if SYSTEMD.exists():
        return ()
    ours = sorted(os.sched_getaffinity(0))
    return tuple(ours[:min(2, len(ours) - 1)])


class LocalMachine(Reach):
    """This computer. See `machine.base.Machine` for its methods."""

    kind = "local"
    provider = ""
    host = address = "127.0.0.1"
    name = "this computer"
    login = "sudo -i"
    ssh_config = PROGRAMS / "ssh_config"  # for a lesson's `ssh -F`: it says that ssh is not possible

    # -- life cycle ---------------------------------------------------------------

    def up(self, progress: Progress) -> None:
        """Make this computer the machine, or start its services again after `halt` or a boot.

        Raises:
            HostError: it cannot be the machine, or is already another clone's.
        """
        if why := lacks():
            raise HostError(f"This computer cannot be the machine: {why}.", "./lab doctor")
        if self.answers():
            return
        if self.state() == "not_created":
            _ports_are_free()
        owned.add("local", str(KEPT))
        with progress.phase("boot", "this computer becomes the machine"):
            self._arrive()
        if packages := missing():
            with progress.phase("packages", f"packages: {' '.join(packages)}"):
                self.check_output(shlex.join([str(INSTALL), *packages]), sudo=True)

    def halt(self, progress: Progress) -> None:
        """Stop what the kit runs here; its files stay."""
        with progress.phase("halt", "stopping the services"):
            self._leave(progress, "--halt")

    def destroy(self, progress: Progress) -> None:
        """Stop what the kit runs here, remove what it put here, and restore what was there before."""
        with progress.phase("destroy", "removing the stages from this computer"):
            self._leave(progress)
            owned.remove("local", str(KEPT))

    def discard(self, progress: Progress) -> None:
        """The same as `destroy`: there is no guest to build again."""
        self.destroy(progress)

    def state(self) -> str:
        """In Vagrant's words: "running", "stopped", "not_created"."""
        if not (KEPT / "owner").exists():
            return "not_created"
        return "running" if self.run(shlex.join([str(PROGRAMS / "arrive"), "--check"])).ok else "stopped"

    def answers(self) -> bool:
        """Whether this computer is the machine now."""
        return self.state() == "running"

    def close(self) -> None:
        """Do nothing: no connection is held open."""

    # -- reaching it --------------------------------------------------------------

    def url(self, target: Target, path: str = "/") -> str:
        return https.url(self.host, target, path)

    def run(self, command: str, *, sudo: bool = False, stdin: bytes | None = None,
            on_line: OnLine | None = None, timeout_s: float | None = None) -> Completed:
        return shell.run([*_on_the_servers_cpus(), "sh", "-c"], command, sudo=sudo and os.geteuid() != 0,
                         stdin=stdin, on_line=on_line, timeout_s=timeout_s)

    @property
    def login_words(self) -> list[str]:
        """A terminal on the machine, for a program."""
        return [*_on_the_servers_cpus(), "bash", "-l"]

    def inventory(self) -> Inventory:
        suite = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
        return Inventory("@local", {"_sudo": os.geteuid() != 0, "address": self.address, "cpus": server_cpus(),
                                    "old_nginx": suite == "bookworm"})  # 1.22; the deploys know what that means

    def facts(self, versions: Versions = NO_VERSIONS) -> Facts:
        return Facts(kind=self.kind, provider=self.provider,
                     **guest.ask(self, guest_facts, f"facts({dict(versions)!r})"))

    def _arrive(self) -> None:
        if not SYSTEMD.exists():
            for program in ("systemctl", "journalctl"):
                self.put((PROGRAMS / program).read_bytes(), f"/usr/local/bin/{program}", mode="0755")
        files = paths.PROVISIONING / "files"
        placed = ["/" + path.relative_to(files).as_posix() for path in files.rglob("*") if path.is_file()]
        words = [str(PROGRAMS / "arrive"), str(paths.state_dir()), *sorted([*placed, *SETTINGS])]
        done = self.run(shlex.join(words), sudo=True)
        if done.status == OTHERS:
            owned.remove("local", str(KEPT))
            raise HostError(f"This computer is already the machine of the clone in {done.out.strip()}.",
                            "./lab destroy, in that clone")
        if not done.ok:
            raise MachineError(f"This computer did not become the machine: {done.out.strip()[-500:]}", "./lab up")

    def _leave(self, progress: Progress, *words: str) -> None:
        done = self.run(shlex.join([str(PROGRAMS / "leave"), *words]), sudo=True, on_line=progress.update)
        progress.log(done.out)
        if not done.ok:
            raise MachineError(f"Not everything could be removed:\n{done.out.strip()[-800:]}",
                               "the same command again")


def _on_the_servers_cpus() -> list[str]:
    cpus = server_cpus()
    return ["taskset", "-c", ",".join(map(str, cpus))] if cpus else []


def _ports_are_free() -> None:
    """Raise HostError if another program uses a port of a stage."""
    for target in courses.load().targets:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", target.port))
            except OSError as error:
                raise HostError(f"A program on this computer uses port {target.port}, which {target.name} needs.",
                                f"ss -ltnp 'sport = :{target.port}'; stop it, then the same command again") from error


def _quiet(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL).returncode == 0
    except FileNotFoundError:
        return False
