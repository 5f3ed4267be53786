"""Backup and restore without a machine: the program of the guest runs here, with SQLite and a folder of media files."""

import gzip
import io
import json
import os
import tarfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from backup_helpers import AWKWARD, Here

from deploylab import course as courses
from deploylab.core.errors import BackupError, CourseError
from deploylab.core.progress import Progress
from deploylab.machine.guest import backup as guest
from deploylab.provision import backups

COURSE = courses.load()
TARGET = next(target for target in COURSE.targets if target.expect.get("database") == "sqlite")


@pytest.fixture
def here(tmp_path, monkeypatch):
    machine = Here(tmp_path / "machine")
    (machine.folder / "media/talks").mkdir(parents=True)
    (machine.folder / "media/talks/1.txt").write_text("slides")
    machine.django()
    machine.database("PRAGMA journal_mode = WAL")
    machine.database("CREATE TABLE talk (id INTEGER PRIMARY KEY, title TEXT)")
    machine.database("CREATE TABLE comment (id INTEGER PRIMARY KEY AUTOINCREMENT, talk REFERENCES talk, body TEXT)")
    machine.database("INSERT INTO talk VALUES (7, 'Deploying')")
    machine.database("INSERT INTO comment (talk, body) VALUES (7, ?)", AWKWARD)
    monkeypatch.setattr(backups, "FOLDER", str(machine.folder / "kept/backup"))
    monkeypatch.setattr(backups, "answers", lambda machine, target: True)
    ready = SimpleNamespace(ok=True, converged=SimpleNamespace(changed=0))
    monkeypatch.setattr(backups.prepare, "to_stage", lambda *arguments: ready)
    return machine


@pytest.fixture
def saved(here, tmp_path):
    """A backup, after which visitors went on writing."""
    saved = backups.save(here, COURSE, TARGET, tmp_path / "monday.backup", Progress("test"))
    here.database("INSERT INTO comment (talk, body) VALUES (7, 'later')")
    (here.folder / "media/later.txt").write_text("later")
    return saved


def restore(here, file):
    return backups.restore(here, COURSE, backups.read(file), Progress("test"))


def is_untouched(here):
    """Whether everything is as visitors left it, with what came after the backup."""
    return (here.comments() == [AWKWARD, "later"] and here.left_over() == []
            and here.media() == {"later.txt": "later", "talks/1.txt": "slides"})


# ----------------------------------------------------------------------------------------- there and back


def test_a_restore_gives_back_every_byte_and_what_came_later_is_lost_and_named(here, saved, tmp_path):
    assert saved.rows == {"comment": 1, "talk": 1} and saved.n_media == 1 and here.left_over() == []
    restored = restore(here, saved.file)
    assert here.comments() == [AWKWARD] and here.media() == {"talks/1.txt": "slides"}
    assert restored.differences == {"comment": (2, 1)}
    again = backups.save(here, COURSE, TARGET, tmp_path / "tuesday.backup", Progress("test"))
    assert again.digest == saved.digest and here.left_over() == []
    assert here.database("PRAGMA journal_mode") == [("wal",)]


@pytest.mark.parametrize("change", [
    lambda here: here.database("UPDATE comment SET body = body || ' '"),
    lambda here: here.database("DELETE FROM comment"),
    lambda here: here.database("ALTER TABLE talk ADD COLUMN doors TEXT"),
    lambda here: (here.folder / "media/talks/1.txt").write_text("slideS"),
    lambda here: (here.folder / "media/talks/1.txt").rename(here.folder / "media/talks/2.txt")])
def test_another_byte_is_another_digest(here, tmp_path, change):
    first = backups.save(here, COURSE, TARGET, tmp_path / "1", Progress("test"))
    change(here)
    assert backups.save(here, COURSE, TARGET, tmp_path / "2", Progress("test")).digest != first.digest


def test_media_of_a_site_that_had_none_are_left_alone(here, tmp_path):
    here.django(media="")
    file = backups.save(here, COURSE, TARGET, tmp_path / "file", Progress("test")).file
    here.django()
    restore(here, file)
    assert here.media() == {"talks/1.txt": "slides"} and here.left_over() == []


def test_a_large_backup_is_sent_in_chunks(here, tmp_path, monkeypatch):
    monkeypatch.setattr(backups, "CHUNK_BYTES", 100)
    file = backups.save(here, COURSE, TARGET, tmp_path / "file", Progress("test")).file
    here.database("DELETE FROM comment")
    restore(here, file)
    assert here.comments() == [AWKWARD] and file.stat().st_size > 300


def test_only_the_person_who_saved_it_may_read_it(saved):
    assert saved.file.stat().st_mode & 0o777 == 0o600


# ----------------------------------------------------------------------------------------- bad files


def test_a_damaged_backup_is_refused_wherever_it_is_damaged(saved, tmp_path):
    data, file = saved.file.read_bytes(), tmp_path / "damaged"
    for end in range(0, len(data), 97):
        file.write_bytes(data[:end])
        with pytest.raises(BackupError, match="Nothing was changed"):
            backups.read(file)
    refused = 0
    for place in range(0, len(data), 41):
        file.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1:])
        try:
            assert backups.read(file).digest == saved.digest  # a bit that says nothing, as the time in gzip's header
        except BackupError:
            refused += 1
    assert refused > len(data) // 41 * 0.9


def made(file, contents: dict[str, bytes], manifest) -> Path:
    """A file that looks like a backup, with these contents."""
    with tarfile.open(file, "w:gz") as tar:
        for name, content in {**contents, guest.MANIFEST: json.dumps(manifest).encode()}.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return file


def manifest_of(file):
    with tarfile.open(file) as tar:
        return json.load(tar.extractfile(guest.MANIFEST)), tar.extractfile(guest.DUMP).read()


@pytest.mark.parametrize("name", ["../../etc/passwd", "media/../../passwd", "/etc/passwd", "media//etc", "media/"])
def test_a_file_that_would_be_written_elsewhere_is_refused(saved, tmp_path, name):
    manifest, dump = manifest_of(saved.file)
    manifest["files"] = {guest.DUMP: manifest["files"][guest.DUMP], name: guest.digest_of(io.BytesIO(b"x"))}
    with pytest.raises(BackupError, match="Nothing was changed"):
        backups.read(made(tmp_path / "evil", {guest.DUMP: dump, name: b"x"}, manifest))


@pytest.mark.parametrize("manifest", [None, [], "text", {}, {"schema": 99}, {"schema": 1, "files": 3}])
def test_another_kind_of_file_is_refused(tmp_path, manifest):
    with pytest.raises(BackupError, match="no backup"):
        backups.read(made(tmp_path / "other", {guest.DUMP: b""}, manifest))
    (tmp_path / "text").write_bytes(gzip.compress(b"hello"))
    with pytest.raises(BackupError, match="no backup"):
        backups.read(tmp_path / "text")


def test_rows_that_are_not_those_of_the_manifest_are_not_restored(here, saved, tmp_path):
    """Its files are whole, but the database makes something else of them."""
    manifest, dump = manifest_of(saved.file)
    del manifest["files"]["media/talks/1.txt"]
    manifest["tables"]["comment"] = "0" * 64
    with pytest.raises(BackupError, match="not be as they were saved: comment"):
        restore(here, made(tmp_path / "other", {guest.DUMP: dump}, manifest))
    assert is_untouched(here)


@pytest.mark.parametrize(("settings", "why"), [
    ({"media": ""}, "MEDIA_ROOT"), ({"engine": "oracle"}, "oracle")])
def test_a_site_that_cannot_take_it_is_left_as_it_was(here, saved, settings, why):
    here.django(**settings)
    with pytest.raises(BackupError, match=why):
        restore(here, saved.file)
    here.django()
    assert is_untouched(here)


def test_a_backup_of_another_kind_of_database_is_not_restored(here, saved, tmp_path):
    manifest, dump = manifest_of(saved.file)
    del manifest["files"]["media/talks/1.txt"]
    manifest["engine"] = "mysql"
    with pytest.raises(BackupError, match="of the kind mysql, and here it is sqlite3"):
        restore(here, made(tmp_path / "other", {guest.DUMP: dump}, manifest))
    assert is_untouched(here)


def test_a_file_that_is_there_is_never_replaced(here, saved, tmp_path):
    data = saved.file.read_bytes()
    with pytest.raises(BackupError, match="exists already"):
        backups.save(here, COURSE, TARGET, saved.file, Progress("test"))
    assert saved.file.read_bytes() == data
    with pytest.raises(BackupError, match="no folder"):
        backups.save(here, COURSE, TARGET, tmp_path / "none/file", Progress("test"))


def test_a_link_among_the_media_is_not_followed(here, tmp_path):
    (here.folder / "media/link").symlink_to("/etc/passwd")
    with pytest.raises(BackupError, match="neither a file nor a folder"):
        backups.save(here, COURSE, TARGET, tmp_path / "file", Progress("test"))
    assert os.listdir(tmp_path) == ["machine"] and here.left_over() == []


def test_what_has_no_database_has_no_backup(here, tmp_path):
    target = next(target for target in COURSE.targets if not target.expect.get("database"))
    with pytest.raises(CourseError, match="no database"):
        backups.save(here, COURSE, target, tmp_path / "file", Progress("test"))


# ----------------------------------------------------------------------------------------- interrupted


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True])
def test_ctrl_c_anywhere_leaves_all_of_the_old_or_all_of_the_new(here, saved, after):
    here.commands.clear()
    restore(here, saved.file)
    number = len(here.commands)
    old, new = [AWKWARD, "later"], [AWKWARD]
    seen = set()
    for stop_at in range(1, number + 1):
        here.database("DELETE FROM comment WHERE body = 'later'")
        here.database("INSERT INTO comment (talk, body) VALUES (7, 'later')")
        (here.folder / "media/later.txt").write_text("later")
        here.commands.clear()
        here.stop_at, here.after = stop_at, after
        with pytest.raises(KeyboardInterrupt):
            restore(here, saved.file)
        here.stop_at = 0
        comments = here.comments()
        assert comments in (old, new) and ("later.txt" in here.media()) == (comments == old), here.commands[-1]
        seen.add(tuple(comments))
    assert seen == {tuple(old), tuple(new)}
    restore(here, saved.file)
    assert here.comments() == new and here.left_over() == []


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True])
def test_ctrl_c_during_a_backup_leaves_no_file(here, tmp_path, after):
    here.commands.clear()
    backups.save(here, COURSE, TARGET, tmp_path / "whole", Progress("test"))
    for stop_at in range(1, len(here.commands) + 1):
        here.commands.clear()
        here.stop_at, here.after = stop_at, after
        with pytest.raises(KeyboardInterrupt):
            backups.save(here, COURSE, TARGET, tmp_path / "file", Progress("test"))
        here.stop_at = 0
        assert sorted(os.listdir(tmp_path)) == ["machine", "whole"]
    assert backups.save(here, COURSE, TARGET, tmp_path / "file", Progress("test")) and here.left_over() == []


# ----------------------------------------------------------------------------------------- the command line


def test_a_missing_or_damaged_backup_is_refused_before_anything_else(lab, tmp_path):
    (tmp_path / "damaged").write_bytes(b"hello")
    for name, why in (("none", "There is no"), ("damaged", "Nothing was changed")):
        done = lab("restore", str(tmp_path / name), "--yes", DEPLOYLAB_STATE=str(tmp_path / "state"))
        assert done.returncode == 1 and why in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "state/machine.json").exists()


def test_it_asks_before_it_replaces_what_is_there(lab, saved, tmp_path):
    done = lab("restore", str(saved.file), DEPLOYLAB_STATE=str(tmp_path / "state"))
    assert done.returncode == 1 and "What was written later is lost" in done.stderr and saved.taken_utc in done.stderr
    assert f"./lab restore {saved.file} --yes" in done.stderr


def test_without_a_machine_there_is_nothing_to_back_up(lab, tmp_path):
    done = lab("backup", TARGET.name, str(tmp_path / "file"), DEPLOYLAB_STATE=str(tmp_path / "state"))
    assert done.returncode == 1 and "no machine" in done.stderr and not (tmp_path / "file").exists()
