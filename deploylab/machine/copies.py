"""Copies of a guest's disk, for LXC: restoring one takes seconds, building the guest again takes minutes.

`vagrant snapshot` does not work with LXC, and `vagrant destroy` fails while LXC's own snapshots exist.
A copy is a plain folder, `.lab/copies/KEY/rootfs`. The file `KEY.json` beside it is written last: an incomplete
copy is never used, and the next copy removes it.
"""

import json
import shutil
import subprocess
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

from deploylab.core import cancel, paths, units
from deploylab.core.errors import HostError
from deploylab.machine import lxc, owned

KEEP = 2                     # copies, about a gigabyte each: the most recently used ones
SPARE_BYTES = 1_000_000_000  # that must stay free on the host's disk


@dataclass(frozen=True)
class Copy:
    """A guest's disk as it was at one moment.

    Attributes:
        key: identifies everything that went into it; another configuration has another key.
        of: what it is a copy of, for a person.
        host: the guest's address at that time; its files may contain it.
        n_bytes: the space that it takes on the host's disk.
    """

    key: str
    of: str
    host: str
    n_bytes: int


def folder() -> Path:
    return paths.state_dir() / "copies"


def every() -> list[Copy]:
    """The complete copies, the most recently used one first."""
    files = sorted(folder().glob("*.json"), key=lambda file: file.stat().st_mtime, reverse=True)
    return [Copy(**json.loads(file.read_text(encoding="utf-8"))) for file in files]


def find(key: str) -> Copy | None:
    """The complete copy with that key, or None."""
    return next((copy for copy in every() if copy.key == key), None)


def save(guest: str, key: str, *, of: str, host: str) -> Copy:
    """Copy the disk of a guest that is not running. An older copy of the same name is removed first.

    Args:
        guest: the container's name.
        key, of, host: see `Copy`.

    Raises:
        HostError: the disk is full, or copying failed; then no copy is left.
    """
    _make_room([copy.key for copy in every() if copy.of != of][:KEEP - 1])
    n_bytes = _size(lxc.disk(guest))
    _need(n_bytes, folder())
    owned.add("copy", key)
    try:
        # There are programs with root's rights in it: nobody else may enter.
        _as_root(["install", "-d", "-m", "700", str(folder() / key)])
        _copy(lxc.disk(guest), folder() / key / "rootfs")
    except HostError:
        remove(key)
        raise
    copy = Copy(key, of, host, n_bytes)
    part = folder() / f"{key}.part"
    part.write_text(json.dumps(asdict(copy)), encoding="utf-8")
    part.replace(part.with_suffix(".json"))
    return copy


def restore(guest: str, copy: Copy) -> None:
    """Replace the guest's disk by the copy. The guest is killed, and what is on its disk is lost.

    The old disk stays until the new one is complete: after an interruption the guest still has it.

    Raises:
        HostError: the disk is full, or copying failed; the guest has its old disk.
    """
    disk = lxc.disk(guest)
    new, old = (disk.with_name(f"{disk.name}.deploylab-{word}") for word in ("new", "old"))
    _as_root(["rm", "-rf", str(new), str(old)])
    _need(copy.n_bytes, disk.parent.parent)
    lxc.kill(guest)
    _copy(folder() / copy.key / "rootfs", new)
    swap = 'if [ -e "$1" ]; then mv -T "$1" "$3"; fi; mv -T "$2" "$1"; rm -rf "$3"'
    _as_root(["sh", "-ec", swap, "swap", str(disk), str(new), str(old)], start_new_session=True)
    (folder() / f"{copy.key}.json").touch()


def remove(key: str) -> None:
    """Remove a copy, even an incomplete one."""
    (folder() / f"{key}.json").unlink(missing_ok=True)
    _as_root(["rm", "-rf", str(folder() / key)])
    owned.remove("copy", key)


def remove_all() -> None:
    """Remove every copy."""
    _make_room([])


def _make_room(keep: list[str]) -> None:
    """Remove every copy except these: outdated, incomplete, or not used recently."""
    folder().mkdir(parents=True, exist_ok=True)
    for key in owned.all_things().get("copy", []):
        if key not in keep:
            remove(key)


def _need(n_bytes: int, where: Path) -> None:
    free = shutil.disk_usage(where).free
    if free < n_bytes + SPARE_BYTES:
        raise HostError(f"A copy of the machine's disk takes {units.size(n_bytes)}, and only {units.size(free)} are "
                        f"free in {where}.", "free some space there, then the same command again")


def _size(disk: Path) -> int:
    return int(_as_root(["du", "-sx", "--block-size=1", str(disk)]).split()[0])


def _copy(source: Path, target: Path) -> None:
    """Copy every file with owner, mode, times and capabilities; where the file system can, without copying the data."""
    _as_root(["cp", "-a", "--reflink=auto", "-T", str(source), str(target)])


def _as_root(command: list[str], start_new_session: bool = False) -> str:
    """What a command prints.

    Args:
        start_new_session: neither a stop nor Ctrl-C reaches it; for work of milliseconds that must not stop half way.
    """
    with subprocess.Popen([*lxc.root(), *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          stdin=subprocess.DEVNULL, start_new_session=start_new_session) as process, \
            nullcontext() if start_new_session else cancel.ended_by(process.terminate):
        out, err = process.communicate()
    if process.returncode:
        errors = err.strip().splitlines()[-1:] or [f"status {process.returncode}"]
        raise HostError(f"`{command[0]}` failed for the copy of the machine's disk: {errors[0]}",
                        "df -h   free some space, then the same command again")
    return out
