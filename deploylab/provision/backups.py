"""Backup and restore of what visitors wrote: the rows of the database, and the media files.

A backup is one file on this computer, outside the machine. It is read back before it counts as written, and read from
beginning to end before anything is restored from it. What happens on the machine is in `machine/guest/backup.py`.
"""

import base64
import gzip
import hashlib
import json
import os
import signal
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploylab.core import units
from deploylab.core.errors import BackupError, CourseError, MachineError
from deploylab.core.progress import Progress
from deploylab.course import Course, Target
from deploylab.machine import Machine
from deploylab.machine.guest import backup as guest
from deploylab.provision import converge, prepare
from deploylab.provision.on_demand import answers

FOLDER = "/var/backups/deploylab/backup"  # on the machine, while a backup is made or restored; only root may enter
CHUNK_BYTES = 8_000_000                   # that are sent at a time
KEYS = {"schema", "target", "revision", "taken_utc", "engine", "rows", "tables", "media", "files"}


@dataclass(frozen=True, kw_only=True)
class Backup:
    """What a backup says of itself.

    Attributes:
        file: where it is.
        target: the stage or variant whose database it is.
        revision: of the application's code at that time.
        taken_utc: when; what was written later is not in it.
        rows: how many, by table.
        digest: of all rows and media files; the same only if all of them are.
        n_media: how many media files.
        n_bytes: its size.
    """

    file: Path
    target: str
    revision: str
    taken_utc: str
    rows: dict[str, int]
    digest: str
    n_media: int
    n_bytes: int

    def __str__(self) -> str:
        media = units.count(self.n_media, "media file") if self.n_media else "no media files"
        return (f"{units.count(sum(self.rows.values()), 'row')} in {units.count(len(self.rows), 'table')}, {media}, "
                f"{units.size(self.n_bytes)}, digest {self.digest}")


@dataclass(frozen=True)
class Restored:
    """What a restore changed.

    Attributes:
        before: the rows of each table before it, by table.
        changed: how many operations had to bring the machine to the stage, before and after; 0 if it was there.
    """

    backup: Backup
    before: dict[str, int]
    changed: int

    @property
    def differences(self) -> dict[str, tuple[int, int]]:
        """The rows before and after, of each table in which their number changed."""
        tables = sorted({*self.before, *self.backup.rows})
        counts = {table: (self.before.get(table, 0), self.backup.rows.get(table, 0)) for table in tables}
        return {table: numbers for table, numbers in counts.items() if numbers[0] != numbers[1]}


def save(machine: Machine, course: Course, target: Target, file: Path, progress: Progress) -> Backup:
    """Write a backup of a target's database and media files, while visitors go on.

    Args:
        file: where to; it must not exist yet.

    Raises:
        BackupError: it cannot be written there, or is not complete. Then there is no file.
        CourseError: the target has no database.

    Example:
        save(machine, course, course.stage("nginx"), Path("monday.backup"), progress).digest
    """
    _has_database(target)
    if file.exists():
        raise BackupError(f"{file} exists already, and a backup never replaces another.", "choose another name")
    if not file.parent.is_dir():
        raise BackupError(f"There is no folder {file.parent}.", f"mkdir -p {file.parent}")
    part = file.with_name(f".{file.name}.{os.getpid()}")
    about = {"target": target.name, "revision": converge.app_revision(course)}
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))  # passwords of users may be in it
        with _on_machine(machine, target):
            with progress.phase("dump", f"{target.name}: the database, and a try to load it"):
                _call(machine, f"save({_words(target)!r}, {FOLDER!r}, {about!r})")
            with progress.phase("fetch", "to this computer"):
                _fetch(machine, part, progress)
        read(part)
        os.replace(part, file)
    finally:
        part.unlink(missing_ok=True)
    return read(file)


def read(file: Path) -> Backup:
    """What a backup is of, after all of it was read and compared with its digests.

    Raises:
        BackupError: there is no such file, or it is damaged, or it is no backup.
    """
    try:
        with gzip.open(file) as whole:
            guest.digest_of(whole)  # to the end, where gzip keeps a checksum of all: tarfile stops before that
        with tarfile.open(file, "r:gz") as tar:
            members = tar.getmembers()
            if not members or members[-1].name != guest.MANIFEST:
                raise ValueError("its end is missing")
            manifest = json.load(_content(tar, members[-1]))
            _verify(tar, members[:-1], manifest)
    except FileNotFoundError as error:
        raise BackupError(f"There is no {file}.", f"ls {file.parent}") from error
    except (tarfile.TarError, EOFError, zlib.error, ValueError, TypeError, KeyError, AttributeError, OSError) as error:
        raise BackupError(f"{file} is damaged, or no backup: {error}. Nothing was changed.",
                          "restore another one") from error
    # Not of the dump's text: another version of its program writes the same rows in another way.
    media = {name: digest for name, digest in manifest["files"].items() if name != guest.DUMP}
    digest = hashlib.sha256(json.dumps([manifest["tables"], media], sort_keys=True).encode())
    return Backup(file=file, target=manifest["target"], revision=manifest["revision"], rows=manifest["rows"],
                  taken_utc=manifest["taken_utc"], digest=digest.hexdigest()[:12],
                  n_media=len(media), n_bytes=file.stat().st_size)


def restore(machine: Machine, course: Course, backup: Backup, progress: Progress) -> Restored:
    """Bring a machine to the backup's stage, however bare it is, and its database and media to what was saved.

    Until all of it is on the machine and has been compared with the backup, the site keeps what it has. Then the two
    change places, in one step: an interruption comes before or after it.

    Raises:
        BackupError: it cannot be restored here; the database is as it was.
        CheckError: the stage is not ready, before or after it.

    Example:
        restore(machine, course, read(Path("monday.backup")), progress).differences
    """
    target, changed = course.target(backup.target), 0
    _has_database(target)
    if not answers(machine, target):
        changed += _prepare(machine, course, target, progress)
    with _on_machine(machine, target):
        with progress.phase("send", f"{units.size(backup.n_bytes)} to the machine"):
            _send(machine, backup.file, progress)
        with progress.phase("load", "the rows, beside the real ones, and compare them"):
            counts = _call(machine, f"load({_words(target)!r}, {FOLDER!r})")
        with _undisturbed(), progress.phase("swap", "they take the place of what was there"):
            _call(machine, f"Place({_words(target)!r}).swap()", to_its_end=True)
    changed += _prepare(machine, course, target, progress)
    return Restored(backup, counts["before"], changed)


def _has_database(target: Target) -> None:
    if not target.expect.get("database"):
        raise CourseError(f"{target.name} has no database, so there is nothing to back up.", "./lab status")


def _prepare(machine: Machine, course: Course, target: Target, progress: Progress) -> int:
    """Converge to the target and check it: migrations that came after the backup are applied. How much changed."""
    ready = prepare.to_stage(machine, course, course.stage(target.stage), progress, [target] if target.variant else [])
    if not ready.ok:
        raise prepare.not_ready(ready)
    return ready.converged.changed


def _words(target: Target) -> list[str]:
    """What `deploylab-manage` gets."""
    return [target.stage, *(f"{name}={value}" for name, value in target.environment.items())]


def _verify(tar: tarfile.TarFile, members: list[tarfile.TarInfo], manifest: Any) -> None:
    """Raise ValueError if the files are not those of the manifest, or could be written anywhere but in their folder."""
    if not isinstance(manifest, dict) or manifest.get("schema") != guest.SCHEMA or not manifest.keys() >= KEYS:
        raise ValueError("it is not of this version")
    if [member.name for member in members] != [*manifest["files"]] or guest.DUMP not in manifest["files"]:
        raise ValueError("files are missing")
    for member in members:
        inside = member.name.removeprefix(guest.MEDIA).split("/")
        if member.name != guest.DUMP and (not member.name.startswith(guest.MEDIA) or {"", ".", ".."} & {*inside}):
            raise ValueError(f"it has a file {member.name}")
        if guest.digest_of(_content(tar, member)) != manifest["files"][member.name]:
            raise ValueError(f"{member.name} is not as it was saved")


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Any:
    content = tar.extractfile(member) if member.isfile() else None
    if content is None:
        raise ValueError(f"{member.name} is not a file")
    return content


@contextmanager
def _on_machine(machine: Machine, target: Target) -> Iterator[None]:
    """Inside the block the machine has FOLDER; after it neither that, nor anything that was loaded and not used."""
    machine.check_output(f"rm -rf {FOLDER}; install -d -m 700 {Path(FOLDER).parent} {FOLDER}", sudo=True)
    try:
        yield
    finally:
        with suppress(MachineError, BackupError):  # what went wrong in the block is what a person must see
            _call(machine, f"Place({_words(target)!r}).forget()")
        with suppress(MachineError):
            machine.run(f"rm -rf {FOLDER}", sudo=True)


def _call(machine: Machine, call: str, to_its_end: bool = False) -> Any:
    """The return value of a call of `machine/guest/backup.py`, on the machine.

    Args:
        to_its_end: it goes on even if this program is killed. Otherwise it ends with it.
    """
    program = f"{FOLDER}/program.py"
    text = Path(str(guest.__file__)).read_text(encoding="utf-8")
    machine.put(f"{text}\nrun(lambda: {call})\n".encode(), program, mode="0600")
    done = machine.run(f"setsid -w python3 {program}" if to_its_end else f"python3 {program}", sudo=True,
                       stdin=b"" if to_its_end else None)
    if not done.ok:
        raise BackupError(f"On the machine: {done.out.strip()[-600:]}", "./lab check   then the same command again")
    return json.loads(done.out.splitlines()[-1])


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ctrl-C waits until the block has ended."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _fetch(machine: Machine, to: Path, progress: Progress) -> None:
    """Copy FILE from the machine, in chunks: ssh may be slow, and a backup large."""
    path = f"{FOLDER}/{guest.FILE}"
    n_bytes = int(machine.check_output(f"stat -c %s {path}", sudo=True))
    with to.open("wb") as out:
        for offset in range(0, n_bytes, CHUNK_BYTES):
            progress.update("fetching", offset / 1e6, n_bytes / 1e6)
            chunk = machine.check_output(f"tail -c +{offset + 1} {path} | head -c {CHUNK_BYTES} | base64 -w 0",
                                         sudo=True)
            out.write(base64.b64decode(chunk))
        out.flush()
        os.fsync(out.fileno())


def _send(machine: Machine, file: Path, progress: Progress) -> None:
    """Copy a backup to the machine, in chunks."""
    n_bytes = file.stat().st_size
    with file.open("rb") as source:
        while chunk := source.read(CHUNK_BYTES):
            progress.update("sending", source.tell() / 1e6, n_bytes / 1e6)
            done = machine.run(f"umask 077; cat >> {FOLDER}/{guest.FILE}", sudo=True, stdin=chunk)
            if not done.ok:
                raise BackupError(f"It could not be written on the machine: {done.out.strip()[-300:]}",
                                  "./lab status --deep")
