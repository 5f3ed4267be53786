"""LXC on this host: whether it can be, its packages, and the bridge its guests hang on."""

import os
import shutil
import subprocess
from pathlib import Path

from deploylab.errors import HostError
from deploylab.machine import owned

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
DNSMASQ_PID = Path("/run/lxc/dnsmasq.pid")


def kernel_lacks() -> str:
    """What this computer's kernel or rights lack for LXC, in words; empty if nothing does.

    It is tried, not assumed: new namespaces with a bridge in them, gone again when the probe ends.
    """
    if os.geteuid() != 0 and not _quiet(["sudo", "-n", "true"]):
        return "LXC needs root, and `sudo` asks for a password here (run `sudo -v` first)"
    root = [] if os.geteuid() == 0 else ["sudo"]
    if not _quiet([*root, "unshare", "--mount", "--pid", "--fork", "--uts", "--ipc", "--net", "true"]):
        return "this kernel or container does not allow new namespaces"
    if shutil.which("ip") and not _quiet(
            [*root, "unshare", "--net", "ip", "link", "add", "name", "deploylab0", "type", "bridge"]):
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
    owned.add("network", BRIDGE)
    if NETWORK_UP.exists():
        _lxc_net("stop")
    done = _lxc_net("start")
    if done.returncode or not _dnsmasq_lives():
        raise HostError(f"The network bridge {BRIDGE} did not come up: {done.stderr.strip() or done.stdout.strip()}",
                        f"sudo {LXC_NET} stop; sudo {LXC_NET} start")


def remove_network() -> None:
    """Take the bridge away if the kit brought it up and nothing hangs on it any more."""
    if BRIDGE not in owned.all_things().get("network", []):
        return
    if not list(Path(f"/sys/class/net/{BRIDGE}/brif").glob("*")):
        _lxc_net("stop")
    owned.remove("network", BRIDGE)


def _dnsmasq_lives() -> bool:
    try:
        return Path(f"/proc/{int(DNSMASQ_PID.read_text())}").exists()
    except (OSError, ValueError):
        return False


def _lxc_net(verb: str) -> subprocess.CompletedProcess:
    root = [] if os.geteuid() == 0 else ["sudo"]
    # No inherited pipe: dnsmasq stays and would hold it open. A folder that stays, too.
    return subprocess.run([*root, LXC_NET, verb], capture_output=False, stdin=subprocess.DEVNULL, cwd="/",
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)


def _quiet(command: list[str]) -> bool:
    """Whether a command ends with status 0."""
    try:
        return subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL).returncode == 0
    except FileNotFoundError:
        return False
