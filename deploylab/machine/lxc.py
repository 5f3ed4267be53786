"""LXC on this host: whether it can be, its packages, and the bridge its guests hang on."""

import os
import shutil
import subprocess
from pathlib import Path

from deploylab.core.errors import HostError

# What Debian and Ubuntu need for Vagrant with LXC, and for building the box. `git`, `ssh` and
# `sudo` are what a bare system lacks; vagrant-lxc calls sudo even when it is root.
PACKAGES = (
    "vagrant", "vagrant-lxc", "lxc", "redir", "lsb-release", "dnsmasq-base", "iptables", "bridge-utils",
    "iproute2", "procps", "mmdebstrap", "debian-archive-keyring", "git", "openssh-client", "sudo",
    "apache2-utils",
)
LXC_NET = "/usr/libexec/lxc/lxc-net"
BRIDGE = "lxcbr0"
NETWORK_UP = Path("/run/lxc/network_up")
OURS = Path("/run/lxc/deploylab")  # a clone brought the bridge up. It goes with the bridge, at the latest at a reboot
LOCKS = Path("/run/lxc/lock")
DNSMASQ_PID = Path("/run/lxc/dnsmasq.pid")
# Ends what makes the guest $1 in the folder $2: lxc-create, its template, and what the template unpacks in there.
END_MAKERS = """for _ in $(seq 100); do
    found=$(pgrep -f "[l]xc-(create|template) .*$1( |$)"
            find /proc -mindepth 2 -maxdepth 2 -name cwd -lname "$2/*" 2>/dev/null | cut -d/ -f3)
    [ "$found" ] || exit 0
    kill -KILL $found 2>/dev/null
    sleep 0.1
done
exit 1"""


def kernel_lacks() -> str:
    """What this computer's kernel or rights lack for LXC, in words; empty if nothing does.

    It is tried, not assumed: new namespaces with a bridge in them, gone again when the probe ends.
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


def ensure_network() -> None:
    """See to it that the bridge is up and gives addresses.

    The bridge outlives the dnsmasq that gives out its addresses. Without a live one,
    `lxc-net start` says "already running" and guests wait for an address for ever.

    Raises:
        HostError: the bridge did not come up.
    """
    if Path(f"/sys/class/net/{BRIDGE}").exists() and _dnsmasq_lives():
        return
    _quiet([*root(), "mkdir", "-p", str(OURS.parent)])
    _quiet([*root(), "touch", str(OURS)])
    if NETWORK_UP.exists():
        _lxc_net("stop")
    done = _lxc_net("start")
    if done.returncode or not _dnsmasq_lives():
        raise HostError(f"The network bridge {BRIDGE} did not come up: {done.stderr.strip() or done.stdout.strip()}",
                        f"sudo {LXC_NET} stop; sudo {LXC_NET} start")


def remove_network() -> None:
    """Take the bridge away if the kit brought it up and nothing hangs on it any more.

    Every clone on this computer uses the same one, and the last to go takes it away, whoever brought it up. A guest
    that is shut down does not hang on it; its clone brings the bridge back with it.
    """
    if OURS.exists() and not list(Path(f"/sys/class/net/{BRIDGE}/brif").glob("*")):
        _lxc_net("stop")
        _quiet([*root(), "rm", "-f", str(OURS)])


def root() -> list[str]:
    """What stands before a command that needs root's rights."""
    return [] if os.geteuid() == 0 else ["sudo"]


def disk(guest: str) -> Path:
    """The folder that is a guest's disk."""
    done = subprocess.run(["lxc-config", "lxc.lxcpath"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return Path(done.stdout.strip() or "/var/lib/lxc", guest, "rootfs")


def exists(guest: str) -> bool:
    """Whether there is a guest of that name, running or not, whole or not."""
    return shutil.which("lxc-config") is not None and disk(guest).parent.exists()


def thaw(guest: str) -> None:
    """Let a frozen guest go on: Vagrant takes it for one that boots, and waits. Nothing happens if it is not frozen."""
    _quiet([*root(), "lxc-unfreeze", "-n", guest])


def kill(guest: str) -> None:
    """End a guest at once, as a pulled plug does. Nothing happens if it does not run."""
    _quiet([*root(), "lxc-stop", "-k", "-n", guest])


def destroy(guest: str) -> None:
    """Take away what is left of a guest that Vagrant does not know of, or knows no more.

    Vagrant learns of a container when it is made, so one that was half made is nobody's; and whoever makes it may
    outlive a Vagrant that was killed, and write on into the folder. LXC leaves a file that it locks.
    """
    folder = disk(guest).parent
    _quiet([*root(), "sh", "-c", END_MAKERS, "end-makers", guest, str(folder)])
    if folder.exists():
        _quiet([*root(), "lxc-destroy", "-f", "-n", guest])
        _quiet([*root(), "rm", "-rf", "--one-file-system", str(folder)])  # one without a configuration is none to LXC
    _quiet([*root(), "rm", "-f", str(LOCKS / folder.parent.relative_to("/") / f".{guest}")])


def _dnsmasq_lives() -> bool:
    try:
        return Path(f"/proc/{int(DNSMASQ_PID.read_text())}").exists()
    except (OSError, ValueError):
        return False


def _lxc_net(verb: str) -> subprocess.CompletedProcess:
    # No inherited pipe: dnsmasq stays and would hold it open. A folder that stays, too.
    return subprocess.run([*root(), LXC_NET, verb], capture_output=False, stdin=subprocess.DEVNULL, cwd="/",
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)


def _quiet(command: list[str]) -> bool:
    """Whether a command ends with status 0."""
    try:
        return subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL).returncode == 0
    except FileNotFoundError:
        return False
