"""Python packages as files: those of this computer's `.venv`, and those that a guest's pip installs."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from deploylab.bootstrap import environment
from deploylab.core import cancel, paths
from deploylab.core.errors import HostError
from deploylab.core.progress import Progress
from deploylab.machine import box, lxc, network

GROUPS = ("core", "open")  # what `./lab run` and `./lab open` need
BACKEND = ("setuptools", "wheel")  # a guest builds the database driver itself
STEP = re.compile(r"\s*(?:I: (?!running )(.*)|((?:Collecting|Downloading|Building wheel for|Saved) \S+))")
AUTHORITIES = "usr/local/share/ca-certificates"


def for_host(folder: Path, progress: Progress) -> None:
    """Every wheel of `.venv`, in the versions of constraints.txt, and pip's own.

    Raises:
        HostError: pip failed.
    """
    names = dict.fromkeys(name for group in GROUPS for name in environment.requirements(group))
    _run([sys.executable, "-P", "-m", "pip", "wheel", "--progress-bar", "off", "--wheel-dir", str(folder),
          "-c", str(paths.ROOT / "constraints.txt"), "pip", *names], progress)


def for_guest(folder: Path, repository: Path, packages: Sequence[str], requirements: Sequence[Path],
              progress: Progress) -> None:
    """What a guest's pip installs, chosen by a guest's pip, in a temporary system made of the guest's packages.

    This also tests that every package can be installed from the repository alone.

    Args:
        folder: created, with the packages in it.
        repository: the folder of the guest's Debian packages.
        packages: the Debian packages to install.
        requirements: files with pinned names.

    Raises:
        HostError: the system could not be made, or pip failed.
    """
    work = folder.with_name(f"{folder.name}.work")
    work.mkdir()
    for number, file in enumerate(requirements):
        text = file.read_text(encoding="utf-8")
        (work / f"{number}.txt").write_text(re.sub(r"^-r .*$", "", text, flags=re.MULTILINE), encoding="utf-8")
    (work / "pip.conf").write_text("[global]\n" + "".join(f"{key} = {value}\n" for key, value in {
        "cert": "/etc/ssl/certs/ca-certificates.crt", **network.pip_settings()}.items()))
    for name, text in network.certificates().items():
        (work / name).write_text(text)
    hook = work / "hook.sh"
    hook.write_text(HOOK.format(authorities=AUTHORITIES, backend=" ".join(BACKEND)))
    source = f"deb [trusted=yes] copy:{quote(str(repository))} ./"
    try:
        _run([*lxc.root(), "mmdebstrap", "--mode=root", "--variant=minbase", "--format=null",
              f"--include={','.join(packages)}", f'--customize-hook=bash {hook} "$1" {work}',
              box.settings()["suite"], "/dev/null", source], progress)
        shutil.copytree(work / "found", folder)
    finally:
        subprocess.run([*lxc.root(), "rm", "-rf", str(work)], check=False)


# Runs on the host; its arguments are the system's root folder and the work folder.
HOOK = """\
set -euo pipefail
root=$1 work=$2
install -d "$root/{authorities}" "$root/tmp/found"
for file in "$work"/*.crt; do [ -e "$file" ] && cp "$file" "$root/{authorities}/"; done
chroot "$root" update-ca-certificates
cp "$work/pip.conf" "$root/etc/pip.conf"
cp "$work"/*.txt "$root/tmp/"
chroot "$root" sh -ec 'python3 -m venv /tmp/venv; cd /tmp
    for file in *.txt; do set -- "$@" -r "$file"; done
    /tmp/venv/bin/pip download --no-input --progress-bar off -d found "$@"
    /tmp/venv/bin/pip download --no-input --progress-bar off -d found {backend}'
cp -r "$root/tmp/found" "$work/found"
"""


def _run(command: list[str], progress: Progress) -> None:
    """Run a command; its output goes to the log, its steps to the progress line."""
    tail: list[str] = []
    ours = {**os.environ, "PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=ours,
                          stdin=subprocess.DEVNULL, errors="replace") as process, \
            cancel.ended_by(process.terminate):
        assert process.stdout is not None
        for line in process.stdout:
            progress.log(line)
            tail = [*tail[-9:], line]
            if match := STEP.match(line):
                progress.update((match[1] or match[2]).strip())
    if process.returncode:
        raise HostError(f"`{Path(command[0]).name} {' '.join(command[1:4])} …` ended with status "
                        f"{process.returncode}:\n{''.join(tail)}", f"look at {progress.log_path}, then ./lab bundle")
