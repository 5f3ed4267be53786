"""The fabfile of lesson 09: what it does in which order, and what it takes back where something fails."""

import importlib.util
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from invoke import Exit, Result, UnexpectedExit

from deploylab.core import paths
from deploylab.lessons import host_shell

RELEASE = paths.ROOT / "notebooks" / "release"


@pytest.fixture
def fab():
    spec = importlib.util.spec_from_file_location("fabfile", RELEASE / "fabfile.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


STEPS = ["pip", "check", "collectstatic", "compress", "migrate"]
# Each answers as the program of its name would on a server; {root} is that server's folder.
PROGRAMS = {
    "python3": """
        mkdir -p $3/bin && for name in pip python; do ln -s {root}/bin/in-a-release $3/bin/$name; done""",
    "in-a-release": """
        for word; do case " $FAILS " in *" $word "*) echo "no $word" >&2; exit 1 ;; esac; done
        case "$FAILS $0" in pip*/pip) echo "no pip" >&2; exit 1 ;; esac
        case "$2" in collectstatic) echo x > $DJANGO_STATIC_ROOT/site.$(basename $RELEASE).css ;; esac""",
    "supervisorctl": "echo $* >> {root}/calls",
    "systemctl": "echo $* >> {root}/calls; rm {root}/next {root}/run/*",
    "systemd-run": """
        echo $* | grep -o 'RELEASE=[^;]*' | cut -d= -f2 > {root}/next
        {python} -c 'import socket; socket.socket(socket.AF_UNIX).bind("{root}/run/nginx.next.sock")'""",
    "install": "mkdir -p $4",
    "cp": "exec /bin/cp -aln $3 $4",  # the guest's cp knows --update=none; this computer's may not
    "curl": """
        for url; do :; done
        case "$*" in *next.sock*) at=$(cat {root}/next) ;; *) at=$(readlink -f {root}/site/app) ;; esac
        case "$*" in *--unix-socket*) from=socket ;; *) from=port ;; esac
        case $url in
            */healthz/) printf 'ok200' ;;
            *.css) [ -e {root}/site${url#*8003} ] && printf 200 || printf 404 ;;
            *) [ -e $at/bad-from-$from ] && printf 'Server Error500' ||
                printf '<link href="/static/site.%s.css"></html>200' $(basename $at) ;;
        esac""",
}


class Server:
    """A server that is a folder of this computer: the fabfile's commands run for real, on small programs.

    Args:
        fab: the fabfile; its SITE and sockets are set to that folder.
    """

    def __init__(self, fab, root: Path):
        self.root, self.site, self.commit, self.fails, self.files = root, root / "site", "abc1234", "", {}
        self.commands: list[str] = []
        for name in ("bin", "run", "site/releases/0-first/static", "upload"):
            (root / name).mkdir(parents=True)
        (root / "site/releases/0-first/static/site.0-first.css").touch()
        for link, to in {"app": "releases/0-first", "static": "app/static"}.items():
            (self.site / link).symlink_to(to)
        for name, text in PROGRAMS.items():
            text = text.replace("{root}", str(root)).replace("{python}", sys.executable)
            (root / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
            (root / "bin" / name).chmod(0o755)
        (root / "nginx.env").write_text(
            f"VENV={self.site}\nRELEASE=${{RELEASE:-{self.site}/app}}\n"
            "if [ -r $RELEASE/release.env ]; then . $RELEASE/release.env; fi\n")
        fab.SITE, fab.SOCKET, fab.NEXT = str(self.site), f"{root}/run/nginx.sock", f"{root}/run/nginx.next.sock"

    def local(self, command, **_):
        return SimpleNamespace(stdout=f"{self.commit}\n")

    def put(self, path):
        for name in ("requirements-production.txt", *self.files):
            (self.root / "upload" / name).touch()
        subprocess.run(["tar", "-cf", self.root / "release.tar", "-C", self.root / "upload", "."], check=True)

    def sudo(self, command, **options):
        return self.run(command, **options)

    def run(self, command, *, warn=False, **_):
        self.commands.append(command)
        environment = {"PATH": f"{self.root}/bin:{os.environ['PATH']}", "FAILS": self.fails}
        done = subprocess.run(["sh", "-c", command.replace("/etc/deploylab", str(self.root))], env=environment,
                              cwd=self.root, capture_output=True, text=True)
        result = Result(command=command, stdout=done.stdout, stderr=done.stderr, exited=done.returncode)
        if done.returncode and not warn:
            raise UnexpectedExit(result)
        return result

    def release(self, fab, commit: str, *files: str, fails: str = "") -> None:
        """Release a commit with these files, on a server where a step fails."""
        self.commit, self.files, self.fails = commit, files, fails
        try:
            fab.release.body(self)
        finally:
            self.fails = ""
            for name in files:
                (self.root / "upload" / name).unlink()

    @property
    def app(self) -> str:
        """The commit that visitors get."""
        return (self.site / "app").resolve().name.rpartition("-")[2]

    @property
    def releases(self) -> set[str]:
        return {path.name.rpartition("-")[2] for path in (self.site / "releases").iterdir()}


@pytest.fixture
def server(fab, tmp_path):
    return Server(fab, tmp_path)


def place(server: Server, *words: str) -> list[int]:
    """The index of the first command that contains each of these words."""
    return [next(i for i, command in enumerate(server.commands) if word in command) for word in words]


def test_a_release_is_complete_and_looked_at_before_the_switch_and_after_it(fab, server):
    server.release(fab, "abc1234")
    order = place(server, "pip install", "manage.py check", "migrate", "systemd-run", "next.sock http", "mv -T",
                  "supervisorctl restart", "systemctl stop")
    assert order == sorted(order)
    assert server.app == "abc1234"
    assert (server.site / "app/venv/bin/pip").exists()
    assert (server.site / "app/release.env").read_text().split() == [
        f"VENV={server.site}/releases/{name}/venv" for name in [(server.site / "app").resolve().name]] + [
        f"DJANGO_STATIC_ROOT={(server.site / 'app').resolve()}/static", "DJANGO_STATIC_FILES=hashed"]


@pytest.mark.parametrize("step", STEPS)
def test_a_release_that_fails_at_a_step_is_gone_and_nothing_was_switched(fab, server, step):
    server.release(fab, "good000")
    with pytest.raises(Exit, match=rf"NOT RELEASED: .*no {step}.* Visitors have .*-good000, which is good"):
        server.release(fab, "bad0000", fails=step)
    assert server.app == "good000" and server.releases == {"first", "good000"}
    fab.rollback.body(server)
    assert server.app == "first"


def test_a_release_with_bad_pages_never_reaches_a_visitor(fab, server):
    with pytest.raises(Exit, match="NOT RELEASED: / gave 500. Visitors have .*/0-first, which is good"):
        server.release(fab, "bad0000", "bad-from-socket")
    assert not any("mv -T" in command for command in server.commands)
    assert server.app == "first" and server.releases == {"first"}


def test_a_release_that_turns_out_to_be_bad_after_the_switch_is_taken_back(fab, server):
    with pytest.raises(Exit, match="NOT RELEASED: / gave 500. Visitors have .*/0-first, which is good"):
        server.release(fab, "bad0000", "bad-from-port")
    assert any("mv -T" in command for command in server.commands)
    assert server.app == "first" and server.releases == {"first"}


@pytest.mark.parametrize("broke_off", ["pip install", "manage.py migrate", "supervisorctl restart"])
def test_no_rollback_returns_to_a_release_that_broke_off(fab, server, broke_off, monkeypatch):
    """The connection is lost, say: nothing of the fabfile runs any more, not even what would tidy up."""
    server.release(fab, "good000")
    run = server.run

    def until(command, **options):
        if broke_off in command or (server.lost and "systemctl" not in command):
            server.lost = True
            raise ConnectionError
        return run(command, **options)

    server.lost, server.run = False, until
    with pytest.raises(ConnectionError):
        server.release(fab, "bad0000")
    server.run = run
    assert "bad0000" in server.releases
    server.release(fab, "new0000")
    assert "bad0000" not in server.releases
    fab.rollback.body(server)
    assert server.app == "good000"


def test_rollback_goes_to_the_release_before_and_no_further_than_the_first(fab, server, capsys):
    server.release(fab, "abc1234")
    fab.rollback.body(server)
    assert server.app == "first" and re.search("Back at .*0-first: good", capsys.readouterr().out)
    with pytest.raises(Exit, match="no release before"):
        fab.rollback.body(server)


def test_nobody_goes_back_to_what_was_rolled_back(fab, server):
    for commit in ("good000", "mistake"):
        server.release(fab, commit)
    fab.rollback.body(server)
    server.release(fab, "new0000")
    fab.rollback.body(server)
    assert server.app == "good000"


def test_a_page_that_is_open_still_finds_its_style_sheet_after_a_release_and_after_a_rollback(fab, server):
    server.release(fab, "abc1234")
    names = {path.name for path in (server.site / "static").iterdir()}
    assert len(names) == 2 and "site.0-first.css" in names
    fab.rollback.body(server)
    assert {path.name for path in (server.site / "static").iterdir()} == names


def test_only_so_many_releases_stay_on_the_disk(fab, server):
    for number in range(fab.KEPT + 2):
        server.release(fab, f"number{number}")
    assert len(server.releases) == fab.KEPT and server.app == f"number{fab.KEPT + 1}"


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
