"""Backup and restore on a real machine: destroyed in between, stopped anywhere, and under visitors."""

import json
import os
import subprocess
import sys

import pytest
from interrupted import interrupted

from deploylab import course as courses
from deploylab import load
from deploylab.core import paths
from deploylab.core.progress import Progress
from deploylab.provision import converge, on_demand

COURSE = courses.load()
STAGES = {kind: next(stage for stage in COURSE.stages if stage.expect.get("database") == kind)
          for kind in ("mysql", "sqlite")}
MARIADB, SQLITE = STAGES["mysql"], STAGES["sqlite"]
AWKWARD = "a\rb\r\nc\n'\"\\ \t é 😀 `x`"
POST = "from programme.models import Comment; Comment.objects.create(talk_id=1, name='backup', body={!r})"
# What Django itself makes of all rows: it shares no code with the backup.
ALL_ROWS = "deploylab-manage {} dumpdata --all | sha256sum"


def manage(machine, stage, code):
    """Run a line of Python in the site."""
    machine.put(code.encode(), "/tmp/line.py")
    return machine.check_output(f'deploylab-manage {stage.name} shell --no-imports -c "$(cat /tmp/line.py)"', sudo=True)


def comments(machine, stage) -> list[str]:
    """What visitors wrote, the oldest first."""
    code = ("import json; from programme.models import Comment; "
            "print(json.dumps([*Comment.objects.filter(name='backup').order_by('id').values_list('body', flat=True)]))")
    return json.loads(manage(machine, stage, code).splitlines()[-1])


def document(done) -> dict:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def left_over(machine) -> str:
    """Databases, files and folders of a backup or a restore."""
    return machine.check_output("find /srv /var/lib/mysql -name '*_restoring*' -o -name '*_replaced*' 2>/dev/null;"
                                " ls /var/backups/deploylab | grep backup; true", sudo=True)


@pytest.fixture(params=["mysql", pytest.param("sqlite", marks=pytest.mark.thorough)])
def stage(request, machine):
    """A stage with each kind of database, ready, with one comment; without comments again afterwards."""
    stage = STAGES[request.param]
    converge.to_stage(machine, COURSE, stage.name)
    forget = "from programme.models import Comment; Comment.objects.filter(name='backup').delete()"
    manage(machine, stage, forget)
    manage(machine, stage, POST.format(AWKWARD))
    yield stage
    manage(machine, stage, forget)


@pytest.mark.machine
def test_what_was_saved_comes_back_and_what_came_later_is_lost(machine, lab, stage, tmp_path):
    rows = machine.check_output(ALL_ROWS.format(stage.name), sudo=True)
    saved = document(lab("backup", stage.name, str(tmp_path / "file"), "--json"))
    manage(machine, stage, POST.format("later"))
    restored = document(lab("restore", str(tmp_path / "file"), "--yes", "--json"))
    assert comments(machine, stage) == [AWKWARD]
    assert machine.check_output(ALL_ROWS.format(stage.name), sudo=True) == rows
    lost = restored["rows"]["programme_comment"]
    assert lost["before"] - lost["after"] == 1 and set(restored["rows"]) == {"programme_comment"}
    assert document(lab("backup", stage.name, str(tmp_path / "again"), "--json"))["digest"] == saved["digest"]
    assert left_over(machine) == "" and restored["changed"] == 0
    manage(machine, stage, POST.format("the site still takes comments"))
    assert len(comments(machine, stage)) == 2


@pytest.mark.machine
def test_visitors_never_meet_half_of_it(machine, lab, stage, tmp_path):
    """They ask all the time, while it is restored."""
    document(lab("backup", stage.name, str(tmp_path / "file"), "--json"))
    command = [sys.executable, "-m", "deploylab.cli", "restore", str(tmp_path / "file"), "--yes", "--json"]
    with subprocess.Popen(command, cwd=paths.ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          env={**os.environ, "PYTHONPATH": str(paths.ROOT)}) as process:
        run = load.run(load.LoadSpec(url=machine.url(stage, "/talks/1/"), mode="open", rate_per_s=5, duration_s=8,
                                     marker="</html>", allowed_addresses=(machine.host,)))
        assert process.wait() == 0
    assert run.n_sent > 20 and run.n_errors == 0, run.errors


@pytest.mark.thorough
@pytest.mark.machine
@pytest.mark.parametrize("word", ["to the machine", "beside the real ones", "take the place"])
def test_ctrl_c_leaves_all_of_the_old_or_all_of_the_new(machine, lab, stage, tmp_path, word):
    document(lab("backup", stage.name, str(tmp_path / "file"), "--json"))
    manage(machine, stage, POST.format("later"))
    done = interrupted(word, "restore", str(tmp_path / "file"), "--yes")
    assert done.returncode == 130, done.stderr
    assert comments(machine, stage) == ([AWKWARD] if word == "take the place" else [AWKWARD, "later"])
    assert left_over(machine) == "" and on_demand.answers(machine, stage)
    assert converge.to_stage(machine, COURSE, stage.name).changes == ()


@pytest.mark.thorough
@pytest.mark.machine
def test_a_bare_machine_gets_everything_back_but_what_came_after_the_backup(machine, lab, tmp_path):
    converge.to_stage(machine, COURSE, MARIADB.name)
    manage(machine, MARIADB, POST.format(AWKWARD))
    media = f"/srv/deploylab/{MARIADB.name}/media"
    settings = f"/srv/deploylab/{MARIADB.name}/app/programme/local_settings.py"
    machine.put(f"MEDIA_ROOT = '{media}'\n".encode(), settings)
    machine.check_output(f"install -d -o deploylab -g deploylab {media}", sudo=True)
    machine.put(b"slides", f"{media}/talks/1.txt", mode="0640", owner="deploylab:deploylab")
    saved = document(lab("backup", MARIADB.name, str(tmp_path / "file"), "--json"))
    assert saved["media"] == 1
    manage(machine, MARIADB, POST.format("later"))

    machine.discard(Progress("test"))
    refused = lab("restore", str(tmp_path / "file"), "--yes")
    assert refused.returncode == 1 and "MEDIA_ROOT" in refused.stderr and comments(machine, MARIADB) == []
    machine.put(f"MEDIA_ROOT = '{media}'\n".encode(), settings)
    restored = lab("restore", str(tmp_path / "file"), "--yes")
    assert restored.returncode == 0, restored.stderr
    assert f"Lost: whatever was written after {saved['taken_utc']}" in restored.stderr
    assert comments(machine, MARIADB) == [AWKWARD]
    machine.put(f"MEDIA_ROOT = '{media}'\n".encode(), settings)
    assert document(lab("backup", MARIADB.name, str(tmp_path / "again"), "--json"))["digest"] == saved["digest"]
    assert machine.check_output(f"stat -c '%a %U' {media}/talks/1.txt", sudo=True).strip() == "640 deploylab"
    machine.check_output(f"rm -r {settings} {media}", sudo=True)
    assert converge.to_stage(machine, COURSE, MARIADB.name).changes == ()
