"""Pages for when something is wrong."""

from unittest import mock

from django.db.utils import OperationalError
from django.test import TestCase, override_settings
from django.urls import path

from programme import urls


def broken(request):
    raise RuntimeError("a secret: 4711")


urlpatterns = [*urls.urlpatterns, path("broken/", broken)]


class Errors(TestCase):
    def test_404(self):
        for address in ["/nope/", "/talks/999999/", "/days/2026-13-45/", "/days/1999-01-01/", "/tracks/none/"]:
            with self.subTest(address):
                response = self.client.get(address)
                self.assertContains(response, "No such page", status_code=404)
                self.assertTrue(response.content.rstrip().endswith(b"</html>"))
                self.assertIn("X-Process", response)

    @override_settings(ROOT_URLCONF=__name__)
    def test_500_tells_the_log_and_not_the_visitor(self):
        self.client.raise_request_exception = False
        with self.assertLogs("django.request", "ERROR") as log:
            response = self.client.get("/broken/")
        self.assertContains(response, "Man overboard", status_code=500)
        self.assertNotContains(response, "4711", status_code=500)
        self.assertIn("4711", "".join(log.output))
        self.assertIn("X-Process", response)

    def test_a_host_that_is_not_ours(self):
        with self.assertLogs("django.security", "ERROR"):
            response = self.client.get("/", headers={"host": "evil.example"})
        self.assertContains(response, "not one of ours", status_code=400)

    def test_wrong_method(self):
        with self.assertLogs("django.request", "WARNING"):
            self.assertEqual(self.client.post("/test/").status_code, 405)


class Health(TestCase):
    def test_200_when_the_database_answers(self):
        self.assertEqual(self.client.get("/healthz/").status_code, 200)

    def test_503_when_it_does_not_and_no_reason_for_the_visitor(self):
        with mock.patch("programme.views.connection") as connection, self.assertLogs("programme", "ERROR"):
            connection.cursor.side_effect = OperationalError("no route to db.internal")
            response = self.client.get("/healthz/")
        self.assertEqual(response.status_code, 503)
        self.assertNotIn(b"db.internal", response.content)
        self.assertIn("no-store", response["Cache-Control"])
