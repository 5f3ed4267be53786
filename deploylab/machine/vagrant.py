"""The machine of the course: a guest that Vagrant makes, with any provider."""

import contextlib
import json
import os
import shlex
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path

from deploylab.core import paths
from deploylab.core.errors import HostError, MachineError
from deploylab.core.progress import Progress
from deploylab.course import Target
from deploylab.machine import box, copies, guest, https, lxc, owned
from deploylab.machine.base import NO_VERSIONS, Completed, Facts, Inventory, OnLine, Versions
from deploylab.machine.bindings import Vagrant, environment, forget_home, make_file_cm
from deploylab.machine.guest import facts as guest_facts
from deploylab.machine.ssh import Ssh, remove_control_dir

VM = "web"
SSH_PORT = 22
GREETING_S = 5  # a guest under load is slow


class VagrantMachine:
    """A guest that can be started and destroyed. See `machine.base.Machine` for its other methods.

    Args:
        provider: the Vagrant provider that runs it.
    """

    kind = "vagrant"
    address = "0.0.0.0"  # noqa: S104 - all of the guest's addresses, or this host could not reach it

    def __init__(self, provider: str):
        self.provider = provider
        self._ssh: Ssh | None = None
        self._host = ""

    # -- life cycle ---------------------------------------------------------------

    def up(self, progress: Progress) -> None:
        """Make and boot the guest; no effect if it is already running.

        Raises:
            HostError: something is missing on the host.
            MachineError: it did not start.
        """
        # Also if the guest is running: without the network, the guest's address expires.
        with lxc.network() if self.provider == "lxc" else nullcontext():
            if self.is_lost():
                progress.say("This clone has a machine that .lab/ no longer lists. A new one replaces it.")
            if _unfinished_path().exists() or self.is_lost():
                self.discard(progress)
            if self.answers():
                return
            if self.provider == "lxc":
                lxc.thaw(self.name)
                if self.answers():
                    return
                with progress.phase("box", "Vagrant box of Debian 13"):
                    built = box.ensure(progress)
                    self._add_box(force=built)
                owned.add("container", self.name)
            whole = nullcontext if self._id_path().exists() else _unfinished
            with progress.phase("boot", f"Vagrant machine on {self.provider}"), whole():
                self._stream(self._vagrant(progress).up(provider=self.provider, stream_output=True), progress)
                self.forget()
                self.wait()

    def halt(self, progress: Progress) -> None:
        """Shut the guest down; its disk is kept."""
        self.close()
        with progress.phase("halt", "Halting the machine"), self._calling("halt"):
            self._vagrant(progress).halt()

    def destroy(self, progress: Progress) -> None:
        """Remove the guest and everything that the kit made for it on this host."""
        self.discard(progress)
        forget_home()
        remove_control_dir()
        if self.provider == "lxc":
            copies.remove_all()
            lxc.remove_network()

    def discard(self, progress: Progress) -> None:
        """Remove only the guest; `up` then makes a new one."""
        self.close()
        with progress.phase("destroy", "Destroying the machine"), self._calling("destroy"), _unfinished():
            if self.provider == "lxc":
                lxc.kill(self.name)  # it is thrown away, so there is no need for a clean shutdown
            self._vagrant(progress).destroy()
            if self.provider == "lxc":
                lxc.destroy(self.name)
            owned.remove("container", self.name)
        self.forget()

    def state(self) -> str:
        """Vagrant's word for it: "running", "stopped", "not_created" …"""
        with self._calling("status"):
            return next((s.state for s in self._vagrant().status() if s.name == VM), "not_created")

    def is_lost(self) -> bool:
        """Whether there is a guest of this name that Vagrant no longer knows, because its state was deleted."""
        return self.provider == "lxc" and not self._id_path().exists() and lxc.exists(self.name)

    @property
    def name(self) -> str:
        """Its name on the host; the Vagrantfile makes the same name."""
        return f"deploylab-{paths.short_hash()}-{VM}"

    # -- reaching it --------------------------------------------------------------

    @property
    def ssh(self) -> Ssh:
        """How to reach the guest, as Vagrant reported when it started.

        Raises:
            MachineError: there is no guest, or it is not running.
        """
        if self._ssh is None:
            self._ssh = _saved_ssh() or self._ask_ssh()
        return self._ssh

    @property
    def ssh_config(self) -> Path:
        """The output of `vagrant ssh-config`, for a person's own `ssh -F`, with the host name `web`."""
        return paths.state_dir() / "ssh_config"

    @property
    def login(self) -> str:
        """The command with which a person logs in, for a shell in the current folder."""
        return f"ssh -F {shlex.quote(os.path.relpath(self.ssh_config))} {VM}"

    @property
    def login_words(self) -> list[str]:
        """The same for a program, in any folder."""
        return ["ssh", "-F", str(self.ssh_config), VM]

    @property
    def host(self) -> str:
        """The guest's address on the network that only this host can reach."""
        if not self._host:
            loopback = self.ssh.host.startswith("127.") or self.ssh.host == "localhost"
            self._host = self._private_address() if loopback else self.ssh.host
        return self._host

    def url(self, target: Target, path: str = "/") -> str:
        return https.url(self.host, target, path)

    def run(self, command: str, *, sudo: bool = False, stdin: bytes | None = None,
            on_line: OnLine | None = None, timeout_s: float | None = None) -> Completed:
        return self.ssh.run(command, sudo=sudo, stdin=stdin, on_line=on_line, timeout_s=timeout_s)

    def check_output(self, command: str, *, sudo: bool = False) -> str:
        return self.ssh.check_output(command, sudo=sudo)

    def put(self, content: bytes, path: str, *, mode: str = "0644", owner: str = "root:root") -> None:
        self.ssh.put(content, path, mode=mode, owner=owner)

    def inventory(self) -> Inventory:
        return self.ssh.inventory()

    def facts(self, versions: Versions = NO_VERSIONS) -> Facts:
        return Facts(kind=self.kind, provider=self.provider,
                     **guest.ask(self, guest_facts, f"facts({dict(versions)!r})"))

    def answers(self) -> bool:
        """Whether its sshd answers; takes a fraction of a second."""
        saved = _saved_ssh()
        return saved is not None and _greets(saved.host, saved.port)

    def wait(self) -> None:
        """Wait until the guest's services and supervisord's programs have started, for a minute at most."""
        starting = "supervisorctl status 2>/dev/null | grep -q STARTING"
        self.run("timeout 30 systemctl is-system-running --wait; "
                 f"timeout 30 sh -c 'while {starting}; do sleep 0.5; done'", sudo=True)

    def close(self) -> None:
        """Close the connection."""
        with contextlib.suppress(MachineError):
            if _saved_ssh():
                self.ssh.close()

    def forget(self) -> None:
        """Forget the guest's address."""
        _saved_ssh_path().unlink(missing_ok=True)
        self.ssh_config.unlink(missing_ok=True)
        self._ssh, self._host = None, ""

    # -- Vagrant ------------------------------------------------------------------

    def _id_path(self) -> Path:
        """The file in which Vagrant keeps the guest's identifier."""
        return paths.state_dir() / "machines" / "machines" / VM / self.provider / "id"

    def _vagrant(self, progress: Progress | None = None) -> Vagrant:
        """A new handle for each call, because it caches the ssh-config, which changes with every start."""
        log = progress.log_path if progress else paths.state_dir() / "log" / "vagrant.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        to_log = make_file_cm(str(log))
        return Vagrant(root=str(paths.ROOT), env=environment(), out_cm=to_log, err_cm=to_log)

    def _add_box(self, *, force: bool) -> None:
        name = box.settings()["name"]
        there = (Path(environment()["VAGRANT_HOME"]) / "boxes" / name.replace("/", "-VAGRANTSLASH-")).exists()
        if force or not there:
            with self._calling("box add"):
                self._vagrant().box_add(name, str(box.path()), provider="lxc", force=True)

    def _stream(self, lines: Iterator[str], progress: Progress) -> None:
        with self._calling("up", progress.log_path):
            for line in lines:
                progress.log(line)
                progress.update(line.strip().removeprefix("==> ").removeprefix(f"{VM}: "))

    @contextmanager
    def _calling(self, verb: str, log: Path | None = None) -> Iterator[None]:
        """Turn the errors of a call of vagrant into ours."""
        try:
            yield
        except subprocess.CalledProcessError as error:
            log = log or paths.state_dir() / "log"
            raise MachineError(f"`vagrant {verb}` ended with status {error.returncode}.{_last_lines(log)}",
                               f"look at {log}, then ./lab up (or ./lab destroy to start from scratch)") from error
        except (FileNotFoundError, RuntimeError) as error:  # python-vagrant: no executable
            raise HostError("There is no `vagrant` command in PATH.",
                            "./lab up --yes   installs it; if it is installed, add its folder to PATH") from error

    def _ask_ssh(self) -> Ssh:
        """How to reach the guest, as Vagrant says; kept in files for the next time."""
        handle = self._vagrant()
        try:
            text = handle.ssh_config(vm_name=VM)
        except subprocess.CalledProcessError as error:
            raise MachineError("The machine is not running.", "./lab up") from error
        conf = handle.conf(text)
        ssh = Ssh(conf["HostName"], int(conf["Port"]), conf["User"], conf["IdentityFile"].strip('"'))
        path = _saved_ssh_path()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(ssh)))
        self.ssh_config.write_text(text)
        return ssh

    def _private_address(self) -> str:
        """The first of the guest's addresses that this host can reach.

        Hypervisors forward ssh from a loopback port, but the site needs the guest's own address.
        """
        for address in self.check_output("hostname -I").split():
            if ":" not in address and _greets(address, SSH_PORT):
                return address
        raise MachineError("The guest is running, but this host can reach none of its addresses.",
                           "./lab halt, then ./lab up; a VPN may hide the guest's network")


@contextmanager
def _unfinished() -> Iterator[None]:
    """Mark the guest as incomplete while the block runs; the mark stays if the block is interrupted."""
    _unfinished_path().parent.mkdir(parents=True, exist_ok=True)
    _unfinished_path().touch()
    yield
    _unfinished_path().unlink()


def _unfinished_path() -> Path:
    return paths.state_dir() / "unfinished"


def _saved_ssh_path() -> Path:
    return paths.state_dir() / "ssh.json"


def _saved_ssh() -> Ssh | None:
    try:
        return Ssh(**json.loads(_saved_ssh_path().read_text()))
    except (FileNotFoundError, ValueError):
        return None


def _greets(host: str, port: int) -> bool:
    """Whether sshd answers there. A connection alone proves nothing: a frozen guest accepts it too."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1) as connection:
        connection.settimeout(GREETING_S)
        return connection.recv(4) == b"SSH-"
    return False


def _last_lines(log: Path) -> str:
    try:
        lines = [line for line in log.read_text(errors="replace").splitlines() if "rubygems-integration" not in line]
        return "\n" + "\n".join(lines[-12:])
    except OSError:
        return ""
