"""LXC on this host: whether it can run, its packages, and the network bridge of its guests."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploylab.core.errors import HostError

# What Debian and Ubuntu need for Vagrant with LXC, and for building the box. A bare system has no `git`,
# `ssh` and `sudo`; vagrant-lxc calls sudo even as root.
PACKAGES = (
    "vagrant", "vagrant-lxc", "lxc", "redir", "lsb-release", "dnsmasq-base", "iptables", "bridge-utils",
    "iproute2", "procps", "mmdebstrap", "debian-archive-keyring", "git", "openssh-client", "sudo",
    "apache2-utils",
)
LXC_NET = "/usr/libexec/lxc/lxc-net"
BRIDGE = "lxcbr0"
NETWORK_UP = Path("/run/lxc/network_up")
OURS = Path("/run/lxc/deploylab")  # exists if a clone started the bridge; it disappears with the bridge or a reboot
LOCKS = Path("/run/lxc/lock")
DNSMASQ_PID = Path("/run/lxc/dnsmasq.pid")
# Kills whatever is creating the guest $1 in the folder $2: lxc-create, its template, and what the template started.
END_MAKERS = """for _ in $(seq 100); do
    found=$(pgrep -f "[l]xc-(create|template) .*$1( |$)"
            find /proc -mindepth 2 -maxdepth 2 -name cwd -lname "$2/*" 2>/dev/null | cut -d/ -f3)
    [ "$found" ] || exit 0
    kill -KILL $found 2>/dev/null
    sleep 0.1
done
exit 1"""


def kernel_lacks() -> str:
    """Why LXC cannot run with this kernel and these rights, in words; empty if it can.

    This is tried, not assumed: it makes namespaces with a bridge in them, which vanish when the probe ends.
    """
    if os.geteuid() != 0 and not _quiet(["sudo", "-n", "true"]):
        return "LXC needs root, and `sudo` asks for a password here (run `sudo -v` first)"
    if not _quiet([*root(), "unshare", "--mount", "--pid", "--fork", "--uts", "--ipc", "--net", "true"]):
        return "this kernel or container does not allow new namespaces"
    if shutil.which("ip") and not _quiet(
            [*root(), "unshare", "--net", "ip", "link", "add", "name", "deploylab0", "type", "bridge"]):
        return "this kernel has no network bridges"
    if not os.path.ismount("/sys/fs/cgroup"):
        return "control groups are not mounted"
    return ""


@contextmanager
def network() -> Iterator[None]:
    """The bridge is up, guests get addresses, and no other clone removes the bridge in this block.

    A guest that is about to start does not use the bridge yet, so the last other clone to leave would remove it.

    Raises:
        HostError: the bridge did not come up.
    """
    _quiet([*root(), "mkdir", "-p", str(OURS.parent)])
    with _locked_folder() as folder:
        fcntl.flock(folder, fcntl.LOCK_SH)
        while not _is_up():  # a lock that becomes another one is free for a moment
            fcntl.flock(folder, fcntl.LOCK_EX)
            _ensure_network()
            fcntl.flock(folder, fcntl.LOCK_SH)
        yield


def remove_network() -> None:
    """Remove the bridge if the kit started it, no guest uses it any more, and no other clone is starting one.

    All clones on this computer use the same bridge; the last one removes it, whichever started it. A guest that is shut
    down does not use it; its clone starts the bridge again with the guest.
    """
    if not OURS.exists():
        return
    with _locked_folder() as folder:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        if not list(Path(f"/sys/class/net/{BRIDGE}/brif").glob("*")):
            _lxc_net("stop")
            _quiet([*root(), "rm", "-f", str(OURS)])


def root() -> list[str]:
    """What to put before a command that needs root's rights."""
    return [] if os.geteuid() == 0 else ["sudo"]


def disk(guest: str) -> Path:
    """The folder that is a guest's disk."""
    done = subprocess.run(["lxc-config", "lxc.lxcpath"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return Path(done.stdout.strip() or "/var/lib/lxc", guest, "rootfs")


def exists(guest: str) -> bool:
    """Whether there is a guest of that name, running or not, complete or not."""
    return shutil.which("lxc-config") is not None and disk(guest).parent.exists()


def thaw(guest: str) -> None:
    """Unfreeze a frozen guest: Vagrant would think that it is booting, and wait. No effect if it is not frozen."""
    _quiet([*root(), "lxc-unfreeze", "-n", guest])


def kill(guest: str) -> None:
    """Kill a guest at once, like pulling the plug. No effect if it is not running."""
    _quiet([*root(), "lxc-stop", "-k", "-n", guest])


def destroy(guest: str) -> None:
    """Remove what is left of a guest that Vagrant does not know, or no longer knows.

    Vagrant registers a container once it is complete, so an incomplete one belongs to nobody. The programs that create
    it may survive a Vagrant that was killed, and go on writing into the folder. LXC leaves a lock file.
    """
    folder = disk(guest).parent
    _quiet([*root(), "sh", "-c", END_MAKERS, "end-makers", guest, str(folder)])
    if folder.exists():
        _quiet([*root(), "lxc-destroy", "-f", "-n", guest])
        _quiet([*root(), "rm", "-rf", "--one-file-system", str(folder)])  # LXC ignores a guest without a configuration
    _quiet([*root(), "rm", "-f", str(LOCKS / folder.parent.relative_to("/") / f".{guest}")])


@contextmanager
def _locked_folder() -> Iterator[int]:
    """A descriptor of LXC's folder, for a lock that all clones share; a file in it would stay there."""
    descriptor = os.open(OURS.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _ensure_network() -> None:
    """Start the bridge, again if need be.

    The bridge may outlive the dnsmasq that assigns its addresses. Then `lxc-net start` says
    "already running", and guests wait for an address forever.
    """
    if _is_up():
        return
    _quiet([*root(), "touch", str(OURS)])
    if NETWORK_UP.exists():
        _lxc_net("stop")
    done = _lxc_net("start")
    if done.returncode or not _is_up():
        raise HostError(f"The network bridge {BRIDGE} did not come up: {done.stderr.strip() or done.stdout.strip()}",
                        f"sudo {LXC_NET} stop; sudo {LXC_NET} start")


def _is_up() -> bool:
    return Path(f"/sys/class/net/{BRIDGE}").exists() and _dnsmasq_lives()


def _dnsmasq_lives() -> bool:
    try:
        return Path(f"/proc/{int(DNSMASQ_PID.read_text())}").exists()
    except (OSError, ValueError):
        return False


def _lxc_net(verb: str) -> subprocess.CompletedProcess:
    # No inherited pipe, and a folder that is never removed: dnsmasq keeps running and would hold both.
    return subprocess.run([*root(), LXC_NET, verb], capture_output=False, stdin=subprocess.DEVNULL, cwd="/",
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)


def _quiet(command: list[str]) -> bool:
    """Whether a command ends with status 0."""
    try:
        return subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL).returncode == 0
    except FileNotFoundError:
        return False
