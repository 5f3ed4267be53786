"""The second deploy: a shell on this computer, and the changes that are released."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from waiting import runs, until

from deploylab import course
from deploylab.core import cancel, paths
from deploylab.lessons import host_shell
from deploylab.lessons.answers import Rebuilt
from deploylab.lessons.display import output

SITE = paths.ROOT / course.load().app.source
RELEASE = paths.ROOT / "notebooks" / "release"


# ------------------------------------------------------------------------- the shell on this computer


def test_a_cell_here_begins_among_the_notebooks_and_finds_the_labs_programs(tmp_path):
    lines = []
    done = host_shell.run('basename "$PWD"; command -v fab; echo $SSH_CONFIG; echo $MACHINE; echo oops >&2; exit 3',
                    tmp_path / "config", lines.append, "10.0.3.7")
    assert done.status == 3 and done.out.splitlines() == lines
    assert lines == ["notebooks", str(Path(sys.executable).parent / "fab"), str(tmp_path / "config"), "10.0.3.7",
                     "oops"]


def test_a_cell_here_prints_no_moving_bars(tmp_path, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")  # as a notebook's kernel does
    assert host_shell.run("echo coloured: $FORCE_COLOR", tmp_path).out == "coloured:\n"


def test_a_stopped_cell_leaves_nothing_behind(tmp_path):
    stop, ended = cancel.Stop(), []

    def work():
        with stop.listening():
            try:
                host_shell.run(f"echo $$ > {tmp_path}/pid; sleep 100 & wait", tmp_path)
            except KeyboardInterrupt:
                ended.append("interrupted")

    thread = threading.Thread(target=work)
    thread.start()
    until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip())
    stop.ask()
    thread.join(20)
    assert ended == ["interrupted"]
    group = int((tmp_path / "pid").read_text())
    until(lambda: not runs(group, by="pgid"))


def test_a_new_machine_says_how_long_each_part_took():
    shown = output.rebuilt(Rebuilt(stage="one", changed=40, failed=0, took={"destroy": 3.1, "boot": 19.0}, seconds=22.1,
                                   checks=(), url="http://10.0.3.2:8003/"))
    assert "a new machine, 40 things changed on it, in 22 s (destroy 3.1 s, boot 19 s)" in repr(shown)


# ------------------------------------------------------------------------------ what is released

DECK = ["deck_1_add", "deck_2_forget", "deck_3_drop"]
CHANGES = {"doors": ["doors"], "wifi": ["doors", "wifi"], "deck_renamed": ["doors", "deck_renamed"],
           **{name: ["doors", *DECK[:number]] for number, name in enumerate(DECK, 1)}}
# What a version of the code does with a room: it writes one and reads all.
USE_ROOMS = """
from programme.models import Room
name = "deck" if any(field.name == "deck" for field in Room._meta.fields) else "floor"
room = Room(name="Crow's nest", seats=3)
setattr(room, name, 7)
room.save()
print(sorted({getattr(room, "on_deck", getattr(room, name)) for room in Room.objects.filter(seats=3)}))
"""


@pytest.fixture(scope="module")
def changed(tmp_path_factory):
    """The site with each change, and those that it is built on; each a folder."""
    folder = tmp_path_factory.mktemp("release")
    out = {}
    for name, patches in CHANGES.items():
        shutil.copytree(SITE, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.sqlite3"))
        for patch in patches:
            subprocess.run(["git", "apply", RELEASE / f"{patch}.patch"], cwd=folder / name, check=True)
        out[name] = folder / name
    return out


def manage(folder, *words, **variables):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO_")}
    return subprocess.run([sys.executable, "manage.py", *words], cwd=folder, capture_output=True, text=True,
                          env=environment | {"DJANGO_DEBUG": "1"} | variables, timeout=300)


def test_what_the_good_change_requires_is_part_of_a_bundle(changed):
    required = (changed["doors"] / "requirements.txt").read_text().splitlines()
    before = (SITE / "requirements.txt").read_text().splitlines()
    bundled = (RELEASE / "requirements-doors.txt").read_text()
    assert sorted(set(required) - set(before)) == sorted(line for line in bundled.splitlines() if "==" in line)


def test_the_good_change_has_its_migration_and_the_bad_one_lacks_it(changed):
    assert manage(changed["doors"], "makemigrations", "--check").returncode == 0
    assert manage(changed["wifi"], "makemigrations", "--check").returncode == 1
    assert manage(changed["wifi"], "check").returncode == 0  # so only the smoke test can find it


@pytest.fixture
def site(tmp_path):
    """Runs manage.py of a version; all of them have one database."""
    return lambda folder, *words: manage(folder, *words, DJANGO_SQLITE_PATH=str(tmp_path / "site.sqlite3"))


@pytest.mark.parametrize(("old", "new"), [("doors", DECK[0]), *zip(DECK, DECK[1:], strict=False)])
def test_both_versions_work_on_the_new_database_in_each_step_of_a_rename(changed, site, old, new):
    """While the new code is being released, after it, and again after a rollback."""
    assert site(changed[old], "migrate").returncode == 0
    for version in (old, new, old, new):
        if version == new:
            assert site(changed[new], "migrate").returncode == 0
        done = site(changed[version], "shell", "-c", USE_ROOMS)
        assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["[7]"]), done.stderr
    assert site(changed[new], "makemigrations", "--check").returncode == 0


def test_a_rename_in_one_step_leaves_the_old_code_without_its_column(changed, site):
    assert site(changed["deck_renamed"], "migrate").returncode == 0
    assert site(changed["deck_renamed"], "shell", "-c", USE_ROOMS).returncode == 0
    assert "no column named floor" in site(changed["doors"], "shell", "-c", USE_ROOMS).stderr


def test_what_mends_the_stampede_in_lesson_07_fits_the_site_of_today():
    patch = paths.ROOT / "notebooks" / "cache" / "once.patch"
    subprocess.run(["git", "apply", "--check", f"--directory={SITE.name}", patch], cwd=paths.ROOT, check=True)
