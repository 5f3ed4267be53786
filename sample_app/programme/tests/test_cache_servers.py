"""No page depends on a cache server: it may be gone, or silent."""

import socket
import threading

from django.core.cache import caches
from django.core.signals import request_finished
from django.test import SimpleTestCase, TestCase

from programme import caches as clients
from programme.tests.servers import LEVELS, at, forgetful_server, levels, silent_server


def addresses(where: str) -> dict[str, str]:
    return {"memcached": where, "redis": f"redis://{where}/0"}


class Gone(TestCase):
    def pages(self, kind: str, address: str) -> None:
        with levels(*LEVELS, store=at(kind, address)), self.assertLogs("programme.caches", "WARNING"):
            for _ in range(2):
                response = self.client.get("/")
                self.assertEqual((response.status_code, response["X-Cache"]), (200, "MISS"))
                self.assertContains(self.client.get("/editions/"), "Editions")

    def test_nobody_listens(self):
        for kind, address in addresses("127.0.0.1:1").items():
            with self.subTest(kind):
                self.pages(kind, address)

    def test_no_such_socket(self):
        for kind, address in {"memcached": "unix:/nowhere.sock", "redis": "unix:///nowhere.sock"}.items():
            with self.subTest(kind):
                self.pages(kind, address)

    def test_it_takes_the_question_and_never_answers(self):
        for kind in ["memcached", "redis"]:
            with self.subTest(kind), silent_server() as where:
                self.pages(kind, addresses(where)[kind])


class Memcached(SimpleTestCase):
    def test_a_connection_outlives_the_request(self):
        with forgetful_server() as (where, taken), levels("data", store=at("memcached", where)):
            for _ in range(3):
                self.assertIsNone(caches["data"].get("a"))
                request_finished.send(sender=None)
            self.assertEqual(len(taken), 1)

    def test_a_server_that_was_restarted_is_asked_again_at_once(self):
        with forgetful_server() as (where, taken), levels("data", store=at("memcached", where)):
            caches["data"].get("a")
            taken[0].shutdown(socket.SHUT_RDWR)
            with self.assertNoLogs("programme.caches"):
                self.assertIsNone(caches["data"].get("a"))
            self.assertEqual(len(taken), 2)

    def test_a_value_that_it_refuses_is_not_kept_and_the_next_command_is_sent(self):
        refusal = b"SERVER_ERROR object too large for cache\r\n"
        with forgetful_server(refusal) as (where, taken), levels("data", store=at("memcached", where)):
            with self.assertLogs("programme.caches", "WARNING"):
                caches["data"].set("large", "x" * 3_000_000)
            with self.assertLogs("programme.caches", "WARNING"):
                self.assertIsNone(caches["data"].get("a"))
            self.assertTrue(taken)

    def test_each_thread_has_a_client_of_its_own(self):
        found = []
        with levels("data", store=at("memcached", "127.0.0.1:1")):
            for _ in range(2):
                thread = threading.Thread(target=lambda: found.append(caches["data"]))
                thread.start()
                thread.join()
            self.assertIsNot(found[0], found[1])


class Redis(SimpleTestCase):
    def test_its_answers_are_read_by_compiled_code(self):
        with levels("data", store=at("redis", "redis://127.0.0.1:1/0")):
            pool = caches["data"]._cache._get_connection_pool(write=False)
            self.assertIn("hiredis", pool.make_connection()._parser.__class__.__module__)


class Optional(SimpleTestCase):
    """Both clients, with no server behind them."""

    def caches(self):
        for kind, address in addresses("127.0.0.1:1").items():
            with self.subTest(kind), levels("data", store=at(kind, address)):
                yield caches["data"]

    def test_after_a_failure_it_is_left_alone_for_a_while(self):
        for cache in self.caches():
            with self.assertLogs("programme.caches", "WARNING"):
                self.assertEqual(cache.get("a", "nothing"), "nothing")
            with self.assertNoLogs("programme.caches"):
                self.assertEqual(cache.get("a", "nothing"), "nothing")
            cache._ask_again_at -= clients.LEFT_ALONE_S  # as time would
            with self.assertLogs("programme.caches", "WARNING"):
                cache.get("a")

    def test_every_command_of_the_site_bears_it(self):
        for command, expected in [(lambda cache: cache.get("a", 1), 1), (lambda cache: cache.set("a", 1), None),
                                  (lambda cache: cache.add("a", 1), False), (lambda cache: cache.delete("a"), False),
                                  (lambda cache: cache.get_or_set("a", lambda: 7), 7)]:
            for cache in self.caches():
                with self.assertLogs("programme.caches", "WARNING"):
                    self.assertEqual(command(cache), expected)
