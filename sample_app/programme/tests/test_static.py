"""The files beside the pages."""

import re

from django.contrib.staticfiles import finders
from django.test import SimpleTestCase

from programme.seeding.words import TRACKS
from programme.tests.base import SITE

STATIC = SITE / "programme" / "static" / "programme"
CSS = (STATIC / "site.css").read_text(encoding="utf-8")
SHEETS = "".join(path.read_text(encoding="utf-8") for path in sorted(STATIC.glob("*.css")))


class StyleSheet(SimpleTestCase):
    def test_its_size_is_what_the_course_says(self):
        self.assertTrue(25_000 <= len(CSS.encode()) <= 29_000, len(CSS.encode()))

    def test_its_last_line_is_the_marker(self):
        self.assertTrue(CSS.endswith("/* end */\n"))

    def test_dark_is_the_same_by_system_and_by_choice(self):
        dark = [re.findall(r"--[\w-]+: [^;]+;", block)
                for block in re.findall(r':root(?::not\(\[data-theme="light"\]\)|\[data-theme="dark"\]) \{(.*?)\}',
                                        CSS, re.DOTALL)]
        self.assertEqual(len(dark), 2)
        self.assertEqual(dark[0], dark[1])

    def test_every_token_that_is_used_is_defined(self):
        defined = set(re.findall(r"(--[\w-]+):", CSS))
        self.assertLessEqual(set(re.findall(r"var\((--[\w-]+)", SHEETS)), defined)

    def test_every_class_in_a_template_has_a_rule(self):
        templates = (SITE / "programme" / "templates").rglob("*.html")
        text = " ".join(path.read_text(encoding="utf-8") for path in templates)
        names = {name for names in re.findall(r'class="([^"]*)"', re.sub(r"\{[{%].*?[%}]\}", " ", text))
                 for name in names.split()}
        rules = set(re.findall(r"\.([a-z][\w-]*)", SHEETS))
        # `track--` and the like are completed by a variable.
        self.assertEqual({name for name in names - rules if not name.endswith("-")}, set())


class Files(SimpleTestCase):
    def test_each_track_has_a_picture_and_a_colour(self):
        for slug, *_ in TRACKS:
            self.assertTrue(finders.find(f"programme/tracks/{slug}.svg"), slug)
            self.assertIn(f".track--{slug} ", CSS)

    def test_nothing_is_fetched_from_elsewhere(self):
        for path in STATIC.rglob("*.*"):
            text = path.read_text(encoding="utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "")
            self.assertNotRegex(text, r"https?://", path.name)
