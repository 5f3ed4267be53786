"""Gets pip for an environment that has none: a bare Debian's `python3` comes without pip and ensurepip.

There are three ways; those that ask no questions come first: Python's own copy of pip, the pip of the host's Python,
the distribution's package. With a bundle in use, that package comes from the bundle.
"""

import os
import shlex
import shutil
import sys

from deploylab.bootstrap import bundle


class NotThisWay(Exception):
    """This way to get pip does not work here; the text says why."""


def get_pip(build) -> None:
    """Put pip into the environment.

    Args:
        build: the `environment.Builder` whose `.venv` lacks pip.

    Raises:
        HostError: no way worked; the message lists each way and why it failed.
    """
    closed = []
    for way in (from_ensurepip, from_host_pip, from_distribution):
        try:
            way(build)
        except NotThisWay as reason:
            closed.append(f"  - {reason}")
            continue
        if build.is_healthy():
            return
        closed.append(f"  - {way.__name__.replace('_', ' ')}: pip was installed but does not start")
    what = "This Python comes without pip, and every way to get it failed:"
    raise build.failed("\n".join([what, *closed]), cure())


def cure() -> str:
    """The beginning of a command line that installs pip for this Python."""
    if shutil.which("apt-get"):
        apt = shlex.join(["apt-get", *bundle.apt_options()])
        return as_root(f"{apt} update", f"{apt} install {venv_package()}")
    if shutil.which("dnf"):
        return as_root("dnf install python3-pip")
    return "python3 -m ensurepip --user && "


def as_root(*commands: str) -> str:
    """The beginning of a command line that runs these commands as root, for any user."""
    if os.geteuid() != 0 and not shutil.which("sudo"):
        return f"su -c {shlex.quote(' && '.join(commands))} && "
    sudo = "" if os.geteuid() == 0 else "sudo "
    return "".join(f"{sudo}{command} && " for command in commands)


# --- the three ways


def from_ensurepip(build) -> None:
    """Use Python's own copy of pip, unless the distribution has put it into a separate package."""
    if not build.run([build.python, "-I", "-m", "ensurepip", "--default-pip"]):
        raise NotThisWay("this Python has no ensurepip")


def from_host_pip(build) -> None:
    """Use the pip of the Python that runs us: it can install into another environment (pip 22.3 and newer)."""
    pip = [host_python(), "-m", "pip", "--python", build.python, "install", "-c", build.constraints, "pip"]
    if not build.run(pip):
        raise NotThisWay("this Python has no pip (22.3 or newer) that works")


def from_distribution(build) -> None:
    """Install the package that contains ensurepip on Debian and Ubuntu."""
    if not shutil.which("apt-get") or not is_distributions_python():
        raise NotThisWay("this Python is not from a Debian or Ubuntu package")
    rights = may_install(build)
    apt = [*rights, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", *bundle.apt_options(),
           "-o", "DPkg::Lock::Timeout=120"]
    install = [*apt, "install", "-y", "--no-install-recommends", venv_package()]
    build.say(f"[2/3] pip: apt-get install {venv_package()}")
    if not build.run(install):  # the package list may be empty or old: refresh it and try again
        if not build.run([*apt, "-o", "APT::Update::Error-Mode=any", "update"]):
            raise NotThisWay("apt-get update did not work")
        if not build.run(install):
            raise NotThisWay(f"apt-get could not install {venv_package()}")
    from_ensurepip(build)


def venv_package() -> str:
    """The package with ensurepip for exactly this Python version."""
    return f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"


def is_distributions_python() -> bool:
    """True if apt's package would be for the Python that runs us."""
    return os.path.realpath(host_python()).startswith("/usr/bin/")


def may_install(build) -> list[str]:
    """What to put before apt-get: nothing for root, otherwise `sudo`, after a person agreed."""
    typed = f"sudo apt-get install {venv_package()}"
    if os.geteuid() == 0:
        return []
    if not shutil.which("sudo"):
        raise NotThisWay(f"{venv_package()} may only be installed by root, and there is no sudo")
    if said_yes(build.args):
        return ["sudo"] if sys.stdin.isatty() else ["sudo", "-n"]
    if not sys.stdin.isatty():
        raise NotThisWay(f"nobody is here to agree to `{typed}`: --yes agrees")
    build.progress.clear()
    print(f"lab: may I run `{typed}` (3 MB)? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise NotThisWay(f"you said no to `{typed}`")
    return ["sudo"]


def host_python() -> str:
    """The Python that `.venv` is made from, even if lab was started by the Python in `.venv`."""
    return getattr(sys, "_base_executable", "") or sys.executable


def said_yes(args: list[str]) -> bool:
    """True for `--yes`, and where a script or a CI runner has agreed to everything in advance."""
    in_ci = os.environ.get("CI", "").lower() in ("1", "true")
    return "--yes" in args or in_ci or os.environ.get("DEPLOYLAB_YES") == "1"
