"""How `./lab` comes to its pip: the settings of whoever runs it, and a wheel from an index."""

import hashlib
import http.server
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from lab_helpers import make_wheel, serving

from deploylab.bootstrap import get_pip, index

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
