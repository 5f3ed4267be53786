"""One line finds the other: the number of a request in the log; and a request that took long is logged."""

import io
import logging
from unittest import mock

from django.conf import settings
from django.test import TestCase, override_settings
from django.urls import path

from programme import urls

GIVEN = "0123456789abcdef0123456789abcdef"


def broken(request):
    raise RuntimeError("deep inside")


urlpatterns = [*urls.urlpatterns, path("broken/", broken)]


@override_settings(ROOT_URLCONF=__name__)
class Log(TestCase):
    def log_of(self, address, **environ):
        """What the site's own handler writes about one request; and the answer."""
        self.client.raise_request_exception = False
        stream = io.StringIO()
        (handler,) = logging.getLogger("django").handlers
        self.assertIs(handler, logging.getLogger().handlers[0])
        with mock.patch.object(handler, "stream", stream), mock.patch.object(handler, "level", logging.NOTSET):
            response = self.client.get(address, **environ)
        return stream.getvalue(), response

    def test_a_page_that_failed_has_the_number_that_the_server_in_front_gave(self):
        for address, says in [("/nope/", "Not Found: /nope/"), ("/broken/", "RuntimeError: deep inside")]:
            with self.subTest(address):
                log, response = self.log_of(address, HTTP_X_REQUEST_ID=GIVEN)
                self.assertIn(f" id={GIVEN}: ", log)
                self.assertIn(says, log)
                self.assertNotIn("X-Request-ID", response)  # the visitor's server has its own log

    def test_mod_wsgi_s_own_number_counts_more_than_a_header_that_anybody_may_send(self):
        log, _ = self.log_of("/nope/", HTTP_X_REQUEST_ID="a-stranger-s", **{"mod_wsgi.request_id": "xkEvth8V+B/"})
        self.assertIn(" id=xkEvth8V+B/: ", log)
        self.assertNotIn("a-stranger-s", log)

    def test_a_header_writes_no_lines_of_its_own(self):
        for given in ["two\nlines", "a b", "x" * 65, "", "é"]:
            with self.subTest(given):
                log, response = self.log_of("/nope/", HTTP_X_REQUEST_ID=given)
                self.assertRegex(response["X-Request-ID"], "^[0-9a-f]{32}$")
                self.assertIn(f" id={response['X-Request-ID']}: Not Found", log)
                self.assertEqual(len(log.splitlines()), 1)

    def test_each_request_has_a_number_of_its_own(self):
        numbers = {self.client.get("/test/")["X-Request-ID"] for _ in range(5)}
        self.assertEqual(len(numbers), 5)

    @override_settings(SLOW_S=0)
    def test_what_took_long_is_logged(self):
        log, _ = self.log_of("/test/?a=%0Anot+a+line", HTTP_X_REQUEST_ID=GIVEN)
        self.assertRegex(log, rf"WARNING programme\.middleware id={GIVEN}: GET /test/")
        self.assertRegex(log, r"/test/\?a=%0Anot\+a\+line took \d\.\d{3} s\n$")

    def test_and_what_did_not_is_not(self):
        self.assertEqual(settings.SLOW_S, 1)
        self.assertEqual(self.log_of("/test/", HTTP_X_REQUEST_ID=GIVEN)[0], "")
