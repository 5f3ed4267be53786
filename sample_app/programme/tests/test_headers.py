"""What a cache, a frame and the course read in the answers."""

import os
import re
import threading

from django.test import override_settings
from django.urls import include, path

from programme import urls
from programme.caching import public
from programme.management.commands.cacheable import patterns
from programme.models import Talk
from programme.tests.base import SeededTestCase


class Addresses(SeededTestCase):
    """What `manage.py cacheable` tells a cache in front."""

    def listed(self, address: str) -> bool:
        return any(re.search(pattern, address) for pattern in patterns(urls.urlpatterns))

    def test_a_listed_address_is_of_a_page_that_anybody_may_keep(self):
        for address in ["/", "/?a=b", "/days/2026-09-10/", "/editions/", "/talks/1/", "/talks/1/?posted=3",
                        "/speakers/1/", "/tracks/web/", "/search/?q=a"]:
            with self.subTest(address):
                self.assertTrue(self.listed(address))
                self.assertIn("public", self.client.get(address)["Cache-Control"])

    def test_all_others_are_not_listed(self):
        for address in ["/talks/1/comment/", "/admin/", "/admin/login/", "/test/", "/wait/", "/cpu/", "/whoami/",
                        "/healthz/", "/nothing/", "/talks/one/", "/talks/1", "/talks/1/extra", "//talks/1/",
                        "/a/talks/1/"]:
            with self.subTest(address):
                self.assertFalse(self.listed(address))

    def test_no_pattern_has_what_nginx_or_varnish_would_read_as_their_own(self):
        for pattern in patterns(urls.urlpatterns):
            self.assertRegex(pattern, r"^\^/")
            self.assertNotRegex(pattern, r"\?P<|[\"'\s]|\\[Zzn]")

    def test_included_addresses_begin_with_those_that_include_them(self):
        included = [path("old/<int:year>/", include([path("talks/", public(lambda request, year: None))]))]
        self.assertEqual(list(patterns(included)), [r"^/old/(?:[0-9]+)/talks/(?:\?|$)"])


class Caching(SeededTestCase):
    def test_what_is_measured_is_made_again_each_time(self):
        for address in ["/test/", "/wait/", "/cpu/", "/whoami/", "/healthz/"]:
            with self.subTest(address):
                self.assertEqual(self.client.get(address)["Cache-Control"], "no-store")

    def test_public_pages_may_be_kept_for_a_moment(self):
        talk = Talk.objects.first().get_absolute_url()
        for address in ["/", talk, "/editions/", "/tracks/web/", "/speakers/1/", "/search/?q=a"]:
            with self.subTest(address):
                self.assertEqual(self.client.get(address)["Cache-Control"],
                                 "public, max-age=30, stale-while-revalidate=60")

    def test_that_there_is_no_such_page_may_be_kept_for_less_long(self):
        for address in ["/talks/999999/", "/speakers/999999/", "/tracks/nothing/", "/days/1999-01-01/"]:
            with self.subTest(address), self.assertLogs("django.request", "WARNING"):
                response = self.client.get(address)
                self.assertEqual((response.status_code, response["Cache-Control"]), (404, "public, max-age=5"))
                self.assertTemplateUsed(response, "404.html")

    @override_settings(DEBUG=True)
    def test_whoever_debugs_sees_why_there_is_no_such_page(self):
        with self.assertLogs("django.request", "WARNING"):
            self.assertContains(self.client.get("/talks/999999/"), "No Talk matches", status_code=404)

    def test_what_no_view_answers_says_nothing_about_caches(self):
        for address in ["/nothing/", "/talks/999999/comment/"]:
            with self.subTest(address), self.assertLogs("django.request", "WARNING"):
                self.assertNotIn("public", self.client.get(address).get("Cache-Control", ""))

    def test_a_public_page_is_nobodys_own(self):
        for address in ["/", Talk.objects.first().get_absolute_url()]:
            with self.subTest(address):
                response = self.client.get(address)
                self.assertFalse(response.cookies)
                self.assertNotIn("Vary", response)
                self.assertNotContains(response, "csrf")

    def test_an_unchanged_page_is_not_sent_again(self):
        etag = self.client.get("/")["ETag"]
        again = self.client.get("/", headers={"if-none-match": etag})
        self.assertEqual((again.status_code, again.content), (304, b""))

    def test_a_changed_page_is(self):
        etag = self.client.get("/")["ETag"]
        Talk.objects.last().comments.create(name="tester", body="new")
        self.assertEqual(self.client.get("/", headers={"if-none-match": etag}).status_code, 200)


class Process(SeededTestCase):
    def test_every_answer_names_its_process_and_thread(self):
        for address in ["/", "/test/", "/healthz/", "/admin/login/", "/nope/"]:
            with self.subTest(address):
                expected = f"{os.getpid()}/{threading.get_ident()}"
                self.assertEqual(self.client.get(address)["X-Process"], expected)

    def test_whoami(self):
        said = self.client.get("/whoami/").json()
        self.assertEqual(said["pid"], os.getpid())
        self.assertEqual(said["thread"], threading.get_ident())
        self.assertIn(said["database"], ["sqlite", "mysql"])
        self.assertIs(said["debug"], False)
        self.assertEqual((said["cache"], said["cache_levels"], said["static_files"]), ("none", [], "plain"))
        self.assertEqual((said["conn_max_age"], said["sqlite_synchronous"]), (0, "full"))
        self.assertLessEqual({"thread_name", "n_threads", "server", "host"}, said.keys())

    @override_settings(CACHE="redis", CACHE_LEVELS=["data"], STATIC_FILES="hashed", SQLITE_SYNCHRONOUS="normal")
    def test_whoami_tells_the_switches(self):
        said = self.client.get("/whoami/").json()
        self.assertEqual((said["cache"], said["cache_levels"], said["static_files"]), ("redis", ["data"], "hashed"))
        self.assertEqual(said["sqlite_synchronous"], "normal")


class Frames(SeededTestCase):
    def test_only_we_may_frame_it(self):
        response = self.client.get("/")
        self.assertEqual(response["Content-Security-Policy"], "frame-ancestors 'self'")
        self.assertNotIn("X-Frame-Options", response)

    @override_settings(FRAME_ANCESTORS=["'self'", "http://localhost:8888"])
    def test_and_whom_we_name(self):
        self.client.handler.load_middleware()  # the header is made once, when the site starts
        policy = self.client.get("/")["Content-Security-Policy"]
        self.assertEqual(policy, "frame-ancestors 'self' http://localhost:8888")
