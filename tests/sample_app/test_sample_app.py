"""The sample app keeps the promises that course.toml makes about it, and passes its own tests."""

import os
import re
import subprocess
import sys

import pytest

from deploylab import course
from deploylab.core import paths

APP = course.load().app
SITE = paths.ROOT / APP.source
PRODUCTION = {"DJANGO_SECRET_KEY": "an-example-for-this-test-only-0123456789-abcdefghijklmnop",
              "DJANGO_ALLOWED_HOSTS": "programme.example"}


def python(*words: str, **environment: str) -> subprocess.CompletedProcess:
    """Python in the site's folder, with no DJANGO_ variable but the given ones."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO_")}
    return subprocess.run([sys.executable, *words], cwd=SITE, env=clean | environment,
                          capture_output=True, text=True, timeout=300)


def manage(*words: str, **environment: str) -> str:
    """What `manage.py` prints, both streams together; the test fails where it fails."""
    done = python("manage.py", *words, **(environment or PRODUCTION))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("half", [0, 1])  # each in a process of its own
def test_its_own_tests_pass(half):
    modules = sorted(path.relative_to(SITE).with_suffix("") for path in SITE.rglob("test_*.py"))
    said = manage("test", *(".".join(module.parts) for module in modules[half::2]), DJANGO_DEBUG="1")
    assert "\nOK" in said and "skipped" not in said


def test_only_the_checks_about_tls_remain():
    found = set(re.findall(r"security\.W\d+", manage("check", "--deploy")))
    assert found == {"security.W004", "security.W008", "security.W012", "security.W016"}


def test_without_a_secret_key_it_refuses_to_start():
    done = python("manage.py", "check")
    assert done.returncode != 0 and "DJANGO_SECRET_KEY is not set" in done.stderr


@pytest.fixture(scope="module")
def seeded(tmp_path_factory):
    """Environment variables of a site with its data, made by the commands that course.toml names."""
    environment = PRODUCTION | {"DJANGO_SQLITE_PATH": str(tmp_path_factory.mktemp("site") / "db.sqlite3"),
                                "DJANGO_ALLOWED_HOSTS": "testserver"}
    manage("migrate", "--verbosity=0", **environment)
    assert "Seeded" in manage(APP.data_command, **environment)
    assert "Nothing to do" in manage(APP.data_command, **environment)
    return environment


@pytest.mark.slow
def test_the_digest_is_one_line_of_64_digits_and_as_expected(seeded):
    digest = manage(APP.data_digest_command, **seeded)
    assert re.fullmatch(r"[0-9a-f]{64}\n", digest)
    assert digest == manage(APP.data_digest_command, "--expected", **seeded)


def test_each_view_is_where_the_course_says_and_ends_with_its_marker(seeded):
    views = [view for view in APP.views.values() if not view.path.startswith("/static/") and view.method == "GET"]
    pages = {path: view.marker or "" for view in views for path in view.paths[::799] or (view.path,)}
    answers(seeded, f"""
for path, marker in {pages!r}.items():
    response = Client().get(path)
    assert response.status_code == 200, path
    assert response.content.decode().rstrip().endswith(marker), path
    assert not response.cookies, path
""")


def test_each_view_that_writes_gets_the_answer_that_the_course_expects(seeded):
    posts = [(view.path, view.body, view.headers, view.expect_status)
             for view in APP.views.values() if view.prelude == "csrf"]
    assert posts
    answers(seeded, f"""
for path, body, headers, status in {posts!r}:
    client = Client(enforce_csrf_checks=True)
    token = client.get(path).cookies["csrftoken"].value
    response = client.post(path, body, headers["Content-Type"], headers=headers | {{"X-CSRFToken": token}})
    assert response.status_code == status, response.content
""")


def answers(seeded, code):
    """Run this code with a client of the site that course.toml names."""
    done = python("-c", f"""
import importlib, os
os.environ["DJANGO_SETTINGS_MODULE"] = {APP.settings!r}
module, name = {APP.wsgi!r}.split(":")
assert callable(getattr(importlib.import_module(module), name))
from django.test import Client
{code}""", **seeded)
    assert done.returncode == 0, done.stderr


def test_each_static_view_is_a_file_that_ends_with_its_marker(seeded, tmp_path):
    manage("collectstatic", "--noinput", **seeded, DJANGO_STATIC_ROOT=str(tmp_path))
    for view in APP.views.values():
        if view.path.startswith("/static/"):
            text = (tmp_path / view.path.removeprefix("/static/")).read_text(encoding="utf-8")
            assert text.rstrip().endswith(view.marker or "")


def test_requirements_are_pinned():
    for name in [APP.requirements, APP.production_requirements]:
        lines = (SITE / name).read_text(encoding="utf-8").splitlines()
        for line in filter(None, (line.partition("#")[0].strip() for line in lines)):
            assert "==" in line or line.startswith("-r "), line


def test_what_its_tests_use_here_has_the_version_of_the_server():
    pins = [set(re.findall(r"(?m)^[\w.-]+==[\w.]+", path.read_text(encoding="utf-8")))
            for path in (SITE / APP.production_requirements, paths.ROOT / "constraints.txt")]
    names = [{pin.partition("==")[0] for pin in found} for found in pins]
    both = names[0] & names[1]
    assert {"hiredis", "pymemcache", "redis", "whitenoise"} <= both
    assert {pin for pin in pins[0] if pin.partition("==")[0] in both} <= pins[1]


@pytest.mark.parametrize("kind", ["plain", pytest.param("hashed", marks=pytest.mark.slow)])
def test_collected_says_whether_the_static_root_is_as_a_new_collection(kind, tmp_path):
    root, program = tmp_path / "static", paths.ROOT / "provisioning/files/usr/local/lib/deploylab/collected.py"
    environment = PRODUCTION | {"DJANGO_STATIC_FILES": kind, "DJANGO_STATIC_ROOT": str(root),
                                "DEPLOYLAB_BUNDLED": "--quiet --no-brotli" if kind == "hashed" else ""}

    def collected() -> tuple[int, str]:
        done = python("manage.py", "shell", "--no-imports", "-c", program.read_text(encoding="utf-8"), **environment)
        return done.returncode, done.stderr.strip()

    assert collected()[0] != 0
    manage("collectstatic", "--noinput", "--verbosity=0", **environment)
    if kind == "hashed":
        assert collected()[0] != 0
        manage("compress", "--verbosity=0", **environment)
        assert python("-m", "whitenoise.compress", "--quiet", "--no-brotli", str(root)).returncode == 0
    assert collected() == (0, "")

    (root / "programme/site.css").write_text("/* changed */", encoding="utf-8")
    (root / "programme/logo.svg").unlink()
    (root / "programme/site.0123456789ab.css").write_text("of an older release", encoding="utf-8")
    assert collected() == (1, f"{root}: 3 files differ from a new collection, for example programme/logo.svg")
