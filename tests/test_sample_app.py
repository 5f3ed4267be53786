"""The sample app keeps the promises that course.toml makes about it, and passes its own tests."""

import os
import re
import subprocess
import sys

import pytest

from deploylab import course, paths

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


def test_its_own_tests_pass():
    assert "OK" in manage("test", DJANGO_DEBUG="1")


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


def test_the_digest_is_one_line_of_64_digits_and_as_expected(seeded):
    digest = manage(APP.data_digest_command, **seeded)
    assert re.fullmatch(r"[0-9a-f]{64}\n", digest)
    assert digest == manage(APP.data_digest_command, "--expected", **seeded)


def test_each_view_is_where_the_course_says_and_ends_with_its_marker(seeded):
    pages = {view.path: view.marker for view in APP.views.values() if not view.path.startswith("/static/")}
    code = f"""
import importlib, os
os.environ["DJANGO_SETTINGS_MODULE"] = {APP.settings!r}
module, name = {APP.wsgi!r}.split(":")
assert callable(getattr(importlib.import_module(module), name))
from django.test import Client
for path, marker in {pages!r}.items():
    response = Client().get(path)
    assert response.status_code == 200, path
    assert response.content.decode().rstrip().endswith(marker), path
    assert not response.cookies, path
"""
    done = python("-c", code, **seeded)
    assert done.returncode == 0, done.stderr


def test_each_static_view_is_a_file_that_ends_with_its_marker(seeded, tmp_path):
    manage("collectstatic", "--noinput", **seeded, DJANGO_STATIC_ROOT=str(tmp_path))
    for view in APP.views.values():
        if view.path.startswith("/static/"):
            text = (tmp_path / view.path.removeprefix("/static/")).read_text(encoding="utf-8")
            assert text.rstrip().endswith(view.marker)


def test_requirements_are_pinned():
    for name in [APP.requirements, APP.production_requirements]:
        lines = (SITE / name).read_text(encoding="utf-8").splitlines()
        for line in filter(None, (line.partition("#")[0].strip() for line in lines)):
            assert "==" in line or line.startswith("-r "), line
