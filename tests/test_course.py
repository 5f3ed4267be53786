"""The manifest: what it refuses, and that it agrees with the files beside it."""

import pytest

from deploylab import checks, paths, provision
from deploylab import course as courses
from deploylab.errors import CourseError

GOOD = """
[app]
title = "t"
source = "sample_app"
wsgi = "a.wsgi:application"
settings = "a.settings"
requirements = "requirements.txt"
production_requirements = "requirements.txt"
data_command = "seed"
data_digest_command = "digest"
[app.views.hello]
title = "hello"
path = "/"
marker = "</html>"
concurrency = [10]
[[stage]]
name = "first"
port = 8000
title = "The first"
lesson = "01"
guide = "guide_I"
changes = ["everything"]
machines = ["web"]
views = ["hello"]
processes = ["python"]
slots = 2
[stage.expect]
server = "x"
debug = false
[[stage.variant]]
name = "other"
port = 8010
title = "The other way"
expect = { debug = true }
"""


@pytest.fixture
def load(tmp_path):
    def load(text):
        path = tmp_path / "course.toml"
        path.write_text(text)
        return courses.load(path)

    return load


def test_a_good_course(load):
    course = load(GOOD)
    assert course.stage("first").port == 8000
    assert [target.name for target in course.targets] == ["first", "first:other"]


def test_a_variant_is_its_stage_but_for_what_it_says(load):
    variant = load(GOOD).target("first:other")
    assert variant.expect == {"server": "x", "debug": True}
    assert (variant.slots, variant.views) == (2, ("hello",))


@pytest.mark.parametrize(("change", "word"), [
    (("[[stage]]", "[[stage"), "TOML"),
    (("port = 8010", "port = 8000"), "port 8000"),
    (('views = ["hello"]', 'views = ["helo"]'), "helo"),
    (('wsgi = "a.wsgi:application"', ""), "wsgi"),
    (("[app]", "[apple]"), "title"),
    (('lesson = "01"', ""), "lesson"),
    (('lesson = "01"', 'lesson = "01"\ncolour = "red"'), "colour"),
])
def test_what_is_refused_is_named(load, change, word):
    with pytest.raises(CourseError, match=word) as raised:
        load(GOOD.replace(*change, 1))
    assert raised.value.next_step


def test_a_missing_file_is_no_traceback(tmp_path):
    with pytest.raises(CourseError, match="Cannot read"):
        courses.load(tmp_path / "none.toml")


@pytest.mark.parametrize("name", ["fist", "first:none"])
def test_an_unknown_name_lists_those_there_are(load, name):
    with pytest.raises(CourseError, match="first|other"):
        load(GOOD).target(name)


# ------------------------------------------------------------------ the course as it is shipped

COURSE = courses.load()
STAGES = pytest.mark.parametrize("stage", COURSE.stages, ids=lambda stage: stage.name)
TARGETS = pytest.mark.parametrize("target", COURSE.targets, ids=lambda target: target.name)


@STAGES
def test_every_stage_has_a_deploy(stage):
    assert provision.deploy_path(stage.name).is_file()


@STAGES
def test_every_stage_has_a_commented_environment(stage):
    text = (paths.PROVISIONING / f"files/etc/deploylab/{stage.name}.env.j2").read_text()
    assert text.count("#") >= 5


@TARGETS
def test_every_expectation_is_a_check(target):
    assert target.expect
    assert set(target.expect) <= set(checks.CHECKS)


@TARGETS
def test_every_target_says_how_its_processes_are_found(target):
    assert target.processes


def test_the_port_of_the_static_stub_is_free():
    assert provision.CALIBRATION_PORT not in {target.port for target in COURSE.targets}


def test_every_port_in_a_site_file_is_one_of_the_course():
    import re

    ports = {str(target.port): target.stage for target in COURSE.targets}
    ports[str(provision.CALIBRATION_PORT)] = provision.CALIBRATION
    for site in (paths.PROVISIONING / "files/etc/nginx/sites-available").iterdir():
        for port in re.findall(r"^\s*listen (\d+);", site.read_text(), re.MULTILINE):
            assert site.name.startswith(f"deploylab-{ports[port]}")


def test_the_application_is_where_the_course_says():
    app = COURSE.app
    assert (paths.ROOT / app.source / "manage.py").is_file()
    for name in (app.requirements, app.production_requirements):
        assert (paths.ROOT / app.source / name).is_file()


def test_every_configuration_file_says_why():
    """No file that a learner may change goes without comments."""
    for path in (paths.PROVISIONING / "files").rglob("*"):
        if path.is_file() and path.suffix != ".pyc":
            lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
            said = sum(line.startswith(("#", ";", '"""')) for line in lines)
            assert said >= 1 and (said / len(lines) > 0.15 or "/usr/" in str(path)), path
