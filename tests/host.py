"""What a machine leaves on this computer, as far as it can be seen from outside the clone.

Two things are not looked at, because they belong to installed packages: the bridge's dnsmasq remembers an address
that it gave for an hour, and `lxc-net` leaves forwarding between networks on. Nor is the rule that `clean.sh` makes:
it may run beside.
"""

import contextlib
import json
import os
import subprocess
from pathlib import Path

# Where containers, Vagrant, ssh and the control groups keep what they keep, and how deep to look.
PLACES = {"/var/lib/lxc": 1, "/run/lxc": 9, "/run/lock": 9, "/var/log": 2, "/var/cache/lxc": 2, "/etc/lxc": 2,
          "/sys/fs/cgroup": 3, "/tmp": 1, "/var/tmp": 1}
HOME = Path(os.path.expanduser("~root" if os.geteuid() == 0 else "~"))  # where ssh looks, whatever HOME says


def of_clone(*marks: str) -> dict[str, set[str]]:
    """All that bears one of these marks: a name that holds the clone's hash, or the path of its state."""
    return {kind: found for kind, found in {
        "containers": {name for name in _said("lxc-ls", "-1") if _is(name, marks)},
        "processes": {line for line in _processes() if _is(line, marks)},
        "mounts": {line for line in Path("/proc/mounts").read_text().splitlines() if _is(line, marks)},
        "files": {path for place, depth in PLACES.items() for path in _below(place, depth)
                  if _is(os.path.basename(path), marks)},
    }.items() if found}


def shared() -> dict[str, set[str]]:
    """What all machines of this computer have together: none may add to it and go."""
    links = json.loads(" ".join(_said("ip", "-d", "-j", "address")))
    bridges = [link for link in links if link.get("linkinfo", {}).get("info_kind") == "bridge"]
    return {
        "bridges": {f"{link['ifname']} {one['local']}" for link in bridges for one in link["addr_info"]},
        "firewall": {line for line in _said("iptables-save") if line.startswith("-A") and " 10.213." not in line},
        "files": {f"{path} {os.lstat(path).st_size}" for place in (HOME / ".ssh", HOME / ".vagrant.d", "/etc/lxc")
                  for path in _below(str(place), 9)},
    }


def _is(text: str, marks: tuple[str, ...]) -> bool:
    return any(mark in text for mark in marks)


def _said(*command: str) -> list[str]:
    root = [] if os.geteuid() == 0 else ["sudo"]
    return subprocess.run([*root, *command], capture_output=True, text=True, check=True).stdout.splitlines()


def _processes() -> set[str]:
    """Command line and environment of every process but this one."""
    found = set()
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if path.name != str(os.getpid()):
                words = [(path / name).read_bytes().replace(b"\0", b" ").decode(errors="replace")
                         for name in ("cmdline", "environ")]
                found.add(f"{words[0]}({path.name}) {words[1]}")
    return found


def _below(place: str, depth: int):
    """Every path below a folder, down to so many levels."""
    for folder, folders, names in os.walk(place):
        yield from (os.path.join(folder, name) for name in [*folders, *names])
        if os.path.relpath(folder, place).count("/") + (folder != place) >= depth - 1:
            folders[:] = []
