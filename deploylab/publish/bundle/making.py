"""Makes a bundle: first its parts in a folder, then one file."""

import hashlib
import io
import json
import platform
import shutil
import subprocess
import sys
import tarfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from deploylab import bootstrap
from deploylab.bootstrap import bundle
from deploylab.core import cancel, paths, units
from deploylab.core.errors import HostError
from deploylab.core.progress import Progress
from deploylab.course import Course
from deploylab.machine import box, lxc
from deploylab.machine.base import Inventory
from deploylab.provision import converge
from deploylab.publish.bundle import debs, wheels

WORK_BYTES = 2_500_000_000  # parts, file, and the temporary system
PYTHON = ("python3", "python3-venv")  # what `./lab` itself begins with
BEGIN = paths.PROVISIONING / "bundle" / "begin.sh"


@dataclass(frozen=True)
class Nowhere:
    """A machine that does not exist, for deploys that are only read."""

    host: str = "localhost"

    def inventory(self) -> Inventory:
        return Inventory(self.host)


@dataclass(frozen=True)
class Part:
    """One file of a bundle, as the manifest names it."""

    path: str
    n_bytes: int
    sha256: str


def make(course: Course, target: str, out: Path, progress: Progress) -> None:
    """Write a bundle for computers like this one. An existing file is replaced once the new one is complete.

    Args:
        target: PROVIDER/ARCH, see `bundle.target`.
        out: the file.

    Returns:
        Its manifest.

    Raises:
        HostError: the disk is full, or a part could not be downloaded.
    """
    commit = _commit()
    work = paths.state_dir() / "bundle.work"
    _clear(work)
    work.mkdir(parents=True)
    try:
        for where in (work, out.absolute().parent):
            _need_room(where)
        _collect(course, work, progress)
        with progress.phase("file", f"one file: {out}"):
            parts = _parts(work)
            _write(_manifest(target, commit, parts), parts, work, out, progress)
    finally:
        _clear(work)
    n_bytes = out.stat().st_size
    progress.say(f"{out}: {units.size(n_bytes)}, {units.count(len(parts), 'part')}, commit {commit[:10]}")


def guest_packages(course: Course) -> list[str]:
    """The Debian packages of the box and of every stage, variant and reference of the course.

    Raises:
        HostError: a deploy could not be read.
    """
    stages = [*course.stages, *course.references]
    deploys = [(stage.name, [v.variant for v in stage.variants]) for stage in stages]
    deploys += [(name, []) for name in converge.NO_STAGE]
    specs = [converge.specification(Nowhere(), course, name, variants, pip={}) for name, variants in deploys]
    done = subprocess.run([sys.executable, "-m", "deploylab.provision.needs"], input=json.dumps(specs),
                          text=True, capture_output=True, cwd=paths.ROOT, check=False)
    if done.returncode:
        raise HostError(f"The deploys could not be read:\n{done.stderr[-600:]}", "./lab test --fast -k bundle")
    return sorted({*box.packages(), *json.loads(done.stdout)})


def _mirror() -> list[str]:
    """The source of the guest's packages: the Debian mirror that this computer uses itself."""
    lines = box.mirror()
    if not lines:
        raise HostError("apt on this computer has no Debian mirror, and the guest runs Debian.",
                        "make the bundle on Debian 12: ./lab bundle")
    return lines


def _collect(course: Course, work: Path, progress: Progress) -> None:
    """Put the parts into `work`."""
    suite = box.settings()["suite"]
    with progress.phase("project", "the project at its last commit"):
        _git("archive", "--format=tar.gz", "--prefix=deploylab/", "-o", str(work / "project.tar.gz"), "HEAD")
        shutil.copy(BEGIN, work / BEGIN.name)
    with progress.phase("host packages", "Debian packages for hosts: Vagrant, LXC, Python"):
        debs.fetch(work / bundle.HOST_PACKAGES, platform.freedesktop_os_release()["VERSION_CODENAME"],
                   [*lxc.PACKAGES, *PYTHON], progress)
    packages = guest_packages(course)
    with progress.phase("guest packages", "Debian packages for guests, of the box and of every stage"):
        debs.fetch(work / bundle.GUEST_PACKAGES, suite, packages, progress, sources=_mirror())
    with progress.phase("host wheels", "Python packages for hosts"):
        wheels.for_host(work / bundle.HOST_WHEELS, progress)
    with progress.phase("guest wheels", "Python packages for guests"):
        requirements = [file for folder in (course.app.source, "notebooks/release")  # and what lesson 09 releases
                        for file in sorted((paths.ROOT / folder).glob("requirements*.txt"))]
        wheels.for_guest(work / bundle.GUEST_WHEELS, work / bundle.GUEST_PACKAGES, packages, requirements, progress)


def _manifest(target: str, commit: str, parts: list[Part]) -> str:
    """What is in the bundle, for which computers, and the digest of each part; as JSON."""
    return json.dumps({"schema": bundle.SCHEMA, "for": target, **bundle.here(), "guest": box.settings()["suite"],
                       "version": bootstrap.version(), "commit": commit,
                       "made_utc": datetime.now(UTC).isoformat(timespec="seconds"),
                       "inputs": bundle.inputs(), "parts": [asdict(part) for part in parts]}, indent=1)


def _parts(work: Path) -> list[Part]:
    """The parts in `work`, in the order in which the bundle has them."""
    files = sorted(path for name in (BEGIN.name, "project.tar.gz", bundle.HOST_PACKAGES, bundle.GUEST_PACKAGES,
                                     bundle.HOST_WHEELS, bundle.GUEST_WHEELS)
                   for path in ([work / name] if (work / name).is_file() else (work / name).iterdir()))
    return [_part(path, work) for path in files]


def _part(path: Path, work: Path) -> Part:
    cancel.check()
    content = path.read_bytes()
    return Part(path.relative_to(work).as_posix(), len(content), hashlib.sha256(content).hexdigest())


def _write(manifest: str, parts: list[Part], work: Path, out: Path, progress: Progress) -> None:
    """Write the file, completely or not at all: under a temporary name that is then changed."""
    unfinished, done = out.with_name(f"{out.name}.part"), 0
    n_bytes = sum(part.n_bytes for part in parts)
    try:
        with tarfile.open(unfinished, "w") as tar:
            head = manifest.encode()
            about = _plain(tarfile.TarInfo(bundle.MANIFEST))
            about.size = len(head)
            tar.addfile(about, io.BytesIO(head))
            for part in parts:
                cancel.check()
                tar.add(work / part.path, part.path, recursive=False, filter=_plain)
                done += part.n_bytes
                progress.update("megabytes", done / 1e6, n_bytes / 1e6)
        unfinished.replace(out)
    finally:
        unfinished.unlink(missing_ok=True)


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Remove everything about who made it on which computer."""
    member.uid = member.gid = member.mtime = 0
    member.uname, member.gname, member.mode = "", "", 0o644
    return member


def _commit() -> str:
    """The commit that goes into the bundle.

    Raises:
        HostError: this folder is not a git clone, or one of its files differs from the last commit.
    """
    commit = _git("rev-parse", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no").splitlines()
    if changed:
        raise HostError(f"{units.count(len(changed), 'file')} here differ from the last commit, and a bundle contains "
                        f"only what is committed: {changed[0][3:]}{' …' if len(changed) > 1 else ''}",
                        "git stash, or git commit -a; then ./lab bundle")
    return commit


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(paths.ROOT), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise HostError("git is not installed on this computer.", "install git, then ./lab bundle") from None
    if done.returncode:
        raise HostError(f"A bundle is made from a git clone: {done.stderr.strip()[-200:]}",
                        "git clone the project, then ./lab bundle there")
    return done.stdout.rstrip("\n")


def _need_room(where: Path) -> None:
    free = shutil.disk_usage(where).free
    if free < WORK_BYTES:
        raise HostError(f"Making a bundle needs {units.size(WORK_BYTES)}, and only {units.size(free)} are free "
                        f"in {where}.", "df -h   free some space; then ./lab bundle")


def _clear(work: Path) -> None:
    shutil.rmtree(work, ignore_errors=True)
    if work.exists():  # files of an installation as root
        subprocess.run([*lxc.root(), "rm", "-rf", str(work)], check=False)
