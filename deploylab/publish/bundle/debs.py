"""Debian packages with all their dependencies, in a folder that apt can install from."""

import hashlib
import os
import re
import subprocess
from collections.abc import Sequence
from email.utils import formatdate
from pathlib import Path

from deploylab.core import cancel
from deploylab.core.errors import HostError
from deploylab.core.progress import Progress

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def fetch(folder: Path, suite: str, packages: Sequence[str], progress: Progress,
          sources: Sequence[str] = ()) -> None:
    """Download these packages with everything that an empty system needs for them, and write an index.

    apt gets an empty list of installed packages, so that it includes the essential packages too.

    Args:
        folder: created, with the packages in it.
        suite: "trixie".
        sources: lines of a sources.list; by default this computer's own sources.

    Raises:
        HostError: apt failed.
    """
    work = folder.with_name(f"{folder.name}.apt")
    options = _options(work, folder, sources)
    _apt([*options, "update", "-q"], progress, "lists")
    chosen = [f"?narrow(?or(?archive(^{suite}$),?codename(^{suite}$)),{which})"
              for which in ("?essential", "?priority(required)")]
    _apt([*options, "install", "-q", "-y", "--no-install-recommends", "--download-only", *chosen, *packages],
         progress, "packages")
    for left in ("lock", "partial"):
        path = folder / left
        path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
    index(folder, suite)


def index(folder: Path, suite: str) -> None:
    """Write `Packages` and `Release`, which make a folder an apt repository."""
    tables = []
    for deb in sorted(folder.glob("*.deb")):
        cancel.check()
        control = subprocess.run(["dpkg-deb", "-f", str(deb)], capture_output=True, text=True, check=True).stdout
        digest = hashlib.sha256(deb.read_bytes()).hexdigest()
        tables.append(f"{control.strip()}\nFilename: ./{deb.name}\nSize: {deb.stat().st_size}\nSHA256: {digest}\n")
    text = "\n".join(tables).encode()
    (folder / "Packages").write_bytes(text)
    (folder / "Release").write_text(f"Suite: {suite}\nCodename: {suite}\nDate: {formatdate(usegmt=True)}\nSHA256:\n"
                                    f" {hashlib.sha256(text).hexdigest()} {len(text)} Packages\n")


def _options(work: Path, folder: Path, sources: Sequence[str]) -> list[str]:
    """Options that keep apt away from this computer's own state."""
    for path in (work / "lists" / "partial", folder / "partial"):
        path.mkdir(parents=True)
    (work / "status").touch()
    settings = {"Dir::State": work, "Dir::State::lists": work / "lists", "Dir::State::status": work / "status",
                "Dir::Cache": work, "Dir::Cache::archives": folder, "APT::Sandbox::User": "root",
                "Debug::NoLocking": "1", "Acquire::Retries": "3"}
    if sources:
        (work / "sources.list").write_text("".join(f"{line}\n" for line in sources))
        settings |= {"Dir::Etc::SourceList": work / "sources.list", "Dir::Etc::SourceParts": "-",
                     "Dir::Etc::Trusted": KEYRING}
    return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]


def _apt(words: list[str], progress: Progress, what: str) -> None:
    tail: list[str] = []
    n_got = n = 0
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    with subprocess.Popen(["apt-get", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          stdin=subprocess.DEVNULL, env=environment, errors="replace") as process:
        assert process.stdout is not None
        for line in process.stdout:
            progress.log(line)
            tail = [*tail[-9:], line]
            if match := re.search(r"(\d+) newly installed", line):
                n = int(match[1])
            if line.startswith("Get:"):
                n_got += 1
                progress.update(f"{what}: {' '.join(line.split()[4:5])}", n_got, n or None)
    if process.returncode:
        raise HostError(f"apt-get could not fetch the {what}:\n{''.join(tail)}",
                        f"look at {progress.log_path}, then ./lab bundle")
