"""`./lab` from a bare Python to the hand-over, in small clones of its own.

The packages here are two tiny wheels made on the spot, so no network is needed.
"""

import ast
import contextlib
import errno
import fcntl
import functools
import hashlib
import http.server
import importlib.machinery
import importlib.util
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from deploylab import bootstrap
from deploylab.bootstrap import environment, get_pip, index, progress
from deploylab.errors import HostError

ROOT = Path(__file__).resolve().parent.parent

# Stands in for the real command line: says where it runs, needs nothing.
STUB_CLI = """\
import json, os, sys
import deploylab
print(json.dumps({"args": sys.argv[1:], "prefix": sys.prefix, "cwd": os.getcwd(), "package": deploylab.__file__}))
"""


def make_wheel(folder: Path, name: str, version: str, files: dict[str, str] | None = None) -> Path:
    """A wheel with just enough in it for pip."""
    info = f"{name}-{version}.dist-info"
    files = files or {f"{name}.py": ""}
    files |= {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for place, text in (files | {f"{info}/RECORD": record}).items():
            wheel.writestr(place, text)
    return path


def write_pyproject(clone: Path, *names: str) -> None:
    """The clone's list of packages."""
    extras = 'test = ["tinytest"]'
    text = f'[project]\nname = "deploylab"\ndependencies = {json.dumps(names)}\n'
    (clone / "pyproject.toml").write_text(f"{text}[project.optional-dependencies]\n{extras}\n")


def make_clone(clone: Path) -> Path:
    """A clone that needs only the package `tiny`, and a folder of wheels beside it."""
    package = clone / "deploylab"
    shutil.copytree(ROOT / "deploylab" / "bootstrap", package / "bootstrap")
    for name in ("lab", "deploylab/__init__.py", "deploylab/errors.py"):
        shutil.copy(ROOT / name, clone / name)
    (package / "cli.py").write_text(STUB_CLI)
    (clone / "constraints.txt").write_text("tiny==1.0\ntinytest==1.0\n")
    write_pyproject(clone, "tiny")
    wheels = clone / "wheels"
    wheels.mkdir()
    for name in ("tiny", "tinytest"):
        make_wheel(wheels, name, "1.0")
    make_wheel(wheels, "tiny", "2.0")
    return clone


def environ(clone: Path, **more: str) -> dict[str, str]:
    """An environment without this computer's pip settings; the wheels lie in a folder."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
    ours = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": (clone / "wheels").as_uri()}
    return {name: text for name, text in (kept | ours | more).items() if text}


def lab(clone: Path, *args: str, cwd: Path | None = None, **more: str) -> subprocess.CompletedProcess:
    """`./lab ARGS`, to its end."""
    command = [sys.executable, clone / "lab", *args]
    done = subprocess.run(command, cwd=cwd or clone, env=environ(clone, **more), capture_output=True, timeout=90)
    return subprocess.CompletedProcess(args, done.returncode, done.stdout.decode(), done.stderr.decode())


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


@pytest.fixture
def builder(bare, monkeypatch) -> environment.Builder:
    """What makes `.venv`, with nothing made yet; the functions under test look into `bare`."""
    monkeypatch.setattr(bootstrap, "ROOT", str(bare))
    made = environment.Builder("core", ["status"], progress.Progress(), 0)
    made.log.parent.mkdir(parents=True)
    made.log.write_text("")
    return made


# --- before there is anything


@pytest.mark.parametrize("args", [(), ("--help",), ("measure", "--help")])
def test_help_on_a_fresh_clone_installs_nothing(bare, args):
    done = lab(bare, *args)
    assert done.returncode == 0
    assert "./lab VERB" in done.stdout
    assert "Nothing is installed yet" in done.stdout
    assert not (bare / ".venv").exists()
    assert not (bare / ".lab").exists()


def test_help_knows_the_verbs_of_the_command_line():
    command = [sys.executable, "-P", "-m", "deploylab.cli", "--help"]
    places = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", "COLUMNS": "100"}
    done = subprocess.run(command, env=places, capture_output=True, encoding="utf-8")
    if done.returncode:
        pytest.skip("the command line does not start; its own tests say why")
    lines = bootstrap.HELP.partition("\n\n")[2].splitlines()
    told = " ".join(line[:21] for line in lines if line.startswith("  "))
    shown = re.findall(r"(?m)^[│|] ([a-z]+) ", done.stdout)
    assert sorted(re.findall(r"\b[a-z]+\b", told)) == sorted(shown)


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
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "needs Python 3.11 or newer" in said


def test_the_warm_path_imports_next_to_nothing():
    probe = "import sys; sys.path.insert(0, sys.argv[1]); import deploylab.bootstrap; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-ESc", probe, ROOT], capture_output=True, text=True, check=True)
    assert not {"pathlib", "re", "subprocess", "hashlib", "tomllib", "urllib"} & set(done.stdout.split())


# --- a whole run


def test_the_first_verb_makes_the_environment_and_says_so(clone):
    stdout, stderr = json.loads((clone / "first.json").read_text())
    seen = json.loads(stdout)  # stdout carries the verb's one document and nothing else
    assert seen["args"] == ["status", "--json"]
    assert seen["prefix"] == str(clone / ".venv")
    assert seen["package"] == str(clone / "deploylab" / "__init__.py")
    for text in ("[1/3]", "[2/3] pip", "[3/3] packages", ".lab/log/install.log", "ready after"):
        assert text in stderr
    assert "\x1b" not in stderr  # no living line where no terminal is
    assert "tiny-1.0" in (clone / ".lab/log/install.log").read_text()  # the version of constraints.txt


def test_a_warm_start_does_no_work(clone, tmp_path):
    log = clone / ".lab/log/install.log"
    before = log.stat().st_mtime_ns
    (tmp_path / "json.py").write_text("raise SystemExit('an attendee file of this name must not be imported')")
    began = time.monotonic()
    done = lab(clone, "goto", "nginx", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert time.monotonic() - began < 1
    assert json.loads(done.stdout)["args"] == ["goto", "nginx"]
    assert json.loads(done.stdout)["cwd"] == str(tmp_path)
    assert (done.stderr, log.stat().st_mtime_ns) == ("", before)
    assert json.loads(lab(clone).stdout)["args"] == ["--help"]


def test_another_verb_adds_its_packages(clone):
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


def wait_until(true, seconds: float = 20) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def test_the_second_lab_waits_says_for_whom_and_can_be_stopped(bare):
    (bare / ".lab").mkdir()
    with open(bare / ".lab/install.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("process 4711, ./lab run --quick")
        lock.flush()
        second = start_lab(bare)
        said = second.stderr.readline()
        second.send_signal(signal.SIGINT)
        rest = second.communicate(timeout=10)[1]
    assert "waiting for another lab" in said
    assert "(process 4711, ./lab run --quick)" in said
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


@contextlib.contextmanager
def serving(folder: Path, handler=http.server.SimpleHTTPRequestHandler):
    """A package index on a free port of this computer."""
    quiet = type("Quiet", (handler,), {"log_message": lambda *_: None})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(quiet, directory=str(folder)))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_ctrl_c_during_the_installation_and_the_next_run_picks_up(clone):
    asked, answer = threading.Event(), threading.Event()

    class Silent(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            asked.set()
            answer.wait(20)
            self.close_connection = True

    (clone / ".venv/deploylab-core.stamp").unlink(missing_ok=True)
    write_pyproject(clone, "tiny", "slow")
    with serving(clone, Silent) as url:
        running = start_lab(clone, PIP_INDEX_URL=url, PIP_NO_INDEX="")
        assert asked.wait(20)
        running.send_signal(signal.SIGINT)
        said = running.communicate(timeout=10)[1]
        answer.set()
    write_pyproject(clone, "tiny")
    assert running.returncode == 130
    assert "stopped. What was done is kept.\nNext: ./lab status\n" in said
    assert "Traceback" not in said
    with open(clone / ".lab/install.lock") as lock:  # its pip is gone too, else it would hold the lock
        wait_until(lambda: can_lock(lock))
    assert lab(clone, "status").returncode == 0


def can_lock(file) -> bool:
    """True if nobody holds the lock."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


# --- a broken environment


def test_a_moved_clone_is_rebuilt(clone):
    """The last test on this clone: it ends in another place."""
    assert lab(clone, "status").returncode == 0
    moved = clone.rename(clone.with_name("moved"))
    done = lab(moved, "status")
    clone.parent.joinpath("moved").rename(clone)
    assert done.returncode == 0, done.stderr
    assert "broken or was moved" in done.stderr
    assert json.loads(done.stdout)["prefix"] == str(moved / ".venv")


def test_the_stamp_follows_everything_it_depends_on(builder, bare, monkeypatch):
    (bare / ".venv/bin").mkdir(parents=True)
    (bare / ".venv/bin/python").symlink_to(sys.executable)
    Path(bootstrap.stamp_path("test")).write_text(bootstrap.stamp_text("test"))
    assert bootstrap.is_ready("test")
    assert not bootstrap.is_ready("core")
    (bare / "sample_app").mkdir()
    for name in ("constraints.txt", "pyproject.toml", "sample_app/requirements.txt"):
        before = bootstrap.read(str(bare / name))
        (bare / name).write_text(before + "\n# changed\n")
        assert not bootstrap.is_ready("test"), name
        (bare / name).write_text(before)
        assert bootstrap.is_ready("test") == (name != "sample_app/none")
    (bare / ".venv/bin/python").unlink()
    (bare / ".venv/bin/python").symlink_to("/nonexistent/python3")  # the Python it was made from is gone
    assert not bootstrap.is_ready("test")


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


def test_without_any_way_to_pip_every_way_is_named(builder, monkeypatch):
    def closed(build):
        raise index.NotThisWay("closed here")

    for way in ("from_ensurepip", "from_host_pip", "from_index", "from_distribution"):
        monkeypatch.setattr(get_pip, way, closed)
    with pytest.raises(HostError, match="no way to get it worked") as caught:
        get_pip.get_pip(builder)
    assert caught.value.what.count("closed here") == 4
    assert caught.value.next_step.endswith("./lab status")


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
        with pytest.raises(index.NotThisWay, match="--yes means yes"):
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
    assert environment.wanted("core") == environment.wanted("site") == ["a"]
    assert environment.wanted("open") == ["a", "b"]
    assert environment.wanted("test") == ["a", "b", "c", "-r", str(bare / "sample_app/requirements.txt")]


def test_pips_lines_become_one(builder):
    watch = progress.PipWatch(builder.venv)
    assert watch.see(["Collecting numpy (from x)"]) == "1 found, looking for numpy"
    wheel = "numpy-2.4.6-cp311-cp311-manylinux.whl"
    watch.see([f"  Downloading {wheel}.metadata (62 kB)", f"  Downloading https://index.example/{wheel} (16.9 MB)"])
    assert watch.now == "1 found, 17 MB, downloading numpy (16.9 MB)"
    assert watch.see(["Installing collected packages: six, numpy"]) == "installing 1 of 2: six"
    (builder.venv / "lib/python3.11/site-packages/six-1.dist-info").mkdir(parents=True)
    assert watch.see([]) == "installing 2 of 2: numpy"


# --- pip's settings


def settings(home: Path, files: dict[str, str], **variables: str) -> index.Settings:
    """pip's settings as read by somebody with this home folder."""
    for name, text in files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    places = {"HOME": str(home), "XDG_CONFIG_DIRS": str(home / "xdg")}
    return index.Settings.read(places | {name: text.format(home=home) for name, text in variables.items()})


USERS = ".config/pip/pip.conf"


@pytest.mark.parametrize(
    ("files", "variables", "indexes"),
    [
        ({USERS: "[global]\nindex-url = http://a/simple"}, {}, ("http://a/simple",)),
        ({USERS: "[global]\nindex_url = http://a/simple"}, {}, ("http://a/simple",)),
        ({".pip/pip.conf": "[global]\nindex-url = http://a"}, {}, ("http://a",)),
        ({"xdg/pip/pip.conf": "[global]\nindex-url = http://a"}, {}, ("http://a",)),
        ({"xdg/pip/pip.conf": "[global]\nindex-url = http://a", USERS: "[global]\nindex-url = http://b"}, {}, ("http://b",)),
        ({"xdg/pip/pip.conf": "[install]\nindex-url = http://a", USERS: "[global]\nindex-url = http://b"}, {}, ("http://a",)),
        ({USERS: "[global]\nindex-url = http://a"}, {"PIP_INDEX_URL": "http://b"}, ("http://b",)),
        ({USERS: "[global]\nextra-index-url =\n  http://a\n  http://b"}, {"PIP_INDEX_URL": "http://c"},
         ("http://c", "http://a", "http://b")),
        ({USERS: "[global]\nindex-url = http://a", "x": "[global]\nindex-url = http://b"},
         {"PIP_CONFIG_FILE": "{home}/x"}, ("http://b",)),
        ({USERS: "[global]\nextra-index-url = http://a", "x": "[global]\ntimeout = 3"},
         {"PIP_CONFIG_FILE": "{home}/x"}, ()),
        ({USERS: "[global]\nindex-url = http://a"}, {"PIP_CONFIG_FILE": os.devnull}, ()),
        ({USERS: "[global]\nindex-url = http://a"}, {"PIP_NO_INDEX": "1"}, ()),
        ({USERS: "no section at all"}, {}, ()),
    ],
)  # fmt: skip
def test_pips_settings_are_read_as_pip_does(tmp_path, monkeypatch, files, variables, indexes):
    every = index.config_files
    mine = lambda environ: [path for path in every(environ) if tmp_path in path.parents]  # noqa: E731
    monkeypatch.setattr(index, "config_files", mine)  # this computer's /etc/pip.conf is not under test
    assert settings(tmp_path, files, **variables).indexes == indexes


def test_certificates_folders_and_time_limit(tmp_path):
    read = settings(tmp_path, {}, PIP_CERT="/a.pem", PIP_FIND_LINKS="/w http://b/", PIP_DEFAULT_TIMEOUT="60")
    assert read.cert == "/a.pem"
    assert read.folders == ("file:///w", "http://b/")
    assert read.timeout_s == 60
    assert settings(tmp_path, {USERS: "[global]\ncert = /c"}, REQUESTS_CA_BUNDLE="/b").cert == "/c"


# --- pip's wheel from an index

FAKE_PIP = "import os, sys\nopen(os.environ['FAKE_PIP_SAYS'], 'w').write(' '.join(sys.argv[1:]))\n"


@pytest.fixture
def store(tmp_path) -> Path:
    """A folder to serve, with the fake wheels of pip in `files/`."""
    files = tmp_path / "store" / "files"
    files.mkdir(parents=True)
    for version in ("9.0", "24.0", "26.1", "99.0"):
        make_wheel(files, "pip", version, {"pip/__main__.py": FAKE_PIP, "pip/__init__.py": ""})
    (files / "pip-30.0.tar.gz").write_text("no wheel")
    return files.parent


def sha256(store: Path, version: str) -> str:
    return hashlib.sha256((store / f"files/pip-{version}-py3-none-any.whl").read_bytes()).hexdigest()


def html_page(store: Path, sha: str | None = None) -> None:
    """A PEP 503 page: 99.0 is for a later Python, 27.0 was withdrawn."""
    page = store / "simple/pip/index.html"
    page.parent.mkdir(parents=True)
    link = '<a href="../../files/pip-{0}-py3-none-any.whl{1}" {2}>pip {0}</a>\n'
    page.write_text(
        "<!DOCTYPE html><html><body>\n"
        + link.format("9.0", "", "")
        + link.format("26.1", "#sha256=" + (sha or sha256(store, "26.1")), 'data-requires-python="&gt;=3.9"')
        + link.format("24.0", "#sha256=" + sha256(store, "24.0"), 'data-requires-python="&gt;=3.7"')
        + link.format("27.0", "", 'data-yanked="bad"')
        + link.format("99.0", "", 'data-requires-python="&gt;=9.0"')
        + '<a href="../../files/pip-30.0.tar.gz">source</a></body></html>'
    )


class JsonIndex(http.server.SimpleHTTPRequestHandler):
    """A PEP 691 page in place of the HTML one."""

    def do_GET(self):
        if not self.path.endswith("/simple/pip/"):
            return super().do_GET()
        store = Path(self.directory)
        file = {"filename": "pip-26.1-py3-none-any.whl", "url": "/files/pip-26.1-py3-none-any.whl"}
        file |= {"hashes": {"sha256": sha256(store, "26.1")}, "requires-python": ">=3.9", "yanked": False}
        late = file | {"filename": "pip-99.0-py3-none-any.whl", "requires-python": ">=9"}
        gone = file | {"filename": "pip-27.0-py3-none-any.whl", "yanked": "bad"}
        body = json.dumps({"meta": {"api-version": "1.0"}, "files": [file, late, gone]}).encode()
        assert "application/vnd" in self.headers["Accept"]
        self.send_response(200)
        self.send_header("Content-Type", "application/vnd.pypi.simple.v1+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def fake_build(tmp_path: Path, ran: list) -> SimpleNamespace:
    """As much of a Builder as a way to pip needs; it runs the wheel with this Python."""

    def run(command):
        ran.append([str(part) for part in command])
        says = os.environ | {"FAKE_PIP_SAYS": str(tmp_path / "said")}
        return subprocess.run(command, env=says).returncode == 0

    constraints = tmp_path / "constraints.txt"
    constraints.touch()
    return SimpleNamespace(python=sys.executable, constraints=constraints, log=tmp_path / "install.log", run=run)


def use_index(monkeypatch, **variables: str) -> None:
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    for name, text in ({"PIP_CONFIG_FILE": os.devnull} | variables).items():
        monkeypatch.setenv(name, text)


@pytest.mark.parametrize("kind", ["html", "json", "file", "file without page", "find-links folder"])
def test_the_newest_fitting_pip_installs_itself(store, tmp_path, monkeypatch, kind):
    handler = JsonIndex if kind == "json" else http.server.SimpleHTTPRequestHandler
    if kind in ("html", "file"):
        html_page(store)
    for version in ("99.0",) * (kind in ("file without page", "find-links folder")):
        (store / f"files/pip-{version}-py3-none-any.whl").unlink()  # a folder says nothing of Python versions
    if kind == "file without page":
        shutil.copytree(store / "files", store / "simple/pip")
    ran = []
    with serving(store, handler) as url:
        places = {"html": f"{url}/simple", "json": f"{url}/simple/", "find-links folder": ""}
        place = places.get(kind, (store / "simple").as_uri())
        name = "PIP_FIND_LINKS" if kind == "find-links folder" else "PIP_INDEX_URL"
        use_index(monkeypatch, **{name: place or str(store / "files")})
        get_pip.from_index(fake_build(tmp_path, ran))
    [command] = ran
    assert command[2].endswith("pip-26.1-py3-none-any.whl/pip")
    said = (tmp_path / "said").read_text()
    assert said.startswith("install --no-index --no-deps ")
    assert said.endswith("pip-26.1-py3-none-any.whl")


def test_constraints_may_pin_pip(store, tmp_path, monkeypatch):
    html_page(store)
    use_index(monkeypatch, PIP_INDEX_URL=(store / "simple").as_uri())
    ran = []
    build = fake_build(tmp_path, ran)
    build.constraints.write_text("numpy==2\npip==24.0\n")
    get_pip.from_index(build)
    assert "pip-24.0-py3" in ran[0][2]


def test_a_wheel_that_is_not_what_was_promised_is_refused(store, tmp_path, monkeypatch):
    html_page(store, sha="0" * 64)
    ran = []
    with serving(store) as url:
        use_index(monkeypatch, PIP_INDEX_URL=f"{url}/simple")
        with pytest.raises(index.NotThisWay, match="is refused: its sha256 is"):
            get_pip.from_index(fake_build(tmp_path, ran))
    assert ran == []


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("", "name no package index"),
        ("http://me:secret@127.0.0.1:1/simple", r"has no answer: http://\*\*\*@127.0.0.1:1/simple/pip/"),
        ("file:///nonexistent/simple", "has no answer"),
    ],
)
def test_an_index_that_is_not_there_says_why(tmp_path, monkeypatch, place, why):
    use_index(monkeypatch, PIP_INDEX_URL=place)
    with pytest.raises(index.NotThisWay, match=why):
        get_pip.from_index(fake_build(tmp_path, []))


def test_a_password_in_the_url_goes_into_the_header():
    url, header = index.without_password("https://me:p%40ss@index.example:8443/simple/")
    assert url == "https://index.example:8443/simple/"
    assert header == {"Authorization": "Basic bWU6cEBzcw=="}


@pytest.mark.parametrize(
    ("spec", "holds"),
    [
        ("", True),
        (">=3.9", True),
        (">=3.12", False),
        (">=3.7, !=3.11.*", False),
        (">=2.7,!=3.0.*,!=3.1.*,<4", True),
        ("==3.11.*", True),
        ("~=3.9", True),
        ("~=3.10.1", False),
        ("<3.11", False),
        (">3.11.1", True),
        ("<=3.11.2", True),
        ("nonsense", False),
    ],
)
def test_requires_python(spec, holds):
    assert index.allows(spec, (3, 11, 2)) == holds


# --- with the real package index


@pytest.mark.machine
def test_a_clone_installs_itself_from_the_real_index(tmp_path):
    place = tmp_path / "clone"
    package = place / "deploylab"
    shutil.copytree(ROOT / "deploylab" / "bootstrap", package / "bootstrap")
    for name in ("lab", "pyproject.toml", "constraints.txt", "deploylab/__init__.py", "deploylab/errors.py"):
        shutil.copy(ROOT / name, place / name)
    (package / "cli.py").write_text("import pyinfra, matplotlib, scipy, typer\n" + STUB_CLI)
    clean = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    for expected in ("ready after", ""):
        done = subprocess.run([place / "lab", "status"], env=clean, capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, done.stderr
        assert expected in done.stderr
    assert done.stderr == ""
