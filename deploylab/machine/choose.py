"""Chooses which machine to use on this computer, and says why."""

import contextlib
import glob
import json
import os
import platform
import shutil
from dataclasses import dataclass, replace

from deploylab.core import files, paths
from deploylab.core.errors import HostError
from deploylab.machine import apt, local, lxc

# What each provider needs besides Vagrant itself: a program, and the plug-in's files if it is not built in.
PROVIDERS = {
    "lxc": ("lxc-start", "vagrant-lxc"),
    "libvirt": ("virsh", "vagrant-libvirt"),
    "virtualbox": ("VBoxManage", None),
    "vmware_desktop": ("vmrun", "vagrant-vmware-desktop"),
    "parallels": ("prlctl", "vagrant-parallels"),
}
PLUGIN_FOLDERS = ("/usr/share/rubygems-integration/all/gems", os.path.expanduser("~/.vagrant.d/gems/*/gems"))

INSTALL_BY_HAND = {
    "Darwin": "brew install --cask vagrant virtualbox    (Apple Silicon: VirtualBox 7.1 or later, or Parallels)",
    "Linux": "install Vagrant and VirtualBox or libvirt from your distribution's packages",
    "Windows": "install WSL2 (`wsl --install -d Debian`); then, in its shell, ./lab up",
}


@dataclass(frozen=True)
class Choice:
    """A machine kind and its provider.

    Attributes:
        why: the reason, for a person.
        install: the packages that must be installed first; empty if nothing is missing.
    """

    kind: str
    provider: str
    why: str
    install: tuple[str, ...] = ()


def choose() -> Choice:
    """The machine for this computer: the saved one, the one that DEPLOYLAB_MACHINE names, or the first that works.

    Raises:
        HostError: nothing works here; the message says what to install on this platform.
    """
    before, kind = saved(), os.environ.get("DEPLOYLAB_MACHINE", "auto")
    if before and kind not in ("auto", "recorded", before.kind):
        raise HostError(f"The machine of this clone is of kind {before.kind}.",
                        f"./lab destroy, then ./lab up --machine {kind}")
    if before:
        return replace(before, install=_missing(before.kind, before.provider))
    if kind == "local":
        return _local("--machine or DEPLOYLAB_MACHINE says so")
    try:
        return _vagrant()
    except HostError as error:
        # Never choose somebody's own computer unasked: `local` writes into /etc.
        here = local.is_container()
        if kind == "vagrant" or not here or local.lacks():
            raise
        return _local(f"{here}, and {error.what[0].lower()}{error.what[1:].rstrip('.')}")


def _vagrant() -> Choice:
    """Vagrant with the first provider that works, or that can be installed."""
    usable = usable_providers()
    provider = os.environ.get("VAGRANT_DEFAULT_PROVIDER", "")
    if provider in usable:
        return Choice("vagrant", provider, "VAGRANT_DEFAULT_PROVIDER says so")
    if usable:
        return Choice("vagrant", usable[0], f"Vagrant and {usable[0]} are installed", _missing("vagrant", usable[0]))
    return _installable()


def _local(why: str) -> Choice:
    return Choice("local", "", why, _missing("local", ""))


def save(choice: Choice) -> None:
    """Save a choice for the next commands of this clone."""
    path = paths.state_dir() / "machine.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    files.replace(path, json.dumps({"kind": choice.kind, "provider": choice.provider}).encode())


def forget() -> None:
    """Drop the saved choice."""
    (paths.state_dir() / "machine.json").unlink(missing_ok=True)


def usable_providers() -> list[str]:
    """The providers that Vagrant can use on this computer, the preferred one first."""
    if not shutil.which("vagrant"):
        return []
    return [name for name, (program, plugin) in PROVIDERS.items()
            if shutil.which(program) and (plugin is None or _has_plugin(plugin))
            and (name != "lxc" or not lxc.kernel_lacks())]


def saved() -> Choice | None:
    """The choice that an earlier command saved, or None."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads((paths.state_dir() / "machine.json").read_text())
        return Choice(kept["kind"], kept["provider"], "used before")
    return None


def _missing(kind: str, provider: str) -> tuple[str, ...]:
    """The packages that the kit would have to install; other providers are installed by hand."""
    if kind == "local":
        return local.missing()
    return tuple(apt.missing(lxc.PACKAGES)) if provider == "lxc" else ()


def _installable() -> Choice:
    """Vagrant with LXC, if this distribution has the packages and this kernel can run LXC."""
    if platform.system() != "Linux":
        raise _nothing("Vagrant with a provider is not installed.")
    lacks = lxc.kernel_lacks()
    if lacks:
        raise _nothing(f"Vagrant with a provider is not installed, and LXC cannot be used instead: {lacks}.")
    missing = apt.missing(lxc.PACKAGES)
    if not apt.available(missing):
        raise _nothing("Vagrant with a provider is not installed, and this distribution's packages "
                       "do not offer Vagrant with LXC (vagrant, vagrant-lxc).")
    return Choice("vagrant", "lxc", "this distribution has Vagrant and LXC, and the kernel can run it",
                  tuple(missing))


def _nothing(what: str) -> HostError:
    return HostError(what, f"{INSTALL_BY_HAND.get(platform.system(), INSTALL_BY_HAND['Linux'])}; then ./lab up")


def _has_plugin(name: str) -> bool:
    return any(glob.glob(f"{folder}/{name}-[0-9]*") for folder in PLUGIN_FOLDERS)
