"""How static files reach a visitor: plain, hashed and bundled, or through Django itself."""

import json
import re
import tempfile
from pathlib import Path

from django.test import SimpleTestCase

from programme.tests.base import manage
from programme.tests.test_settings import PRODUCTION

PAGES = ["/", "/talks/1/", "/editions/", "/test/", "/talks/1/comment/", "/admin/login/", "/no-such-page/"]
HASHED = re.compile(r"\.[0-9a-f]{12}\.(css|js|svg)$")


def run(*words: str, **environment: str) -> str:
    """What `manage.py` prints, with DEBUG off; an error where it fails."""
    done = manage(*words, **PRODUCTION | environment)
    if done.returncode:
        raise AssertionError(done.stderr)
    return done.stdout


def fetch(*addresses: str, **environment: str) -> dict[str, tuple[int, str]]:
    """Status and body of each address, from a site of its own with these settings."""
    code = ("import json; from django.test import Client; client = Client(headers={'host': 'programme.example'});"
            f"answers = {{address: client.get(address) for address in {addresses}}};"
            "print(json.dumps({address: [answer.status_code, b''.join(answer).decode()]"
            " for address, answer in answers.items()}))")
    return json.loads(run("shell", "--no-imports", "-c", code, **environment))


def references(page: str) -> set[str]:
    """The static files that a page asks for, each once, as a browser does."""
    return set(re.findall(r'(?:src|href)="(/static/[^"]+)"', page))


class Names(SimpleTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.root = Path(folder.name, "static")
        data = {"DJANGO_SQLITE_PATH": f"{folder.name}/db.sqlite3"}
        cls.hashing = data | {"DJANGO_STATIC_ROOT": str(cls.root), "DJANGO_STATIC_FILES": "hashed"}
        run("migrate", "--verbosity=0", **data)
        run("seed", **data)
        run("collectstatic", "--noinput", "--verbosity=0", **cls.hashing)
        run("compress", "--verbosity=0", **cls.hashing)
        cls.plain, cls.hashed = fetch(*PAGES, **data), fetch(*PAGES, **cls.hashing)

    def bundle(self, suffix: str) -> str:
        (path,) = self.root.glob(f"bundles/{suffix}/*.{suffix}")
        return path.read_text(encoding="utf-8")

    def test_hashed_every_name_has_twelve_digits_and_is_there(self):
        for address, (_, page) in self.hashed.items():
            for name in references(page):
                with self.subTest(address, name=name):
                    self.assertRegex(name, HASHED)
                    self.assertTrue((self.root / name.removeprefix("/static/")).is_file())

    def test_plain_no_name_has(self):
        for address, (_, page) in self.plain.items():
            with self.subTest(address):
                self.assertTrue(references(page))
                self.assertEqual([name for name in references(page) if HASHED.search(name)], [])

    def test_a_first_visit_takes_fewer_requests(self):
        plain, hashed = (1 + len(references(pages["/"][1])) for pages in (self.plain, self.hashed))
        self.assertEqual((plain, hashed), (17, 11))

    def test_the_pages_are_the_same_otherwise(self):
        for address in ["/", "/talks/1/", "/test/"]:
            with self.subTest(address):
                self.assertEqual(*(re.sub(r"\.[0-9a-f]{12}\.", ".", pages[address][1].partition("<body>")[2])
                                   for pages in (self.plain, self.hashed)))

    def test_one_sheet_holds_all_and_no_comment(self):
        bundle = self.bundle("css")
        for rule in [".talk-card{", ".star{", ".slot--now{", "@media print{"]:
            self.assertIn(rule, bundle)
        self.assertNotIn("/*", bundle)

    def test_one_script_holds_all_that_can_wait(self):
        for part in ["data-filter", "stars", "slot--now"]:
            self.assertIn(part, self.bundle("js"))
        for pages in (self.plain, self.hashed):
            for script in re.findall(r"<script src=[^>]*>", pages["/"][1]):
                self.assertTrue("defer" in script or "theme" in script, script)

    def test_colours_are_set_before_the_first_line_is_painted(self):
        head = self.hashed["/"][1].partition("</head>")[0]
        self.assertRegex(head, r"<script>[^<]*dataset\.theme[^<]*</script>")
        head = self.plain["/"][1].partition("</head>")[0]
        self.assertIn('<script src="/static/programme/theme.js"></script>', head)

    def test_the_plain_names_stay(self):
        """A client that has an old address, or measures one, still finds the file."""
        self.assertTrue((self.root / "programme/site.css").read_text(encoding="utf-8").endswith("/* end */\n"))

    def test_nothing_made_again_has_another_name(self):
        before = sorted(self.root.rglob("*"))
        run("collectstatic", "--noinput", "--verbosity=0", **self.hashing)
        run("compress", "--verbosity=0", **self.hashing)
        self.assertEqual(sorted(self.root.rglob("*")), before)

    def test_django_itself_serves_them_only_when_told(self):
        sheet, outside = "/static/programme/site.css", "/static/../db.sqlite3"
        for told, status in [("0", 404), ("1", 200)]:
            with self.subTest(told):
                found = fetch(sheet, outside, "/static/none.css", **self.hashing, DJANGO_SERVE_STATIC=told)
                self.assertEqual((found[sheet][0], found["/static/none.css"][0]), (status, 404))
                self.assertEqual(found[sheet][1].endswith("/* end */\n"), status == 200)
                self.assertIn(found[outside][0], [400, 404])
