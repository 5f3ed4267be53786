"""Whatever a visitor types ends in a page, a redirect or an error of the visitor's own, never in one of ours."""

import logging

from django.db import connection
from django.test import SimpleTestCase

from programme.management.commands import forget
from programme.models import Comment, Talk, Track
from programme.tests.base import SeededTestCase, call
from programme.tests.servers import LEVELS, at, levels

NINES = ["9" * n for n in (18, 19, 20, 300, 5000)]  # beyond a row's number, a cache's key, and what int() reads
ADDRESSES = [
    *(f"/{page}/{number}/" for page in ("talks", "speakers") for number in NINES),
    *(f"/talks/{number}/comment/" for number in NINES),
    "/talks/0/", "/talks/1", "/TALKS/1/", "/tracks/WEB/", "/tracks/web%20/", "/tracks/José/", f"/tracks/{'a' * 5000}/",
    "/days/2026-13-45/", "/days/0000-01-01/", "/days/9999-12-31/", "/days/२०२६-०९-०९/",
    "/search/?q=%00", "/search/?q=%ff", "/search/?q=%ED%A0%80", "/search/?q=%25%5C_'",
    f"/search/?q={'%F0%9F%98%80' * 90}",
    f"/?{'x' * 5000}", f"/?{'&'.join(f'a{n}' for n in range(2000))}", "/%ff/", "/%00/", "/José/",
    "//elsewhere.example/",
    "/admin/%00/", f"/admin/programme/talk/{NINES[3]}/change/", "/admin/login/?next=%00",
]
HEADERS = [{"Accept": ";;;q=x,*"}, {"If-None-Match": '"\x80'}, {"If-Modified-Since": "never"}, {"Host": "x y"},
           {"Cookie": f"csrftoken={'a' * 5000}"}, {"Cookie": "sessionid=%00\xff"}, {"Range": "bytes=9-1"}]
FORM = "application/x-www-form-urlencoded"
BODIES = [
    (FORM, "name=%00&body=%00"), (FORM, f"name={'a' * 100_000}&body={'b' * 100_000}"), (FORM, "name=a&body=%ED%A0%80"),
    (FORM, "&".join(f"a{n}=1" for n in range(2000))), (f"{FORM}; charset=nope", "name=a&body=b"),
    ("multipart/form-data", "x"), ("multipart/form-data; boundary=", "x"), ("application/json", "{"),
    (FORM, "name=%F0%9F%98%80&body=%F0%9F%98%80"),
]
# No server is there: whether a key is a good one is asked before anybody is.
CACHES = {"none": [], "memcached": LEVELS}


class Typed(SeededTestCase):
    def setUp(self) -> None:
        logging.disable()  # a hundred warnings of things that are as they should be
        self.addCleanup(logging.disable, logging.NOTSET)

    def never_ours(self, ask, *args, **kwargs) -> None:
        self.client.raise_request_exception = False
        for cache, on in CACHES.items():
            with self.subTest(cache=cache, what=str(args)[:90]), levels(*on, store=at("memcached", "127.0.0.1:9")):
                self.assertLess(ask(*args, **kwargs).status_code, 500)

    def test_an_address(self):
        for address in ADDRESSES:
            self.never_ours(self.client.get, address)

    def test_a_header(self):
        for header in HEADERS:
            for address in ("/", "/talks/1/", "/talks/1/comment/", "/search/?q=a"):
                self.never_ours(self.client.get, address, headers=header)

    def test_a_form(self):
        for kind, body in BODIES:
            for address in ("/talks/1/comment/", f"/talks/{NINES[3]}/comment/", "/"):
                self.never_ours(self.client.generic, "POST", address, body, content_type=kind)


class Exactly(SeededTestCase):
    def test_a_page_has_one_address(self):
        self.assertEqual(self.client.get("/tracks/web/").status_code, 200)
        for other in ("WEB", "Web", "wéb"):
            self.assertEqual(self.client.get(f"/tracks/{other}/").status_code, 404, other)

    def test_only_the_comments_of_this_name_are_forgotten(self):
        seed = forget.NICKNAMES[0]
        for name in (seed.upper(), "Zoe", "zoe", "Zoë", "Zoe "):
            Comment.objects.create(talk=Talk.objects.first(), name=name, body="Well said.")
        before = Comment.objects.filter(name__exactly=seed).count()
        self.assertEqual(call("forget", seed.upper()), f"Deleted 1 comments by {seed.upper()}.")
        self.assertEqual(call("forget", "Zoe"), "Deleted 1 comments by Zoe.")
        self.assertEqual(Comment.objects.filter(name__exactly=seed).count(), before)
        left = set(Comment.objects.values_list("name", flat=True))
        self.assertEqual(left & {"Zoe", "zoe", "Zoë", "Zoe "}, {"zoe", "Zoë", "Zoe "})


class InMysql(SimpleTestCase):
    """What MariaDB is asked; the tests here have SQLite."""

    databases = {"default"}

    def test_each_byte_counts(self):
        query = Track.objects.filter(slug__exactly="web").query
        compiler = query.get_compiler("default")
        sql, parameters = query.where.children[0].as_mysql(compiler, connection)
        self.assertRegex(sql, r'^\(.*slug" = %s AND BINARY .*slug" = BINARY %s\)$')
        self.assertEqual(parameters, ("web", "web"))
