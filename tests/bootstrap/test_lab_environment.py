"""`.venv`: when it is broken, what is put into it, and what `./lab` says when it cannot be made."""

import errno
import io
import os
import signal
import sys
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest
from lab_helpers import environ, make_clone

from deploylab import bootstrap
from deploylab.bootstrap import clone, environment, get_pip, progress
from deploylab.core.errors import HostError


@pytest.fixture
def bare(tmp_path) -> Path:
    """A clone where nothing is installed."""
    return make_clone(tmp_path / "bare")


@pytest.fixture
def builder(bare, monkeypatch) -> environment.Builder:
    """What makes `.venv`, with nothing made yet; the functions under test look into `bare`."""
    monkeypatch.setattr(clone, "ROOT", str(bare))
    made = environment.Builder("core", ["status"], progress.StatusLine(), 0)
    made.log.parent.mkdir(parents=True)
    made.log.write_text("")
    return made


def test_the_stamp_follows_everything_it_depends_on(builder, bare, monkeypatch):
    (bare / ".venv/bin").mkdir(parents=True)
    (bare / ".venv/bin/python").symlink_to(sys.executable)
    Path(clone.stamp_path("test")).write_text(clone.stamp_text("test"))
    assert clone.is_ready("test")
    assert not clone.is_ready("core")
    (bare / "sample_app").mkdir()
    for name in ("constraints.txt", "pyproject.toml", "sample_app/requirements.txt"):
        before = clone.read(str(bare / name))
        (bare / name).write_text(before + "\n# changed\n")
        assert not clone.is_ready("test"), name
        (bare / name).write_text(before)
        assert clone.is_ready("test") == (name != "sample_app/none")
    (bare / ".venv/bin/python").unlink()
    (bare / ".venv/bin/python").symlink_to("/nonexistent/python3")  # the Python it was made from is gone
    assert not clone.is_ready("test")


@pytest.mark.parametrize("broken", ["absent", "a file", "dangling", "no pip"])
def test_an_unhealthy_environment_is_noticed(builder, broken):
    if broken == "a file":
        builder.venv.write_text("")
    elif broken == "dangling":
        builder.python.parent.mkdir(parents=True)
        builder.python.symlink_to("/nonexistent/python3")
    elif broken == "no pip":
        builder.make_venv()
    assert not builder.is_healthy()


def test_a_file_or_a_dead_link_in_its_place_is_replaced(builder):
    builder.venv.symlink_to("/nonexistent/folder")
    builder.make_venv()
    assert builder.python.exists()


# --- what it says when it cannot


@pytest.mark.parametrize(
    ("line", "what", "next_step"),
    [
        ("ERROR: Could not install: [Errno 28] No space left on device", "disk is full", "df -h . && ./lab status"),
        ("[Errno 13] Permission denied: '/x'", "may not be written to", "ls -ld . && ./lab status"),
        ("[SSL: CERTIFICATE_VERIFY_FAILED]", "certificate is not trusted", "export PIP_CERT="),
        ("Temporary failure in name resolution\nERROR: No matching distribution", "No network", "./lab status"),
        ("ERROR: No matching distribution found for tiny==9", "constraints.txt", "./lab status"),
        ("ERROR: Could not find a version (from versions: none)", "is there a network?", "./lab status"),
        ("something else at https://me:secret@index.example/simple", "Packages", "./lab status"),
    ],
)
def test_a_failure_says_cause_log_and_next_step(builder, line, what, next_step):
    builder.log.write_text(f"./lab status\n\n$ earlier\nTemporary failure\n\n$ pip install\n{line}\n")
    error = builder.failed("Packages could not be installed.")
    assert what in error.what
    assert line.splitlines()[-1].replace("me:secret", "***") in error.what
    assert error.next_step.startswith(next_step)
    assert "secret" not in str(error)


@pytest.mark.parametrize(("number", "what"), [(errno.EROFS, "not be written"), (errno.ENOSPC, "disk is full")])
def test_a_folder_that_cannot_be_written_is_one_clear_message(builder, monkeypatch, number, what):
    def refuse(*_):
        raise OSError(number, os.strerror(number), ".lab/install.lock")

    monkeypatch.setattr(environment, "only_one", refuse)
    with pytest.raises(HostError, match=what) as caught:
        environment.prepare("core", ["status"])
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    assert caught.value.next_step.endswith("./lab status")


@pytest.mark.parametrize(("user", "sudo", "typed"), [
    (0, "/usr/bin/sudo", "apt-get update && apt-get install {} && ./lab status"),
    (1000, "/usr/bin/sudo", "sudo apt-get update && sudo apt-get install {} && ./lab status"),
    (1000, None, "su -c 'apt-get update && apt-get install {}' && ./lab status"),
])
def test_without_any_way_to_pip_every_way_is_named(builder, monkeypatch, user, sudo, typed):
    def closed(build):
        raise get_pip.NotThisWay("closed here")

    for way in ("from_ensurepip", "from_host_pip", "from_distribution"):
        monkeypatch.setattr(get_pip, way, closed)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(get_pip.shutil, "which", lambda name: sudo if name == "sudo" else f"/usr/bin/{name}")
    builder.log.write_text("$ pip install pip\nERROR: Could not find a version (from versions: none)\n")
    with pytest.raises(HostError, match="every way to get it failed") as caught:
        get_pip.get_pip(builder)
    assert caught.value.what.count("closed here") == 3
    assert caught.value.next_step == typed.format(f"python3.{sys.version_info[1]}-venv")


@pytest.mark.slow
def test_the_pip_beside_python_installs_one_into_the_environment(builder, bare, monkeypatch):
    """The pip that runs the tests, made a wheel again, from a folder: no network is needed."""
    pip = distribution("pip")
    with zipfile.ZipFile(bare / f"wheels/pip-{pip.version}-py3-none-any.whl", "w") as wheel:
        for file in pip.files:
            if ".." not in file.parts and "__pycache__" not in file.parts:
                wheel.write(file.locate(), str(file))
    for name, text in environ(bare).items():
        monkeypatch.setenv(name, text)
    monkeypatch.setattr(get_pip, "host_python", lambda: sys.executable)
    builder.make_venv()
    get_pip.from_host_pip(builder)
    assert builder.is_healthy()
    builder.make_venv()
    monkeypatch.setattr(get_pip, "host_python", lambda: builder.python)  # as on a bare Debian: it has none
    with pytest.raises(get_pip.NotThisWay, match="no pip"):
        get_pip.from_host_pip(builder)


@pytest.mark.parametrize(
    ("args", "variables", "yes"),
    [
        (["up"], {}, False),
        (["up", "--yes"], {}, True),
        (["up"], {"CI": "true"}, True),
        (["up"], {"CI": "false"}, False),
        (["up"], {"DEPLOYLAB_YES": "1"}, True),
    ],
)
def test_sudo_needs_a_yes(builder, monkeypatch, args, variables, yes):
    for name in ("CI", "DEPLOYLAB_YES"):
        monkeypatch.delenv(name, raising=False)
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(get_pip.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    builder.args = args
    if yes:
        assert get_pip.may_install(builder) == ["sudo", "-n"]
    else:
        with pytest.raises(get_pip.NotThisWay, match="--yes agrees"):
            get_pip.may_install(builder)


# --- what is needed


@pytest.mark.parametrize(
    ("args", "group"),
    [
        (["test", "--fast"], "test"),
        (["--machine", "local", "open"], "open"),
        (["--machine", "test", "status"], "core"),
        (["--yes", "site"], "site"),
        (["goto", "test"], "core"),
        (["--version"], "core"),
    ],
)
def test_the_verb_decides_what_is_installed(args, group):
    assert bootstrap.group_of(args) == group


def test_an_extra_may_name_another(builder, bare):
    text = '[project]\nname = "deploylab"\ndependencies = ["a"]\n[project.optional-dependencies]\n'
    (bare / "pyproject.toml").write_text(f'{text}notebooks = ["b"]\ntest = ["deploylab[notebooks]", "c"]\n')
    (bare / "sample_app").mkdir()
    (bare / "sample_app/requirements.txt").write_text("Django\n")
    assert environment.requirements("core") == environment.requirements("site") == ["a"]
    assert environment.requirements("open") == ["a", "b"]
    assert environment.requirements("test") == ["a", "b", "c", "-r", str(bare / "sample_app/requirements.txt")]


def test_pips_lines_become_one(builder):
    watch = progress.PipWatch(builder.venv)
    assert watch.see(["Collecting numpy (from x)"]) == "1 found, looking for numpy"
    wheel = "numpy-2.4.6-cp311-cp311-manylinux.whl"
    watch.see([f"  Downloading {wheel}.metadata (62 kB)", f"  Downloading https://index.example/{wheel} (16.9 MB)"])
    assert watch.now == "1 found, 17 MB, downloading numpy (16.9 MB)"
    assert watch.see(["Installing collected packages: six, numpy"]) == "installing 1 of 2: six"
    (builder.venv / "lib/python3.11/site-packages/six-1.dist-info").mkdir(parents=True)
    assert watch.see([]) == "installing 2 of 2: numpy"
