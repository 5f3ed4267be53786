"""`./lab` from a bare Python to the hand-over, in small clones of its own."""

import ast
import fcntl
import http.server
import importlib.machinery
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import tomllib
from pathlib import Path

import pytest
from lab_helpers import ROOT, STUB_CLI, copy_bootstrap, environ, lab, make_clone, serving, write_pyproject
from waiting import until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    """A clone in a folder with a space and letters beyond ASCII, its environment made by `./lab status`."""
    place = make_clone(tmp_path_factory.mktemp("clone") / "mi año ☕")
    done = lab(place, "status", "--json")
    assert done.returncode == 0, done.stderr
    place.joinpath("first.json").write_text(json.dumps([done.stdout, done.stderr]))
    return place


@pytest.fixture
def bare(tmp_path) -> Path:
    """A clone where nothing is installed."""
    return make_clone(tmp_path / "bare")


# --- before there is anything


@pytest.mark.parametrize("args", [(), ("--help",), ("measure", "--help")])
def test_help_on_a_fresh_clone_installs_nothing(bare, args):
    done = lab(bare, *args)
    assert done.returncode == 0
    assert "./lab COMMAND" in done.stdout
    assert "Nothing is installed yet" in done.stdout
    assert not (bare / ".venv").exists()
    assert not (bare / ".lab").exists()


def test_the_version_is_said_at_once_and_installs_nothing(bare):
    text = (ROOT / "pyproject.toml").read_text()
    (bare / "pyproject.toml").write_text(text)
    done = lab(bare, "--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"deploylab {tomllib.loads(text)['project']['version']}\n"
    assert not (bare / ".venv").exists() and not (bare / ".lab").exists()


def test_help_on_a_terminal_that_is_not_utf_8(bare):
    done = lab(bare, "--help", PYTHONIOENCODING="ascii")
    assert done.returncode == 0 and "run [STAGE ?]" in done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_is_printed_where_nothing_is_installed(bare, shell):
    """A shell reads it whenever it starts: that must neither wait nor install."""
    done = lab(bare, "completion", shell)
    assert (done.returncode, done.stderr) == (0, "") and str(bare / "lab") in done.stdout
    assert not (bare / ".venv").exists() and not (bare / ".lab").exists()


def test_tab_installs_nothing(bare):
    done = lab(bare, _LAB_COMPLETE="complete_fish", _TYPER_COMPLETE_ARGS="./lab go")
    assert (done.stdout, done.stderr) == ("", "")
    assert not (bare / ".venv").exists() and not (bare / ".lab").exists()


def load_lab():
    """The file `lab` as a module."""
    loader = importlib.machinery.SourceFileLoader("lab_script", str(ROOT / "lab"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("lab_script", loader))
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    loader.exec_module(module)
    sys.dont_write_bytecode = before
    return module


def test_an_old_python_gets_one_sentence(monkeypatch, capsys):
    ast.parse((ROOT / "lab").read_text(), feature_version=(3, 6))
    script = load_lab()
    monkeypatch.setattr(script, "OLDEST", (99,))
    assert script.main() == 1
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "needs Python 3.11 or newer" in message


def test_the_warm_path_imports_next_to_nothing():
    probe = "import sys; sys.path.insert(0, sys.argv[1]); import deploylab.bootstrap; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-ESc", probe, ROOT], capture_output=True, text=True, check=True)
    assert not {"pathlib", "re", "subprocess", "hashlib", "tomllib", "urllib"} & set(done.stdout.split())


# --- a whole run


def test_the_first_command_makes_the_environment_and_says_so(clone):
    stdout, stderr = json.loads((clone / "first.json").read_text())
    seen = json.loads(stdout)  # stdout carries the command's one document and nothing else
    assert seen["args"] == ["status", "--json"]
    assert seen["prefix"] == str(clone / ".venv")
    assert seen["package"] == str(clone / "deploylab" / "__init__.py")
    for text in ("[1/3]", "[2/3] pip", "[3/3] packages", ".lab/log/install.log", "ready after"):
        assert text in stderr
    assert "\x1b" not in stderr  # no living line where no terminal is
    assert "tiny-1.0" in (clone / ".lab/log/install.log").read_text()  # the version of constraints.txt


def test_the_environment_knows_the_package_without_us(clone, tmp_path):
    """As in the kernel that an editor starts for a lesson: nobody says PYTHONPATH to it."""
    done = subprocess.run([clone / ".venv/bin/python", "-c", "import deploylab; print(deploylab.__file__)"],
                          cwd=tmp_path, capture_output=True, text=True, env={"LC_ALL": "C"})
    assert done.stdout == f"{clone}/deploylab/__init__.py\n", done.stderr


def test_a_warm_start_does_no_work(clone, tmp_path):
    log = clone / ".lab/log/install.log"
    before = log.stat().st_mtime_ns
    (tmp_path / "json.py").write_text("raise SystemExit('an attendee file of this name must not be imported')")
    done = lab(clone, "goto", "nginx", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert json.loads(done.stdout)["args"] == ["goto", "nginx"]
    assert json.loads(done.stdout)["cwd"] == str(tmp_path)
    assert json.loads(done.stdout)["held_back"] == [signal.SIGINT]  # until the command line is ready for Ctrl-C
    assert (done.stderr, log.stat().st_mtime_ns) == ("", before)
    assert json.loads(lab(clone).stdout)["args"] == ["--help"]


def test_another_command_adds_its_packages(clone):
    assert not list(clone.glob(".venv/lib/*/site-packages/tinytest.py"))
    assert lab(clone, "test", "--fast").returncode == 0
    assert list(clone.glob(".venv/lib/*/site-packages/tinytest.py"))
    assert lab(clone, "test", "--fast").stderr == ""


def test_a_package_cut_in_the_middle_is_installed_anew(clone):
    [module] = clone.glob(".venv/lib/*/site-packages/tiny.py")
    [record] = clone.glob(".venv/lib/*/site-packages/tiny-*.dist-info/RECORD")
    (clone / ".venv/deploylab-core.stamp").unlink()
    module.unlink()
    record.unlink()
    assert lab(clone, "status").returncode == 0
    assert module.exists()


def test_new_constraints_are_followed(clone):
    constraints = clone / "constraints.txt"
    before = constraints.read_text()
    constraints.write_text(before.replace("tiny==1.0", "tiny==2.0"))
    assert lab(clone, "status").returncode == 0
    assert list(clone.glob(".venv/lib/*/site-packages/tiny-2.0.dist-info"))
    constraints.write_text(before)


def test_no_network_is_one_clear_message(clone):
    (clone / ".venv/deploylab-core.stamp").unlink()
    write_pyproject(clone, "tiny", "absent")
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:1/simple", "PIP_NO_INDEX": "", "PIP_RETRIES": "1"}
    done = lab(clone, "status", **nowhere)
    write_pyproject(clone, "tiny")
    assert done.returncode == 1
    assert "No network" in done.stderr
    assert "From .lab/log/install.log" in done.stderr
    assert done.stderr.endswith("Next: ./lab status\n")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


# --- two at once, and Ctrl-C


def start_lab(clone: Path, **more: str) -> subprocess.Popen:
    """`./lab status`, going on."""
    command = [sys.executable, clone / "lab", "status"]
    return subprocess.Popen(command, cwd=clone, env=environ(clone, **more), stderr=subprocess.PIPE, text=True)


def test_the_second_lab_waits_says_for_whom_and_can_be_stopped(bare):
    (bare / ".lab").mkdir()
    with open(bare / ".lab/install.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("process 4711, ./lab run --quick")
        lock.flush()
        second = start_lab(bare)
        line = second.stderr.readline()
        second.send_signal(signal.SIGINT)
        rest = second.communicate(timeout=10)[1]
    assert "waiting for another lab" in line
    assert "(process 4711, ./lab run --quick)" in line
    assert second.returncode == 130
    assert rest.endswith("Next: ./lab status\n")
    assert not (bare / ".venv").exists()


def test_after_waiting_it_does_not_install_again(clone):
    assert lab(clone, "status").returncode == 0
    stamp = clone / ".venv/deploylab-core.stamp"
    text = stamp.read_text()
    stamp.unlink()
    with open(clone / ".lab/install.lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = start_lab(clone)
        assert "waiting" in second.stderr.readline()
        stamp.write_text(text)  # as the first lab does when it is done
    assert "[3/3]" not in second.communicate(timeout=10)[1]
    assert second.returncode == 0


def test_ctrl_c_during_the_installation_and_the_next_run_picks_up(clone):
    requested, answer = threading.Event(), threading.Event()

    class Silent(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            requested.set()
            answer.wait(20)
            self.close_connection = True

    (clone / ".venv/deploylab-core.stamp").unlink(missing_ok=True)
    write_pyproject(clone, "tiny", "slow")
    with serving(clone, Silent) as url:
        running = start_lab(clone, PIP_INDEX_URL=url, PIP_NO_INDEX="")
        assert requested.wait(20)
        running.send_signal(signal.SIGINT)
        message = running.communicate(timeout=10)[1]
        answer.set()
    write_pyproject(clone, "tiny")
    assert running.returncode == 130
    assert "stopped. What was done is kept.\nNext: ./lab status\n" in message
    assert "Traceback" not in message
    with open(clone / ".lab/install.lock") as lock:  # its pip is gone too, else it would hold the lock
        until(lambda: can_lock(lock))
    assert lab(clone, "status").returncode == 0


def can_lock(file) -> bool:
    """True if nobody holds the lock."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


# --- a broken environment


@pytest.mark.slow
def test_a_moved_clone_is_rebuilt(clone):
    """The last test on this clone: it ends in another place."""
    assert lab(clone, "status").returncode == 0
    moved = clone.rename(clone.with_name("moved"))
    done = lab(moved, "status")
    clone.parent.joinpath("moved").rename(clone)
    assert done.returncode == 0, done.stderr
    assert "broken or was moved" in done.stderr
    assert json.loads(done.stdout)["prefix"] == str(moved / ".venv")


# --- with the real package index


@pytest.mark.thorough
@pytest.mark.machine
def test_a_clone_installs_itself_from_the_real_index(tmp_path):
    place = tmp_path / "clone"
    copy_bootstrap(place)
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, place / name)
    (place / "deploylab" / "cli.py").write_text("import pyinfra, matplotlib, scipy, typer\n" + STUB_CLI)
    clean = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    for expected in ("ready after", ""):
        done = subprocess.run([place / "lab", "status"], env=clean, capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, done.stderr
        assert expected in done.stderr
    assert done.stderr == ""


def test_a_git_that_is_set_up_for_windows_changes_no_line(tmp_path):
    """With core.autocrlf, `lab` and what is sent to the machine would end their lines with a carriage return."""
    clone = tmp_path / "clone"
    subprocess.run(["git", "-c", "core.autocrlf=true", "clone", "-q", "--shared", ROOT, clone], check=True)
    listed = subprocess.run(["git", "-C", clone, "ls-files", "-z"], capture_output=True, check=True).stdout.split(b"\0")
    with_returns = [name.decode() for name in listed if name and b"\r\n" in (clone / name.decode()).read_bytes()
                    and b"\r\n" not in (ROOT / name.decode()).read_bytes()]
    assert with_returns == []
    done = subprocess.run([clone / "lab", "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
