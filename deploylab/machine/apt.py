"""Install the distribution's packages on this computer, with progress."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Sequence

from deploylab.bootstrap import bundle
from deploylab.core.errors import HostError
from deploylab.core.progress import Progress

QUIET = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
# Another apt may be running (unattended upgrades); wait for it, as a person would.
WAIT_S = 300
WAIT = ["-o", f"DPkg::Lock::Timeout={WAIT_S}"]


def missing(packages: Sequence[str]) -> list[str]:
    """The packages among these that are not installed, in the same order."""
    return [name for name in packages if not _installed(name)]


def available(packages: Sequence[str]) -> bool:
    """Whether this distribution offers every one of these packages."""
    if not shutil.which("apt-get"):
        return False
    apt = ["apt-get", *bundle.apt_options(), *WAIT]
    plan = _run([*apt, "-s", "install", "--no-install-recommends", *packages])
    if plan.returncode:  # the lists may never have been fetched
        _run([*_root(), *apt, "update", "-q"])
        plan = _run([*apt, "-s", "install", "--no-install-recommends", *packages])
    return plan.returncode == 0


def install(packages: Sequence[str], progress: Progress) -> None:
    """Install packages, from the bundle if one is in use; first finishes a dpkg run that was interrupted.

    Raises:
        HostError: apt failed; the message contains its last lines.
    """
    settle(progress)
    apt = ["apt-get", *bundle.apt_options(), *WAIT]
    _stream([*_root(), *apt, "update", "-q"], progress)
    plan = _run([*apt, "-s", "install", "--no-install-recommends", *packages]).stdout
    n_steps = 2 * len(re.findall(r"^Inst ", plan, re.MULTILINE))  # each is unpacked, then set up
    command = [*_root(), *apt, "install", "-y", "--no-install-recommends", *packages]
    _stream(command, progress, n_steps)


def settle(progress: Progress) -> None:
    """Finish what an interrupted dpkg left, once no other process holds its lock.

    Unlike apt-get, dpkg has no option to wait for its lock.

    Raises:
        HostError: dpkg failed, or its lock was never free.
    """
    end_s = time.monotonic() + WAIT_S
    while True:
        try:
            return _stream([*_root(), "dpkg", "--configure", "-a"], progress)
        except HostError as error:
            if "lock" not in str(error) or time.monotonic() > end_s:
                raise
        progress.update("another apt or dpkg is running; waiting until it is done")
        time.sleep(1)


def _installed(name: str) -> bool:
    done = _run(["dpkg-query", "-W", "-f", "${Status}", name])
    return done.stdout.endswith(" installed")


def _root() -> list[str]:
    return [] if os.geteuid() == 0 else ["sudo"]


def _run(command: list[str]) -> subprocess.CompletedProcess:
    try:
        return subprocess.run(command, capture_output=True, text=True, env=QUIET, stdin=subprocess.DEVNULL)
    except FileNotFoundError:  # no apt here
        return subprocess.CompletedProcess(command, 127, "", "")


def _stream(command: list[str], progress: Progress, n_steps: int = 0) -> None:
    """Run a command; its output goes to the log, its steps to the progress line."""
    tail: list[str] = []
    done = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=QUIET,
                          stdin=subprocess.DEVNULL, errors="replace") as process:
        assert process.stdout is not None
        for line in process.stdout:
            progress.log(line)
            tail = [*tail[-14:], line]
            if line.startswith(("Unpacking ", "Setting up ")):
                done += 1
                progress.update(line.split(" (")[0].strip(), done, n_steps or None)
    if process.returncode:
        raise HostError(f"`{' '.join(command)}` ended with status {process.returncode}:\n{''.join(tail)}",
                        f"look at {progress.log_path}, then run the same command again")
