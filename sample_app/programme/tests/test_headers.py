"""What a cache, a frame and the course read in the answers."""

import os
import threading

from django.test import override_settings

from programme.models import Talk
from programme.tests.base import SeededTestCase


class Caching(SeededTestCase):
    def test_what_is_measured_is_made_again_each_time(self):
        for address in ["/test/", "/wait/", "/cpu/", "/whoami/", "/healthz/"]:
            with self.subTest(address):
                self.assertEqual(self.client.get(address)["Cache-Control"], "no-store")

    def test_public_pages_may_be_kept_for_a_moment(self):
        talk = Talk.objects.first().get_absolute_url()
        for address in ["/", talk, "/editions/", "/tracks/web/", "/speakers/1/", "/search/?q=a"]:
            with self.subTest(address):
                self.assertEqual(self.client.get(address)["Cache-Control"], "public, max-age=30")

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
