"""The manifest: what it refuses, and that it agrees with the files beside it."""


import pytest
from course_helpers import GOOD, refused

from deploylab import course as courses
from deploylab.core import paths
from deploylab.core.errors import CourseError
from deploylab.provision import checks, converge
from tests import course_snapshot


def test_a_good_course(load):
    course = load(GOOD)
    assert course.stage("first").port == 8000
    assert [target.name for target in course.targets] == ["first", "first:other"]


def test_a_variant_is_its_stage_but_for_what_it_says(load):
    variant = load(GOOD).target("first:other")
    assert variant.expect == {"server": "x", "debug": True}
    assert (variant.slots, variant.views) == (2, ("hello",))


FIRST = 'name = "first"\nport = 8000'


CONTRAST = """
[[contrast]]
name = "c"
title = "c"
lesson = "01"
a = "first"
b = "second"
view = "hello"
concurrency = 1
differs = "d"
parts = []
"""


@pytest.mark.parametrize(("change", "line", "word"), [
    (("[[stage]]", "[[stage"), "[[stage", "TOML"),
    (("port = 8010", "port  = 8000"), "port  = 8000", "both want port 8000"),
    (("port = 8010", "port = 80100"), "port = 80100", "is not a port number"),
    (("port = 8000", 'port = "8000"'), 'port = "8000"', 'port of stage first is "8000"'),
    (('views = ["hello"]', 'views = ["helo"]'), 'views = ["helo"]', "helo"),
    (('views = ["hello"]', 'views = "hello"'), 'views = "hello"', "a list"),
    (("concurrency = [10]", 'concurrency = ["10"]'), 'concurrency = ["10"]', "each a number"),
    (("concurrency = [10]", 'concurrency = [10]\nconnections = "old"'), 'connections = "old"', "kept, new"),
    (("concurrency = [10]", 'concurrency = [10]\nconnections = "resumed"'), 'views = ["hello"]', "speaks plain HTTP"),
    (("slots = 2", "slots = true"), "slots = true", "a number"),
    (("slots = 2", 'slots = "2n"'), 'slots = "2n"', 'slots of first is "2n"'),
    (("slots = 2", "slots = 2\nno.red = 1"), 'name = "first"', "which does not exist"),
    (('wsgi = "a.wsgi:application"', ""), "[app]", "app has no 'wsgi'"),
    (("[app]", "[apple]"), "", "no 'title'"),
    (('lesson = "01"', ""), 'name = "first"', "first has no 'lesson'"),
    (('lesson = "01"', 'lesson = "01"\ncolour = "red"'), 'colour = "red"', "'colour'"),
    (('title = "The other way"', 'title = "The other way"\ncolour = "red"'), 'colour = "red"', "'colour'"),
    ((FIRST, "port = 8000"), "[[stage]]", "no name"),
    (("[[stage]]", "[stage]"), "[stage]", "double brackets"),
    (("[[stage]]", CONTRAST + "[[stage]]"), 'name = "c"', "no stage 'second'"),
])
def test_what_is_refused_is_named_with_its_line_and_the_cure(load, change, line, word):
    assert change[0] in GOOD
    assert refused(load, GOOD.replace(*change, 1), word)[0] == line


def test_a_letter_of_another_encoding_is_found(tmp_path):
    path = tmp_path / "course.toml"
    path.write_bytes(GOOD.replace("The first", "Die ärmste").encode("latin-1"))
    with pytest.raises(CourseError, match="line 20: a letter is not UTF-8"):
        courses.load(path)


def test_references_that_are_not_there_are_named(load):
    with pytest.raises(CourseError, match="line 2: .*nowhere.toml does not exist"):
        load('\nreferences = "nowhere.toml"\n' + GOOD)


BREAK = """
[[break]]
name = "b"
target = "first:other"
title = "The page is yellow."
harm = "true"
check = "debug"
hints = ["look", "look again"]
cause = "DEBUG was on."
"""


@pytest.mark.parametrize(("change", "word"), [
    ((BREAK, BREAK + BREAK), "twice"),
    (('target = "first:other"\n', 'target = "second"\n'), "second"),
    (('check = "debug"', 'check = "colour"'), "colour"),
    (('harm = "true"', ""), "harm"),
    ((', "look again"', ""), "two hints"),
    (('"DEBUG was on."', '" "'), "cause"),
    (('cause = "DEBUG was on."', ""), "cause"),
])
def test_a_break_that_cannot_be_found_is_refused(load, change, word):
    assert load(GOOD + BREAK).breaking("b").target == "first:other"
    with pytest.raises(CourseError, match=word):
        load((GOOD + BREAK).replace(*change))


ROUTE = """
[[lesson]]
name = "01"
title = "One"
minutes = 10
[[lesson]]
name = "02"
title = "Two"
minutes = 20
[[route]]
name = "short"
title = "Short"
lessons = ["01", "02"]
"""


@pytest.mark.parametrize(("change", "word"), [
    (('lessons = ["01", "02"]', 'lessons = ["01", "03"]'), "03"),
    (('lessons = ["01", "02"]', 'lessons = ["02", "01"]'), "order"),
    (('lessons = ["01", "02"]', 'lessons = ["01", "01"]'), "order"),
    (('lessons = ["01", "02"]', ""), "lessons"),
])
def test_a_route_leads_through_lessons_in_their_order(load, change, word):
    assert load(GOOD + ROUTE).routes[0].lessons == ("01", "02")
    with pytest.raises(CourseError, match=word):
        load((GOOD + ROUTE).replace(*change))


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


def test_the_course_comes_to_what_was_last_looked_at():
    """A change of the manifest shows in full what it does to every stage and variant, before it is committed."""
    assert course_snapshot.text(COURSE) == course_snapshot.SNAPSHOT.read_text(encoding="utf-8"), (
        f"The manifest comes to another course than {course_snapshot.SNAPSHOT.name} has. If that is meant: "
        f"{course_snapshot.RENEW}, and look at `git diff tests/course.json`.")


@STAGES
def test_every_stage_has_a_deploy(stage):
    assert converge.deploy_path(COURSE, stage.name).is_file()


@pytest.mark.parametrize("stage", [s for s in COURSE.stages if "database" in s.expect], ids=lambda stage: stage.name)
def test_every_stage_with_a_database_has_a_commented_environment(stage):
    text = next((paths.PROVISIONING / "files/etc/deploylab").glob(f"{stage.name}.env*")).read_text()
    assert text.count("#") >= 5


@TARGETS
def test_every_expectation_is_a_check(target):
    assert target.expect
    assert set(target.expect) <= set(checks.CHECKS)


@TARGETS
def test_every_target_says_how_its_processes_are_found(target):
    assert target.processes


def test_the_ports_of_what_is_no_target_are_free():
    assert not set(converge.EXTRA_PORTS.values()) & {target.port for target in COURSE.all_targets}


def test_every_port_in_a_site_file_is_one_of_the_course():
    import re

    ports = {str(target.port): target.stage for target in COURSE.targets}
    ports |= {str(port): name for name, port in converge.EXTRA_PORTS.items()}
    sites = [site for server in ("nginx", "apache2")
             for site in (paths.PROVISIONING / "files/etc" / server / "sites-available").iterdir()]
    assert len(sites) >= 3
    for site in sites:
        numbers = re.findall(r"^\s*(?:[lL]isten 0\.0\.0\.0:|<VirtualHost \*:)(\d+)", site.read_text(), re.MULTILINE)
        assert numbers and {ports[port] for port in numbers} == {site.name.removesuffix(".conf").split("-")[1]}


def test_the_application_is_where_the_course_says():
    app = COURSE.app
    assert (paths.ROOT / app.source / "manage.py").is_file()
    for name in (app.requirements, app.production_requirements):
        assert (paths.ROOT / app.source / name).is_file()


def test_every_configuration_file_says_why():
    """No file that a learner may change goes without comments. JSON knows none."""
    for path in (paths.PROVISIONING / "files").rglob("*"):
        if path.is_file() and path.suffix not in (".pyc", ".json"):
            lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
            assert any(line.startswith(("#", ";", "//", '"""')) for line in lines), path


def test_pages_are_kept_as_long_as_the_application_says():
    text = (paths.ROOT / "sample_app/programme/caching.py").read_text(encoding="utf-8")
    assert f"\nSECONDS = {courses.load().app.pages_kept_s:g} " in text
