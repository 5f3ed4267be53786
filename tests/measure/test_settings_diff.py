"""Which settings of Django differ: as rows, and between the sides of each contrast of the course."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from deploylab import course as courses
from deploylab.core import paths
from deploylab.course import Target
from deploylab.machine.guest import django_settings
from deploylab.machine.ssh import Ssh
from deploylab.measure.config_diff import Configured, Django, between
from deploylab.measure.settings_diff import rows
from deploylab.provision import converge
from provisioning.deploys import variants
from provisioning.lab import FILES, Lab

COURSE = courses.load()
APP = COURSE.app
MADE_THERE = {"hosts": "DJANGO_ALLOWED_HOSTS=shop.example", "mariadb": "DJANGO_MYSQL_PASSWORD=hunter2hunter2",
              "secret-key": "DJANGO_SECRET_KEY=an-example-for-this-test-only-0123456789"}
# As much of the database's driver as Django asks for before it connects.
DRIVER = {
    "__init__": "version_info = (2, 2, 1, 'final', 0)\nclass Error(Exception): pass\n" + "\n".join(
        f"class {name}Error(Error): pass" for name in (
            "Database", "Data", "Integrity", "Operational", "Internal", "Programming", "NotSupported", "Interface")),
    "constants": "class Numbers:\n    def __getattr__(self, name): return 0\nCLIENT = FIELD_TYPE = Numbers()\n",
    "converters": "conversions = {}\n",
}


def differing(a, b):
    return rows("django", a, b, str, str)


# ------------------------------------------------------------------ rows

def test_each_setting_that_differs_is_a_row_under_its_whole_name():
    a = {"DEBUG": "True", "DATABASES": {"default": {"ENGINE": "sqlite3", "CONN_MAX_AGE": "60"}}, "TIME_ZONE": "UTC"}
    b = {"DEBUG": "False", "DATABASES": {"default": {"ENGINE": "mysql", "CONN_MAX_AGE": "60"}}, "TIME_ZONE": "UTC"}
    assert differing(a, b) == [("django DATABASES.default.ENGINE", "sqlite3", "mysql"),
                               ("django DEBUG", "True", "False")]
    assert differing(a, a) == []


def test_of_a_list_the_items_of_one_side_alone_or_all_of_it_in_its_order():
    assert differing({"MIDDLEWARE": ["a", "b", "c"]}, {"MIDDLEWARE": ["a", "c", "d", "e"]}) == [
        ("django MIDDLEWARE", "b", "d; e")]
    assert differing({"MIDDLEWARE": ["a", "b"]}, {"MIDDLEWARE": ["b", "a"]}) == [("django MIDDLEWARE", "a; b", "b; a")]
    assert differing({"L": [["en", "English"]]}, {"L": []}) == [("django L", "en; English", None)]


def test_a_list_of_dictionaries_is_compared_by_position():
    a = {"TEMPLATES": [{"BACKEND": "x", "OPTIONS": {"processors": ["p", "q"]}}]}
    b = {"TEMPLATES": [{"BACKEND": "x", "OPTIONS": {"processors": ["p"]}}, {"BACKEND": "y"}]}
    assert differing(a, b) == [("django TEMPLATES.0.OPTIONS.processors", "q", None),
                               ("django TEMPLATES.1", None, "{BACKEND: y}")]


def test_what_only_one_side_has_is_one_row_whatever_is_below_it():
    a = {"CACHES": {"default": {"BACKEND": "x"}, "sessions": {"BACKEND": "y", "OPTIONS": {"timeout": "1"}}}}
    assert differing(a, {"CACHES": {"default": {"BACKEND": "x"}}}) == [
        ("django CACHES.sessions", "{BACKEND: y, OPTIONS: {timeout: 1}}", None)]
    assert differing({"X": "", "CACHES": {"a": {"B": "x"}}}, {"X": ""}) == [("django CACHES", "{a: {B: x}}", None)]


def test_two_dictionaries_without_a_common_key_are_one_row():
    assert differing({"O": {"x": "1", "y": "2"}}, {"O": {"z": "3"}}) == [("django O", "{x: 1, y: 2}", "{z: 3}")]


def test_the_same_difference_in_several_places_beside_each_other_is_one_row():
    a, b, c = ({"BACKEND": word} for word in "abc")
    assert differing({"CACHES": {"x": a, "y": a, "z": a}}, {"CACHES": {"x": b, "y": b, "z": c}}) == [
        ("django CACHES.{x,y}.BACKEND", "a", "b"), ("django CACHES.z.BACKEND", "a", "c")]
    assert differing({"X": "1", "Y": "1"}, {"X": "0", "Y": "0"}) == [("django X", "1", "0"), ("django Y", "1", "0")]


def test_an_empty_text_is_a_value():
    assert differing({"USER": ""}, {"USER": "shop"}) == [("django USER", "''", "shop")]


# ------------------------------------------------------------------ two targets

def target(name="shop", port=9001) -> Target:
    return Target(stage=name, variant=None, port=port, title=name, views=(), processes=(), expect={}, slots=None)


def names(a: Django | None, b: Django | None, a_target=None, b_target=None):
    sides = (Configured(files={}, environment={}, commands=[], revision=None, django=django) for django in (a, b))
    found = between(a_target or target(), next(sides), b_target or target("mall", port=9002), next(sides))
    return {row.name: (row.a, row.b) for row in found}


def test_a_target_s_own_names_are_no_difference():
    assert names(*(Django(values={"CACHES": {"KEY_PREFIX": name}, "STATIC_ROOT": f"/srv/deploylab/{name}/static",
                                  "PORTS": [port]}) for name, port in (("shop", "9001"), ("mall", "9002")))) == {}


def test_what_both_share_is_no_difference_whatever_its_name():
    shared = Django(values={"STATIC_ROOT": "/srv/deploylab/shop/static"})
    assert names(shared, shared) == {}


def test_without_django_on_one_side_there_is_no_row():
    assert names(None, Django(values={"DEBUG": "True"})) == names(Django(error="none runs"), None) == {}


def test_settings_that_cannot_be_read_are_one_row():
    assert names(Django(error="no process"), Django(values={"DEBUG": "True"})) == {
        "django (cannot be read)": ("no process", None)}


def test_a_doubt_about_both_sides_is_a_row_too():
    doubtful = Django(values={"DEBUG": "True"}, changed=["/srv/a.py", "/srv/b.env"])
    assert names(doubtful, doubtful) == {"django (changed after the start)": ("/srv/a.py, /srv/b.env",) * 2}


# ------------------------------------------------------------------ the contrasts of the course

@pytest.fixture(scope="module")
def values_of(tmp_path_factory):
    """Of a target, its settings with the variables that its deploy writes, evaluated here; None without Django."""
    folder = tmp_path_factory.mktemp("etc")
    (folder / "MySQLdb").mkdir()
    for name, text in DRIVER.items():
        (folder / "MySQLdb" / f"{name}.py").write_text(text)
    files = {f"/etc/deploylab/{name}.env": text for name, text in MADE_THERE.items()}
    for stage in COURSE.stages:
        lab = Lab(**converge.specification(Ssh("192.0.2.1", 22, "nobody", "none"), COURSE, stage.name)["lab"])
        if (path := FILES / f"etc/deploylab/{stage.name}.env").exists():
            files[f"/etc/deploylab/{stage.name}.env"] = path.read_text()
        for variant in stage.variants:
            files |= {path: file[0].decode() for path, file in variants.environment(lab, variant.slug).items()}
    for path, text in files.items():
        (folder / Path(path).name).write_text(text.replace("/etc/deploylab/", f"{folder}/"))

    @cache
    def in_environment(name):
        command = f'set -a; . {folder}/{name}; exec "$0" -B - {APP.wsgi.partition(":")[0]}'
        done = subprocess.run(["sh", "-c", command, sys.executable], capture_output=True, text=True,
                              input=Path(django_settings.__file__).read_text(), cwd=paths.ROOT / APP.source,
                              env={"PYTHONPATH": str(folder), "PATH": os.defpath})
        return json.loads(done.stdout.splitlines()[-1])["values"]

    def values(target):
        """The first .env file is the application's: see [program.django]."""
        own = [Path(path).name for path in target.configuration if path.endswith(".env")]
        return in_environment(own[0]) if own else None
    return values


@pytest.mark.slow
@pytest.mark.parametrize("contrast", COURSE.contrasts, ids=lambda contrast: contrast.name)
def test_the_parts_of_a_contrast_name_every_setting_that_differs(values_of, contrast):
    a, b = COURSE.target(contrast.a), COURSE.target(contrast.b)
    found = names(Django(values=values_of(a)), Django(values=values_of(b)), a, b)
    assert "hunter2" not in repr(found)
    if contrast.parts:
        assert sorted(found) == sorted(part for part in contrast.parts if part.startswith("django "))
    else:
        assert found
