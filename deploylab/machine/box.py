"""The Vagrant box for LXC, built on this computer from Debian packages. One per clone."""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

from deploylab.bootstrap import bundle
from deploylab.core import paths
from deploylab.core.errors import HostError
from deploylab.core.progress import Progress

RECIPE = paths.PROVISIONING / "box"
NEEDED_BYTES = 1_000_000_000


def settings() -> dict:
    """What `box.json` pins: the name, the suite, the memory."""
    return json.loads((RECIPE / "box.json").read_text(encoding="utf-8"))


def path() -> Path:
    return paths.BOX_DIR / "deploylab.box"


def key() -> Path:
    """The private key for the guests of this clone."""
    return paths.BOX_DIR / "id_ed25519"


def recipe_hash() -> str:
    """A digest that changes whenever the box would be different."""
    digest = hashlib.sha256(bundle.identity().encode())
    for file in sorted(RECIPE.iterdir()):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def is_current() -> bool:
    """Whether the box exists and was made by the current recipe."""
    stamp = paths.BOX_DIR / "recipe"
    return path().exists() and key().exists() and stamp.exists() and stamp.read_text() == recipe_hash()


def ensure(progress: Progress) -> bool:
    """Build the box unless an up-to-date one exists.

    Returns:
        True if it was built now.

    Raises:
        HostError: the disk is full, or the build failed.
    """
    if is_current():
        return False
    paths.BOX_DIR.mkdir(parents=True, exist_ok=True)
    free_bytes = shutil.disk_usage(paths.BOX_DIR).free
    if free_bytes < NEEDED_BYTES:
        raise HostError(f"{free_bytes / 1e6:.0f} MB are free in {paths.BOX_DIR}; building the box needs 1 GB.",
                        "free some space, then ./lab up")
    _make_key()
    _build(progress)
    (paths.BOX_DIR / "recipe").write_text(recipe_hash())
    return True


def _make_key() -> None:
    if not key().exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "deploylab", "-f", str(key())],
                       check=True, stdin=subprocess.DEVNULL)


def _build(progress: Progress) -> None:
    root = [] if os.geteuid() == 0 else ["sudo"]
    source = [str(bundle.folder())] if bundle.in_use() else mirror()
    command = [*root, str(RECIPE / "build.sh"), settings()["suite"], f"{key()}.pub", str(path()), *source]
    tail: list[str] = []
    # Ctrl-C reaches it through us, and mmdebstrap cleans up.
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          stdin=subprocess.DEVNULL, errors="replace") as process:
        assert process.stdout is not None
        for line in process.stdout:
            progress.log(line)
            tail = [*tail[-14:], line]
            if line.startswith("I: "):
                progress.update(line[3:].strip())
    if process.returncode:
        raise HostError(f"Building the box ended with status {process.returncode}:\n{''.join(tail)}",
                        f"look at {progress.log_path}, then ./lab up")


def packages() -> list[str]:
    """The packages in the box, in addition to those of every Debian."""
    lines = (RECIPE / "packages.txt").read_text(encoding="utf-8").splitlines()
    return [line.partition("#")[0].strip() for line in lines if line.partition("#")[0].strip()]


def mirror() -> list[str]:
    """Source lines for the guest, from the Debian mirrors that this host uses itself.

    Empty on a host that uses none (Ubuntu): mmdebstrap then takes its default.
    """
    suite = settings()["suite"]
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(LABEL)|$(REPO_URI)", "Created-By: Packages"],
        capture_output=True, text=True, stdin=subprocess.DEVNULL,
    ).stdout
    mirrors = dict(line.split("|", 1) for line in sorted(set(listed.splitlines())) if "|" in line)
    if "Debian" not in mirrors:
        return []
    lines = [f"deb {mirrors['Debian']} {suite} main", f"deb {mirrors['Debian']} {suite}-updates main"]
    if "Debian-Security" in mirrors:
        lines.append(f"deb {mirrors['Debian-Security']} {suite}-security main")
    return lines
