"""The second deploy: a shell on this computer, the changes that are released, and the fabfile that releases them."""

import importlib.util
import os
import re
import runpy
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from invoke import Exit
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


@pytest.fixture(scope="module")
def changed(tmp_path_factory):
    """The site with the first change, and with both; each a folder."""
    folder = tmp_path_factory.mktemp("release")
    out = {}
    for name, patches in {"doors": ["doors"], "wifi": ["doors", "wifi"]}.items():
        shutil.copytree(SITE, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.sqlite3"))
        for patch in patches:
            subprocess.run(["git", "apply", RELEASE / f"{patch}.patch"], cwd=folder / name, check=True)
        out[name] = folder / name
    return out


def manage(folder, *words):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO_")}
    return subprocess.run([sys.executable, "manage.py", *words], cwd=folder, capture_output=True, text=True,
                          env=environment | {"DJANGO_DEBUG": "1"}, timeout=300)


def test_the_good_change_has_its_migration_and_the_bad_one_lacks_it(changed):
    assert manage(changed["doors"], "makemigrations", "--check").returncode == 0
    assert manage(changed["wifi"], "makemigrations", "--check").returncode == 1
    assert manage(changed["wifi"], "check").returncode == 0  # so only the smoke test can find it


# ---------------------------------------------------------------------------------- the fabfile


@pytest.fixture
def fab():
    spec = importlib.util.spec_from_file_location("fabfile", RELEASE / "fabfile.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Server:
    """Answers a fabfile's commands as a server would, and notes them.

    Args:
        bad: the status of a release's pages, by the commit in its name, such as 500.
    """

    def __init__(self, site: str, commit: str, bad: dict[str, int] | None = None):
        self.site, self.commit, self.bad = site, commit, bad or {}
        self.releases, self.app, self.next = ["0-first"], "0-first", "0-first"
        self.commands: list[str] = []

    def local(self, command, **_):
        return SimpleNamespace(stdout=f"{self.commit}\n")

    def put(self, path):
        self.commands.append(f"put {path}")

    def sudo(self, command, **_):
        return self.run(command)

    def run(self, command, **_):
        self.commands.append(command)
        output = ""
        if command.startswith("mkdir -p"):
            self.releases.append(command.rpartition("/")[2])
        elif command.startswith("rm -r "):
            self.releases.remove(command.rpartition("/")[2])
        elif link := re.match(r"ln -sfnT (\S+)/releases/(\S+) ", command):
            self.next = link[2]
        elif command.startswith("mv -T"):
            self.app = self.next
        elif command.startswith("readlink"):
            output = f"{self.site}/releases/{self.app}\n"
        elif command.startswith("ls "):
            output = "\n".join(sorted(self.releases))
        elif command.startswith("curl"):
            output = self._page(command)
        return SimpleNamespace(stdout=output)

    def _page(self, command: str) -> str:
        healthy = command.endswith("/healthz/")
        status = 200 if healthy else self.bad.get(self.app.rpartition("-")[2], 200)
        return f"{'ok' if healthy else '<html></html>' if status == 200 else 'Server Error'}\n{status}"


def place(server: Server, *words: str) -> list[int]:
    """The index of the first command that contains each of these words."""
    return [next(i for i, command in enumerate(server.commands) if word in command) for word in words]


def test_a_release_migrates_before_the_switch_and_is_looked_at_after_it(fab):
    server = Server(fab.SITE, "abc1234")
    fab.release.body(server)
    order = place(server, "put ", "pip install", "manage.py check", "migrate", "collectstatic", "mv -T", "HUP", "curl")
    assert order == sorted(order)
    assert server.app.endswith("-abc1234")


def test_a_release_with_bad_pages_is_taken_back_although_its_health_is_good(fab):
    server = Server(fab.SITE, "bad0000", {"bad0000": 500})
    with pytest.raises(Exit, match=r"NOT RELEASED: / gave 500. Back at .*/0-first, which is good"):
        fab.release.body(server)
    assert server.app == "0-first" and server.releases == ["0-first"]


def test_rollback_goes_to_the_release_before_and_no_further_than_the_first(fab, capsys):
    server = Server(fab.SITE, "abc1234")
    fab.release.body(server)
    fab.rollback.body(server)
    assert server.app == "0-first" and "Back at 0-first: good" in capsys.readouterr().out
    with pytest.raises(Exit, match="no release before"):
        fab.rollback.body(server)


def test_gunicorn_looks_the_link_up_again_at_each_reload(fab):
    """A process that starts in a link's folder stays where it led: gunicorn would load the old release again."""
    for name in ("nginx", "nginx-sync", "nginx-bare"):
        settings = runpy.run_path(str(paths.ROOT / f"provisioning/files/etc/deploylab/gunicorn-{name}.py"))
        assert settings["chdir"] == f"{fab.SITE}/app"


def test_fab_itself_reads_the_fabfile_and_tries_to_reach_the_server(tmp_path):
    """Fabric and Invoke need matching versions: Fabric 3.2 does not work with Invoke 3."""
    (tmp_path / "config").write_text("Host web\n  HostName 127.0.0.1\n  Port 9\n")
    done = host_shell.run('cd release && fab -S "$SSH_CONFIG" rollback', tmp_path / "config")
    assert done.status == 1 and "Unable to connect to port 9 on 127.0.0.1" in done.out


def test_what_mends_the_stampede_in_lesson_07_fits_the_site_of_today():
    patch = paths.ROOT / "notebooks" / "cache" / "once.patch"
    subprocess.run(["git", "apply", "--check", f"--directory={SITE.name}", patch], cwd=paths.ROOT, check=True)
