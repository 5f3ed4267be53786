"""The three levels of caching: what each spares, and what it must never keep."""

import contextlib
import os
import threading
from collections.abc import Iterator

from django.core.cache import caches
from django.db import connection
from django.http import HttpResponse
from django.middleware.csrf import get_token
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import path

from programme import urls
from programme.caching import public
from programme.models import Comment, Talk
from programme.tests.base import SeededTestCase
from programme.tests.servers import LEVELS, MEMORY, levels, server


def with_cookie(request):
    response = HttpResponse("for you alone")
    response.set_cookie("who", "you")
    return response


def with_session(request):
    request.session["visits"] = 1
    return HttpResponse("for you alone")


def with_token(request):
    return HttpResponse(get_token(request))


personal = [path(f"{view.__name__}/", public(view)) for view in [with_cookie, with_session, with_token]]
urlpatterns = [*urls.urlpatterns, *personal]


class CachingTestCase(SeededTestCase):
    @contextlib.contextmanager
    def on(self, *names: str, store: dict = MEMORY) -> Iterator[None]:
        """These levels are on, and their cache is empty: memory outlives a test."""
        with levels(*names, store=store):
            caches["default"].clear()
            yield

    def ask(self, address: str = "/", **headers: str) -> tuple[str | None, int]:
        """X-Cache of the answer, and how many queries it took."""
        with CaptureQueriesContext(connection) as queries:
            response = self.client.get(address, headers=headers)
        self.assertEqual(response.status_code, 200)
        return response.get("X-Cache"), len(queries)


class Levels(CachingTestCase):
    def test_without_a_level_nothing_is_kept(self):
        for address, n_queries in [("/", 8), ("/days/2026-09-10/", 8), ("/talks/1/", 5)]:
            with self.subTest(address), self.on():
                self.assertEqual([self.ask(address), self.ask(address)], [(None, n_queries)] * 2)

    def test_a_fragment_spares_its_queries(self):
        for address, cold, warm in [("/", 8, 2), ("/days/2026-09-10/", 8, 2), ("/talks/1/", 5, 1)]:
            with self.subTest(address), self.on("fragment"):
                self.assertEqual([self.ask(address), self.ask(address)], [(None, cold), (None, warm)])

    def test_data_spares_the_database_and_the_template_is_still_rendered(self):
        for address, cold in [("/", 8), ("/days/2026-09-10/", 8), ("/talks/1/", 5)]:
            with self.subTest(address), self.on("data"):
                self.assertEqual([self.ask(address), self.ask(address)], [(None, cold), (None, 0)])
                self.assertIn("programme/base.html", [used.name for used in self.client.get(address).templates])

    def test_a_view_is_kept_whole(self):
        found = ["/", "/days/2026-09-10/", "/talks/1/", "/speakers/1/", "/tracks/web/", "/editions/", "/search/?q=a"]
        for address in found:
            with self.subTest(address), self.on("view"):
                self.assertEqual(self.ask(address)[0], "MISS")
                self.assertEqual(self.ask(address), ("HIT", 0))
                self.assertEqual(self.client.get(address).templates, [])

    def test_all_together(self):
        with self.on(*LEVELS):
            self.assertEqual([self.ask(), self.ask()], [("MISS", 8), ("HIT", 0)])
            # Another address, the same page: not kept whole, but its parts are.
            self.assertEqual(self.ask("/?from=a-friend"), ("MISS", 0))

    def test_a_page_is_the_same_however_it_comes(self):
        for address in ["/", "/talks/1/"]:
            with self.on():
                plain = self.client.get(address).content
            for on in [["fragment"], ["data"], ["view"], LEVELS]:
                with self.subTest(address, on=on), self.on(*on):
                    self.assertEqual([self.client.get(address).content for _ in range(2)], [plain] * 2)

    def test_servers_give_back_what_they_got(self):
        for kind in ["memcached", "redis"]:
            with self.subTest(kind), server(kind) as store, self.on("fragment", store=store):
                self.assertEqual([self.ask(), self.ask()], [(None, 8), (None, 2)])
            with self.subTest(kind), server(kind) as store, self.on("data", "view", store=store):
                self.assertEqual([self.ask("/talks/1/"), self.ask("/talks/1/")], [("MISS", 5), ("HIT", 0)])
                self.assertEqual(self.ask("/talks/1/?again"), ("MISS", 0))


class WholeAnswers(CachingTestCase):
    def test_who_answers_is_told_each_time(self):
        answers = []
        with self.on("view"):
            self.client.get("/")
            other = threading.Thread(target=lambda: answers.append(self.client.get("/")))
            other.start()
            other.join()
        self.assertEqual(answers[0]["X-Cache"], "HIT")
        self.assertEqual(answers[0]["X-Process"], f"{os.getpid()}/{other.ident}")

    def test_the_other_headers_stay(self):
        with self.on("view"):
            miss, hit = self.client.get("/"), self.client.get("/")
        for name in ["Cache-Control", "Content-Type", "Content-Security-Policy", "ETag"]:
            self.assertEqual(miss[name], hit[name], name)
        self.assertEqual(hit["Age"], "0")
        self.assertNotIn("Vary", hit)

    def test_what_is_measured_is_never_kept(self):
        never = ["/test/", "/cpu/", "/wait/", "/whoami/", "/healthz/", "/talks/1/comment/", "/admin/login/"]
        for address in never:
            with self.subTest(address), self.on(*LEVELS):
                self.assertEqual([self.ask(address)[0], self.ask(address)[0]], [None, None])

    @override_settings(ROOT_URLCONF=__name__)
    def test_an_answer_with_a_cookie_is_never_kept(self):
        for view in [with_cookie, with_session, with_token]:
            with self.subTest(view.__name__), self.on("view"):
                answers = [self.client_class().get(f"/{view.__name__}/") for _ in range(2)]
                for answer in answers:
                    self.assertTrue(answer.cookies)
                    self.assertEqual(answer["X-Cache"], "MISS")
                    self.assertIn("private", answer["Cache-Control"])

    def test_a_visitor_with_a_cookie_gets_the_page_of_everybody(self):
        """It looks at no cookie, so it may: a site that counts its visitors would else keep nothing."""
        with self.on("view"):
            self.client.get("/")
            self.client.get("/talks/1/comment/")
            self.assertIn("csrftoken", self.client.cookies)
            self.assertEqual(self.ask()[0], "HIT")

    def test_head_takes_what_get_has_left(self):
        with self.on("view"):
            self.client.get("/")
            self.assertEqual(self.client.head("/")["X-Cache"], "HIT")

    def test_each_host_and_each_question_is_a_page_of_its_own(self):
        with self.on("view"):
            self.ask()
            self.assertEqual(self.ask(host="localhost:8005")[0], "MISS")
            self.assertEqual(self.ask("/?a=b")[0], "MISS")

    def test_no_such_page_is_not_kept(self):
        with self.on(*LEVELS), self.assertLogs("django.request", "WARNING"):
            for _ in range(2):
                response = self.client.get("/talks/999999/")
                self.assertEqual((response.status_code, response.get("X-Cache")), (404, None))

    def test_not_changed_is_said_from_the_cache_too(self):
        with self.on("view"):
            etag = self.client.get("/")["ETag"]
            with self.assertNumQueries(0):
                again = self.client.get("/", headers={"if-none-match": etag})
        self.assertEqual(again.status_code, 304)


class Invalidation(CachingTestCase):
    def post(self) -> str:
        return self.client.post("/talks/1/comment/", {"name": "me", "body": "Quite new."})["Location"].split("#")[0]

    def test_who_posts_sees_it_at_once_at_every_level(self):
        for on in [["fragment"], ["data"], ["view"], LEVELS]:
            with self.subTest(on=on), self.on(*on):
                Comment.objects.filter(body="Quite new.").delete()
                self.client.get("/talks/1/")
                self.assertContains(self.client.get(self.post()), "Quite new.")

    def test_fragment_and_data_show_it_to_everybody(self):
        for on in [["fragment"], ["data"], ["fragment", "data"]]:
            with self.subTest(on=on), self.on(*on):
                Comment.objects.filter(body="Quite new.").delete()
                self.client.get("/talks/1/")
                self.post()
                self.assertContains(self.client.get("/talks/1/"), "Quite new.")

    def test_a_whole_page_is_old_until_its_time_is_over(self):
        with self.on("view"):
            self.client.get("/talks/1/")
            self.post()
            self.assertNotContains(self.client.get("/talks/1/"), "Quite new.")
            caches["default"].clear()  # as time would
            self.assertContains(self.client.get("/talks/1/"), "Quite new.")

    def test_the_latest_comments_are_old_until_their_time_is_over(self):
        for level in ["fragment", "data"]:
            with self.subTest(level), self.on(level):
                Comment.objects.filter(body="Quite new.").delete()
                self.client.get("/")
                self.post()
                self.assertNotContains(self.client.get("/"), "Quite new.")
                caches["default"].clear()  # as time would
                self.assertContains(self.client.get("/"), "Quite new.")

    def test_a_changed_title_waits_too(self):
        with self.on("data"):
            self.client.get("/talks/1/")
            Talk.objects.filter(pk=1).update(title="Something else")
            self.assertNotContains(self.client.get("/talks/1/"), "Something else")
