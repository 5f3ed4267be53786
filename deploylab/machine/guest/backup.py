"""Saves and restores what visitors wrote: a stage's database, and its media files. Runs on the guest, as root.

A dump is first loaded into a second database beside the real one, and its rows are read there: when it is saved, and
again when it is restored. Only then do the two change places. Whatever ends this program before that leaves the real
database as it was, and `forget` removes the rest.
"""

import fcntl
import hashlib
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import time
from contextlib import closing
from pathlib import Path

DUMP, MEDIA, MANIFEST = "database.sql", "media/", "backup.json"  # what a backup has in it, in this order
FILE = "backup.tar.gz"
SCHEMA = 1
ASIDE, OLD = "_restoring", "_replaced"  # added to a name: the copy being made, and what it takes the place of
UTF8 = "--default-character-set=utf8mb4"
LOCK_S = 30  # how long to wait for visitors' transactions before the databases change places
ASK = ("import json, os; from django.conf import settings as s; d = s.DATABASES['default']; print(); print(json.dumps("
       "[d['ENGINE'].rpartition('.')[2], str(d['NAME']), str(s.MEDIA_ROOT or ''), os.getuid(), os.getgid()]))")
MORE = " UNION ALL ".join(f"SELECT {kind}_name FROM information_schema.{kind}s WHERE {kind}_schema = '%s'"
                         for kind in ("trigger", "routine", "event"))  # a view is a table of another type


class MariaDB:
    """A database of MariaDB, through its own programs as root, who needs no password."""

    def __init__(self, name):
        self.name, self.aside, self.old = name, name + ASIDE, name + OLD

    def dump(self, file):
        """Write all of it as it is at one moment, while visitors go on."""
        if more := self._ask(MORE.replace("%s", self.name)) + self._tables(self.name, "VIEW"):
            sys.exit(f"The database has more than tables, and a restore would lose it: {', '.join(more)}.")
        with file.open("wb") as out:
            subprocess.run(["mariadb-dump", UTF8, "--single-transaction", "--skip-comments", "--hex-blob", self.name],
                           stdout=out, check=True)

    def load(self, file):
        """Load a dump into the database beside the real one."""
        self.forget()
        alphabet, = self._ask("SELECT CONCAT(default_character_set_name, ' COLLATE ', default_collation_name)"
                              f" FROM information_schema.schemata WHERE schema_name = '{self.name}'")
        self._ask(f"CREATE DATABASE `{self.aside}` CHARACTER SET {alphabet}")
        with file.open("rb") as sql:
            subprocess.run(["mariadb", UTF8, self.aside], stdin=sql, check=True)

    def counts(self):
        """How many rows each table of the real database has."""
        return {table: int(self._ask(f"SELECT COUNT(*) FROM `{self.name}`.`{table}`")[0])
                for table in self._tables(self.name)}

    def tables(self):
        """Of each table beside the real ones: its name, its columns, and its rows as bytes, in any order."""
        for table in self._tables(self.aside):
            columns = self._ask("SELECT column_name FROM information_schema.columns WHERE table_schema ="
                                f" '{self.aside}' AND table_name = '{table}' ORDER BY ordinal_position")
            rows = subprocess.run(["mariadb", UTF8, "--batch", "--skip-column-names", self.aside, "-e",
                                   f"SELECT * FROM `{table}`"], stdout=subprocess.PIPE, check=True).stdout
            yield table, columns, rows.split(b"\n")[:-1]  # a line break inside a value is written as \\n

    def swap(self):
        """The tables change places, in one statement: all of them or none."""
        moves = [f"`{source}`.`{table}` TO `{target}`.`{table}`"
                 for source, target in ((self.name, self.old), (self.aside, self.name))
                 for table in self._tables(source)]
        self._ask(f"CREATE DATABASE `{self.old}`; SET lock_wait_timeout = {LOCK_S}; SET foreign_key_checks = 0;"
                  f" RENAME TABLE {', '.join(moves)}")

    def forget(self):
        """Remove everything but the real database."""
        self._ask(f"DROP DATABASE IF EXISTS `{self.aside}`; DROP DATABASE IF EXISTS `{self.old}`")

    def _tables(self, database, of_type="BASE TABLE"):
        return self._ask(f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{database}'"
                         f" AND table_type = '{of_type}' ORDER BY table_name")

    def _ask(self, sql):
        """The lines of the answer."""
        return subprocess.run(["mariadb", UTF8, "--batch", "--skip-column-names"], input=sql, encoding="utf-8",
                              check=True, stdout=subprocess.PIPE).stdout.splitlines()


class SQLite:
    """A database in a file. SQLite gives new files beside it the owner of that file, also if root writes."""

    def __init__(self, name):
        self.name, self.aside = name, name + ASIDE

    def dump(self, file):
        """Write all of it as it is at one moment, while visitors go on."""
        with closing(self._open(self.name)) as database, file.open("w", encoding="utf-8", newline="") as out:
            database.execute("BEGIN")
            out.writelines(f"{line}\n" for line in database.iterdump())

    def load(self, file):
        """Load a dump into the file beside the real one."""
        self.forget()
        Path(self.aside).touch(mode=0o600)
        with closing(self._open(self.aside)) as database:
            database.executescript(file.read_bytes().decode())

    def counts(self):
        """How many rows each table of the real database has."""
        with closing(self._open(self.name)) as database:
            return {table: database.execute(f'SELECT COUNT(*) FROM "{table}"').fetchone()[0]
                    for table in self._tables(database)}

    def tables(self):
        """Of each table beside the real ones: its name, its columns, and its rows as bytes, in any order."""
        with closing(self._open(self.aside)) as database:
            for table in self._tables(database):
                columns = [row[1] for row in database.execute(f'PRAGMA table_info("{table}")')]
                rows = database.execute(f'SELECT * FROM "{table}"')
                yield table, columns, [repr(row).encode(errors="surrogatepass") for row in rows]

    def swap(self):
        """The content changes, in one transaction."""
        with closing(self._open(self.aside)) as aside, closing(self._open(self.name)) as database:
            aside.backup(database)

    def forget(self):
        """Remove everything but the real database."""
        for end in ("", "-journal", "-wal", "-shm"):
            Path(self.aside + end).unlink(missing_ok=True)

    @staticmethod
    def _open(path):
        return sqlite3.connect(f"{Path(path).as_uri()}?mode=rw", uri=True, timeout=LOCK_S)

    @staticmethod
    def _tables(database):
        return [name for name, in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'"
                                                   " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name")]


KINDS = {"mysql": MariaDB, "sqlite3": SQLite}


class Place:
    """Where a stage keeps what visitors wrote: Django's own settings say it.

    Args:
        words: of `deploylab-manage`: the stage, and NAME=VALUE of a variant.
    """

    def __init__(self, words):
        asked = subprocess.run(["deploylab-manage", *words, "shell", "--no-imports", "-c", ASK], text=True, check=True,
                               stdout=subprocess.PIPE)
        self.engine, name, media, *self.owner = json.loads(asked.stdout.splitlines()[-1])
        if self.engine not in KINDS:
            sys.exit(f"A database of the kind {self.engine} is not backed up: only {' and '.join(KINDS)} are.")
        self.database = KINDS[self.engine](name)
        self.media = os.path.abspath(media) if media else ""

    def swap(self):
        """What was loaded beside it takes its place."""
        media = bool(self.media) and os.path.exists(self.media + ASIDE)
        if media:
            os.rename(self.media, self.media + OLD)
            os.rename(self.media + ASIDE, self.media)
        try:
            self.database.swap()
        except BaseException:
            if media:
                os.rename(self.media, self.media + ASIDE)
                os.rename(self.media + OLD, self.media)
            raise

    def forget(self):
        """Remove what was loaded, or what it took the place of."""
        self.database.forget()
        if self.media:
            if not os.path.exists(self.media) and os.path.exists(self.media + OLD):  # the power went in between
                os.rename(self.media + OLD, self.media)
            for end in (ASIDE, OLD):
                shutil.rmtree(self.media + end, ignore_errors=True)


def save(words, folder, about):
    """Write FILE into the folder, after a try to load the dump. Its manifest also says what `about` says."""
    place, dump = Place(words), Path(folder, DUMP)
    place.forget()
    taken_utc = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    place.database.dump(dump)
    place.database.load(dump)
    rows, tables = content(place.database)
    place.forget()
    files = {DUMP: dump, **media_files(place.media)}
    manifest = {"schema": SCHEMA, **about, "taken_utc": taken_utc, "engine": place.engine, "rows": rows,
                "tables": tables, "media": bool(place.media), "files": {}}
    with tarfile.open(Path(folder, FILE), "w:gz", compresslevel=6) as tar:
        for name, path in files.items():
            tar.add(path, name, recursive=False)
            with open(path, "rb") as file:
                manifest["files"][name] = digest_of(file)
        text = json.dumps(manifest).encode()
        member = tarfile.TarInfo(MANIFEST)
        member.size = len(text)
        tar.addfile(member, io.BytesIO(text))


def media_files(folder):
    """The files below MEDIA_ROOT, by their names in a backup; {} if the site has none."""
    files = {}
    for path in sorted(Path(folder).rglob("*")) if folder else ():
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            sys.exit(f"{path} is neither a file nor a folder, so it is not backed up.")
        if not path.is_dir():
            files[MEDIA + path.relative_to(folder).as_posix()] = path
    return files


def load(words, folder):
    """Load FILE, which is in the folder, beside what is there; returns the rows of each table before and after.

    It ends with an error if the result would not be what was saved.
    """
    place = Place(words)
    place.forget()
    with tarfile.open(Path(folder, FILE)) as tar:
        manifest = json.load(tar.extractfile(MANIFEST))
        if manifest["engine"] != place.engine:
            sys.exit(f"The backup is of a database of the kind {manifest['engine']}, and here it is {place.engine}.")
        if not place.media and len(manifest["files"]) > 1:
            sys.exit("The backup has media files, and MEDIA_ROOT of this site names no folder for them.")
        # A site that had no media then may have some now: a backup that knows of none leaves them alone.
        for name in (place.media, place.media + ASIDE) if place.media and manifest["media"] else ():
            own_folder(Path(name), place.owner)
        for name, expected in manifest["files"].items():
            path = Path(folder, DUMP) if name == DUMP else Path(place.media + ASIDE, name.removeprefix(MEDIA))
            own_folder(path.parent, place.owner)
            with tar.extractfile(name) as source, path.open("w+b") as target:
                shutil.copyfileobj(source, target)
                target.seek(0)
                if digest_of(target) != expected:
                    sys.exit(f"{name} is damaged.")
            path.chmod(tar.getmember(name).mode & 0o777)
            os.chown(path, *place.owner)
    place.database.load(Path(folder, DUMP))
    rows, tables = content(place.database)
    if tables != manifest["tables"]:
        wrong = sorted({name for name, _ in tables.items() ^ manifest["tables"].items()})
        sys.exit(f"These tables would not be as they were saved: {', '.join(wrong)}.")
    return {"before": place.database.counts(), "after": rows}


def own_folder(folder, owner):
    """Make the folder, and those above it that are missing, for the application's user."""
    for path in (*reversed(folder.parents), folder):
        if not path.exists():
            path.mkdir(mode=0o755)
            os.chown(path, *owner)


def content(database):
    """Two dictionaries by table, of the database beside the real one: how many rows it has, and a digest of them."""
    rows, digests = {}, {}
    for table, columns, lines in database.tables():
        rows[table] = len(lines)
        sha = hashlib.sha256(json.dumps(columns).encode())
        for line in sorted(hashlib.sha256(line).digest() for line in lines):
            sha.update(line)
        digests[table] = sha.hexdigest()
    return rows, digests


def digest_of(file):
    """The SHA-256 of what is left to read in an open file."""
    sha = hashlib.sha256()
    while chunk := file.read(1 << 20):
        sha.update(chunk)
    return sha.hexdigest()


def run(work):
    """Print what a function returns, as the last line; what went wrong is one line too. One at a time."""
    with Path(__file__).parents[1].joinpath("lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            print(json.dumps(work()))
        except subprocess.CalledProcessError as error:
            sys.exit(f"{error.cmd[0]} ended with status {error.returncode}")
        except (OSError, ValueError, sqlite3.Error, tarfile.TarError) as error:
            sys.exit(f"{type(error).__name__}: {error}")
