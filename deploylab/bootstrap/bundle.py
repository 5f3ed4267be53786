"""The bundle in use: a file with everything that this clone needs, unpacked in `.lab/bundle/`.

The bootstrap imports this before there is an environment, so it uses only the standard library.
"""

import contextlib
import hashlib
import json
import platform
import shutil
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.parse import quote

from deploylab.core import paths
from deploylab.core.errors import HostError

SCHEMA = 1
MANIFEST = "manifest.json"
HOST_PACKAGES, GUEST_PACKAGES = "host-packages", "guest-packages"
HOST_WHEELS, GUEST_WHEELS = "host-wheels", "guest-wheels"
ON_GUEST = "/usr/share/deploylab"  # where a guest has its part of the bundle
MACHINE_BYTES = 2_500_000_000      # box, guest and environment, in addition to the bundle itself
BLOCK = 1 << 20

# What a bundle's wheels and packages were chosen by: with other files here, some would be missing.
INPUTS = ("pyproject.toml", "constraints.txt", "sample_app/requirements*.txt",
          "notebooks/release/requirements*.txt", "provisioning/box/box.json", "provisioning/box/packages.txt")


def folder() -> Path:
    return paths.ROOT / ".lab" / "bundle"


def in_use() -> bool:
    """Whether this clone uses a bundle."""
    return (folder() / MANIFEST).exists()


def identity() -> str:
    """Twelve hexadecimal digits that identify the bundle in use; "" without one."""
    with contextlib.suppress(FileNotFoundError):
        return hashlib.sha256((folder() / MANIFEST).read_bytes()).hexdigest()[:12]
    return ""


def url(part: str) -> str:
    """The URL of a folder of the bundle in use, for pip and apt."""
    return f"file://{quote(str(folder() / part))}"


def apt_options() -> list[str]:
    """Options that make apt-get on this computer install only from the bundle in use; none without a bundle.

    `trusted`: each digest was verified when the bundle was unpacked. The lists have a folder of their own, so that this
    computer's lists do not change. It is outside the bundle's folder because root owns it, and a person without root's
    rights must be able to delete the bundle.
    """
    if not in_use():
        return []
    source, lists = folder() / "host.list", folder().with_name("bundle-lists")
    (lists / "partial").mkdir(parents=True, exist_ok=True)
    source.write_text(f"deb [trusted=yes] {url(HOST_PACKAGES)} ./\n", encoding="utf-8")
    settings = {"Dir::Etc::SourceList": source, "Dir::Etc::SourceParts": "-", "Dir::State::Lists": lists,
                "Dir::Cache::pkgcache": "", "Dir::Cache::srcpkgcache": "", "APT::Sandbox::User": "root"}
    return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]


def pip_environment() -> dict[str, str]:
    """Variables that make pip on this computer use only wheels of the bundle in use; none without a bundle."""
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": url(HOST_WHEELS)} if in_use() else {}


def causes() -> list[tuple[str, str, str]]:
    """Causes in pip's log that are due to the bundle in use: pattern, what failed, what to do first."""
    lacks = (r"No matching distribution|Could not find a version",
             "The bundle in use has what `run` and `open` need, and nothing else.", "rm -r .lab/bundle && ")
    return [lacks] if in_use() else []


def here() -> dict[str, str]:
    """This computer's architecture, system and Python, as a manifest names them."""
    system = platform.freedesktop_os_release() if sys.platform == "linux" else {}
    name = f"{system.get('ID', sys.platform)} {system.get('VERSION_ID', '')}".strip()
    known = {"x86_64": "amd64", "aarch64": "arm64"}
    return {"arch": known.get(platform.machine(), platform.machine()), "host": name,
            "python": ".".join(map(str, sys.version_info[:2]))}


def inputs() -> dict[str, str]:
    """The digest of each of the files by which a bundle's parts are chosen."""
    found = (path for pattern in INPUTS for path in sorted(paths.ROOT.glob(pattern)))
    return {str(path.relative_to(paths.ROOT)): hashlib.sha256(path.read_bytes()).hexdigest()[:12] for path in found}


def use(file: Path, again: str, tell: Callable[[int, int], None] = lambda done, of: None) -> bool:
    """Unpack a bundle for this clone, and verify every part against the manifest.

    Args:
        file: the bundle.
        again: the command that was typed, for the next step.
        tell: called with the bytes done and the total.

    Returns:
        False if this bundle is already in use.

    Raises:
        HostError: it is not a bundle, is incomplete or damaged, for another computer or version, or the disk is full.
    """
    with _opened(file, again) as tar:
        manifest = _manifest(tar, file, again)
        if in_use() and json.loads((folder() / MANIFEST).read_text(encoding="utf-8")) == manifest:
            return False
        _fits(manifest, file)
        _has_room(manifest, again)
        part = folder().with_name("bundle.part")
        shutil.rmtree(part, ignore_errors=True)
        try:
            _unpack(tar, manifest, part, file, again, tell)
            shutil.rmtree(folder(), ignore_errors=True)
            part.rename(folder())
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return True


@contextlib.contextmanager
def _opened(file: Path, again: str) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(file, "r:") as tar:
            yield tar
    except FileNotFoundError:
        raise HostError(f"There is no bundle {file}.", "name the file: --bundle FILE; ./lab bundle makes one") from None
    except (tarfile.TarError, EOFError):
        raise _broken(file, "It is not a bundle, or it is incomplete.", again) from None


def _manifest(tar: tarfile.TarFile, file: Path, again: str) -> dict[str, Any]:
    """The manifest, which is the archive's first member."""
    first = tar.next()
    manifest: Any = None
    if first and first.name == MANIFEST:
        with contextlib.suppress(ValueError):
            manifest = json.loads(_read(tar, first).read())
    if not isinstance(manifest, dict) or "parts" not in manifest:
        raise _broken(file, "It has no manifest.", again)
    if manifest.get("schema") != SCHEMA:
        raise HostError(f"{file} has format {manifest.get('schema')}; this version reads format {SCHEMA}.",
                        _its_project(file))
    n_bytes = sum(part["n_bytes"] for part in manifest["parts"])
    if file.stat().st_size < n_bytes:
        raise _broken(file, f"It is incomplete: {file.stat().st_size:,} bytes, while its parts alone have {n_bytes:,}.",
                      again)
    return manifest


def _fits(manifest: dict[str, Any], file: Path) -> None:
    """Raise HostError unless it was made for a computer like this one, and for this version of the project."""
    ours = here()
    for what, name in (("arch", "processor"), ("host", "distribution"), ("python", "Python")):
        if manifest[what] != ours[what]:
            raise HostError(f"{file} was made for another {name}: {manifest[what]}, while this computer has "
                            f"{ours[what]}.",
                            "on a computer like this one, with a network: ./lab bundle; or ./lab up without a bundle")
    changed = [name for name, digest in inputs().items() if manifest["inputs"].get(name) != digest]
    if changed:
        raise HostError(f"{file} was made from another version of the project, commit {manifest['commit'][:10]}: "
                        f"{', '.join(changed)} differs here.", _its_project(file))
    if list((paths.state_dir() / "machines" / "machines").glob("*/*/id")):
        raise HostError("This clone has a machine that was made without this bundle.",
                        "./lab destroy --yes   then the same command again")


def _has_room(manifest: dict[str, Any], again: str) -> None:
    needed = sum(part["n_bytes"] for part in manifest["parts"]) + MACHINE_BYTES
    free = shutil.disk_usage(paths.ROOT).free
    if free < needed:
        raise HostError(f"The bundle and the machine made from it need {needed / 1e9:.1f} GB, and only "
                        f"{free / 1e9:.1f} GB are free in {paths.ROOT}.", f"df -h .   free some space; then {again}")


def _unpack(tar: tarfile.TarFile, manifest: dict[str, Any], part: Path, file: Path, again: str,
            tell: Callable[[int, int], None]) -> None:
    """Write every part to its place; what the manifest does not name is left out."""
    missing, done = {entry["path"]: entry for entry in manifest["parts"]}, 0
    n_bytes = sum(entry["n_bytes"] for entry in manifest["parts"])
    while member := tar.next():
        if entry := missing.pop(member.name, None):
            digest = hashlib.sha256()
            with _place(part, member.name).open("wb") as out:
                source = _read(tar, member)
                while block := source.read(BLOCK):
                    digest.update(block)
                    out.write(block)
                    done += len(block)
                    tell(done, n_bytes)
            if digest.hexdigest() != entry["sha256"]:
                raise _broken(file, f"{member.name} in it is damaged: its SHA-256 differs from the manifest.", again)
    if missing:
        raise _broken(file, f"It is incomplete: {len(missing)} of {len(manifest['parts'])} parts are missing, "
                            f"{next(iter(missing))} first.", again)
    _place(part, MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")


def _place(part: Path, name: str) -> Path:
    """The path that a member is written to; it is never outside the folder."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise HostError(f"The bundle would write to {name}, outside its folder.", "do not use it")
    (part / path).parent.mkdir(parents=True, exist_ok=True)
    return part / path


def _read(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    source = tar.extractfile(member)
    if source is None:
        raise tarfile.ReadError(f"{member.name} is not a file")
    return source


def _broken(file: Path, why: str, again: str) -> HostError:
    return HostError(f"{file} cannot be used. {why}", f"copy the file again; then {again}")


def _its_project(file: Path) -> str:
    return f"use the project that is in it: tar -xOf {file} project.tar.gz | tar -xz && cd deploylab"
