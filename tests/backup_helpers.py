"""A machine that is a folder on this computer: the guest's program runs in it, with SQLite and media files."""

import os
import sqlite3
from contextlib import closing

from deploylab.machine import shell
from deploylab.machine.reach import Reach

AWKWARD = "a\rb\r\nc\n'\"\\ \t é 😀"
# What `deploylab-manage STAGE shell` prints. A project of one's own may print something of its own before it.
MANAGE = """#!/bin/sh
echo started
echo '["{engine}", "{folder}/db.sqlite3", "{media}", '$(id -u), $(id -g)']'
"""


class Here(Reach):
    """The machine. Its commands run as the person who runs the tests.

    Attributes:
        stop_at: the command, counted from 1, before or after which a person presses Ctrl-C; 0 for none.
    """

    def __init__(self, folder):
        self.folder, self.stop_at, self.after, self.commands = folder, 0, False, []

    def run(self, command, *, sudo=False, stdin=None, on_line=None, timeout_s=None):
        command = command.replace("chown root:root", "chown $(id -u):$(id -g)")
        self.commands.append(command)
        stop = len(self.commands) == self.stop_at
        if stop and not self.after:
            raise KeyboardInterrupt
        done = shell.run(["sh", "-c"], f"PATH={self.folder}/bin:$PATH; {command}", stdin=stdin)
        if stop:
            raise KeyboardInterrupt
        return done

    def django(self, engine="sqlite3", media="media"):
        """What Django's settings say from now on."""
        manage = self.folder / "bin/deploylab-manage"
        manage.parent.mkdir(exist_ok=True)
        manage.write_text(MANAGE.format(engine=engine, folder=self.folder, media=media and self.folder / media))
        manage.chmod(0o755)

    def database(self, sql, *values):
        with closing(sqlite3.connect(self.folder / "db.sqlite3")) as database, database:
            return database.execute(sql, values).fetchall()

    def comments(self):
        return [body for body, in self.database("SELECT body FROM comment ORDER BY id")]

    def media(self):
        root = self.folder / "media"
        return {path.relative_to(root).as_posix(): path.read_text() for path in root.rglob("*") if path.is_file()}

    def left_over(self):
        """Whatever is there beside the database and the media."""
        known = ("bin", "db.sqlite3", "db.sqlite3-shm", "db.sqlite3-wal", "media", "kept")
        return sorted({*os.listdir(self.folder)} - {*known}) + sorted({*os.listdir(self.folder / "kept")} - {"lock"})
