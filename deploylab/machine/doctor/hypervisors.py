"""Vagrant, its providers, and what prevents them from working."""

import platform
import re
import shutil
import subprocess
from pathlib import Path

from deploylab.core.errors import HostError
from deploylab.machine import choose, local, lxc
from deploylab.machine.doctor.finding import NOTE, OK, PROBLEM, Finding

OLDEST_ON_APPLE_SILICON = (7, 1)  # VirtualBox; older versions cannot run ARM guests


def vagrant() -> Finding:
    """Vagrant with a provider, or whether both can be installed from the distribution's packages."""
    try:
        choice = choose.choose()
    except HostError as error:
        return Finding("Vagrant", PROBLEM, error.what, error.next_step)
    if choice.kind == "local":
        return Finding("Vagrant", OK, f"not needed: this computer itself becomes the machine, because {choice.why}")
    version = _output("vagrant", "--version").removeprefix("Vagrant ") or "not installed"
    if choice.install:
        return Finding("Vagrant", NOTE, f"{version}; {len(choice.install)} packages of Vagrant and LXC are missing",
                       "`./lab up` installs them, after you agree")
    return Finding("Vagrant", OK, f"{version}, with {', '.join(choose.usable_providers())}; "
                                  f"it will use {choice.provider}, because {choice.why}")


def lxc_ability() -> Finding:
    """Whether an LXC guest can run with this kernel and these rights."""
    if platform.system() != "Linux":
        return Finding("LXC", OK, "not on this system, and not needed")
    lacks = lxc.kernel_lacks()
    if not lacks:
        return Finding("LXC", OK, "this kernel can run it")
    if [name for name in choose.usable_providers() if name != "lxc"]:
        return Finding("LXC", NOTE, lacks, "not needed: another provider is installed")
    if local.is_container() and not local.lacks():
        return Finding("LXC", NOTE, lacks, "not needed: in a container the kit uses `--machine local` by itself")
    return Finding("LXC", PROBLEM, lacks, "install Vagrant with VirtualBox or libvirt; in a container: give it the "
                                          "right to make namespaces (`--privileged`)")


def conflicts(modules: Path = Path("/proc/modules"), users: str | None = None) -> Finding:
    """Two hypervisors that need the processor's virtualisation at the same time.

    Args:
        modules: the kernel's list of loaded modules.
        users: command lines of running programs; read from `ps` if None.
    """
    if platform.system() == "Darwin":
        return _apple_silicon()
    if not shutil.which("VBoxManage"):
        return Finding("hypervisors", OK, "no two that could conflict")
    loaded = re.findall(r"^(kvm_\w+) \d+ (\d+)", modules.read_text() if modules.exists() else "", re.MULTILINE)
    running = users if users is not None else _output("ps", "-eo", "args")
    machines = [word for word in ("qemu-system", "qemu-kvm", "vmware-vmx") if word in running]
    if loaded and machines:
        return Finding("hypervisors", PROBLEM, f"VirtualBox is installed, and {machines[0]} uses the processor's "
                                               "virtualisation", "shut that machine down before `./lab up`")
    return Finding("hypervisors", OK, "VirtualBox, and nothing that conflicts with it")


def _apple_silicon() -> Finding:
    """Whether VirtualBox is new enough for an Apple processor."""
    version = _output("VBoxManage", "--version")
    numbers = tuple(map(int, re.findall(r"\d+", version)[:2]))
    if platform.machine() == "arm64" and numbers and numbers < OLDEST_ON_APPLE_SILICON:
        return Finding("hypervisors", PROBLEM, f"VirtualBox {version} cannot run ARM guests",
                       "`brew upgrade --cask virtualbox` to 7.1 or newer, or use Parallels")
    return Finding("hypervisors", OK, f"VirtualBox {version}" if numbers else "no VirtualBox")


def _output(*command: str) -> str:
    """What a program prints; nothing if it is not installed."""
    try:
        return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout.strip()
    except FileNotFoundError:
        return ""
