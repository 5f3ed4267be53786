"""The manifest says a thing once: programs, placeholders, `sleeps`. What comes of it, and what is refused."""

import re

import pytest
from course_helpers import GOOD, refused

from deploylab import course as courses
from deploylab.course.programs import PLACEHOLDERS

PROGRAMS = """
[program.base]
version = ["base", "--version"]
processes = ["based"]
expect = { server = "base", services = ["base"], private = ["/etc/{environment}.env", "/etc/{application}.env"] }
[program.front]
processes = ["front .*{slug}"]
configuration = ["/etc/front/{server}.conf"]
start = "begin {slug}"
stop = "end {slug}"
expect = { server = "front", services = ["front-{stage}"] }
"""
SHOP = """
[[stage]]
name = "shop"
port = 8001
title = "{slug}"
lesson = "01"
guide = "guide_I"
changes = ["everything"]
views = ["hello"]
programs = ["base", "front"]
configuration = ["/etc/shop/{slug}.conf"]
[stage.expect]
listens = ["0.0.0.0:{port}"]
[[stage.variant]]
name = "night"
port = 8011
title = "at night, as {variant}"
environment = { HOURS = "{slug}" }
sleeps = true
[[stage.variant]]
name = "lean"
port = 8021
title = "lean"
upon = "first"
programs = ["base"]
configuration = []
unchecked = ["services"]
expect = { server = "lean" }
"""
TEXT = GOOD + PROGRAMS + SHOP


def test_a_stage_has_what_its_programs_say_from_the_ground_up_and_then_its_own(load):
    shop = load(TEXT).stage("shop")
    assert shop.processes == ("based", "front .*shop")
    assert shop.configuration == ("/etc/front/shop.conf", "/etc/shop/shop.conf")
    assert shop.expect == {"server": "front", "services": ["base", "front-shop"], "private": ["/etc/shop.env"],
                           "listens": ["0.0.0.0:8001"]}
    assert (shop.title, shop.start, shop.stop) == ("shop", "", "")


def test_a_variant_fills_what_it_has_of_its_stage_with_its_own_name(load):
    night = load(TEXT).target("shop:night")
    assert night.processes == ("based", "front .*shop-night")
    assert night.configuration == ("/etc/front/shop-night.conf", "/etc/shop/shop-night.conf")
    assert night.expect == {"server": "front", "services": ["base", "front-shop"], "listens": ["0.0.0.0:8011"],
                            "private": ["/etc/shop-night.env", "/etc/shop.env"]}
    assert (night.title, night.environment) == ("at night, as night", {"HOURS": "shop-night"})


def test_a_sleeper_is_started_by_the_program_that_keeps_it(load):
    night = load(TEXT).target("shop:night")
    assert (night.start, night.stop) == ("begin shop-night", "end shop-night")


def test_a_variant_s_own_word_replaces_its_stage_s(load):
    lean = load(TEXT).target("shop:lean")
    assert (lean.processes, lean.configuration) == (("based",), ())
    assert lean.expect == {"server": "lean", "private": ["/etc/first.env"], "listens": ["0.0.0.0:8021"]}
    assert lean.upon == "first"


def test_the_versions_of_the_report_are_those_that_programs_tell(load):
    assert load(TEXT).versions == {"base": ("base", "--version")}


@pytest.mark.parametrize(("change", "line", "word", "cure"), [
    (('"front .*{slug}"', '"front .*{slig}"'), 'processes = ["front .*{slig}"]',
     r"program.front has \{slig\}", r"\{slug\}"),
    (('"0.0.0.0:{port}"', '"0.0.0.0:{prot}"'), 'listens = ["0.0.0.0:{prot}"]',
     r"listens of shop has \{prot\}", r"\{port\}"),
    (('title = "{slug}"', 'title = "{variant}"'), 'title = "{variant}"',
     r"title of shop has \{variant\}", r"\{stage\}"),
    (('"base", "front"', '"base", "font"'), 'programs = ["base", "font"]', r"no \[program.font\]", "base, front"),
    (('["base", "front"]', '"front"'), 'programs = "front"', "no list", "from the ground up"),
    (('start = "begin {slug}"\n', ""), "sleeps = true", "none of its programs says", "start = "),
    (('stop = "end {slug}"', 'halt = "end {slug}"'), 'halt = "end {slug}"', "has the key 'halt'", "stop"),
    (('processes = ["based"]', 'processes = "based"'), 'processes = "based"', 'processes of program.base is "based"',
     "a list"),
    (('["/etc/shop/{slug}.conf"]', '"/etc/shop"'), 'configuration = "/etc/shop"',
     "configuration of stage shop", "a list"),
    ((PROGRAMS, "[[program]]\n"), "[[program]]", "name in the brackets", "program.NAME"),
])
def test_what_is_refused_is_named_with_its_line_and_the_cure(load, change, line, word, cure):
    assert change[0] in TEXT
    found, next_step = refused(load, TEXT.replace(*change, 1), word)
    assert found == line and re.search(cure, next_step)


COURSE = courses.load()


def test_nothing_is_left_unfilled():
    for target in COURSE.all_targets:
        told = repr(target)
        assert not [word for word in PLACEHOLDERS if f"{{{word}}}" in told], target.name
