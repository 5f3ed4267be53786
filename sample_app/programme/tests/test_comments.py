"""Posting a comment, the one thing visitors write."""

from django.core.management.base import CommandError
from django.test import Client

from programme.models import Comment, Talk
from programme.tests.base import DIGEST, SeededTestCase, call


class Comments(SeededTestCase):
    def setUp(self):
        self.talk = Talk.objects.get(pk=1)
        self.address = f"/talks/{self.talk.pk}/comment/"

    def post(self, client=None, **values):
        return (client or self.client).post(self.address, {"name": "tester", "body": "Well said."} | values)

    def test_it_is_there_afterwards(self):
        response = self.post()
        comment = Comment.objects.first()
        self.assertEqual(response.status_code, 303)
        self.assertEqual(response["Location"], f"/talks/1/?posted={comment.pk}#comment-{comment.pk}")
        self.assertContains(self.client.get(response["Location"]), "Well said.")
        self.assertContains(self.client.get("/"), "Well said.")

    def test_a_program_gets_json_and_no_redirect(self):
        response = self.client.post(self.address, {"name": "load", "body": "x"},
                                    headers={"accept": "application/json"})
        self.assertEqual(response.status_code, 201)
        self.assertEqual(response.json(), {"comment": Comment.objects.first().pk, "talk": 1})

    def test_what_people_write_is_shown_and_never_run(self):
        self.post(name="<i>me</i>", body="<script>alert(1)</script>")
        for address in ["/talks/1/", "/"]:
            with self.subTest(address):
                self.assertNotContains(self.client.get(address), "<script>alert")
                self.assertContains(self.client.get(address), "&lt;script&gt;alert")

    def test_nothing_to_say(self):
        n_before = Comment.objects.count()
        response = self.post(body="   ")
        self.assertContains(response, "This field is required", status_code=422)
        self.assertContains(response, "tester", status_code=422)
        self.assertEqual(Comment.objects.count(), n_before)

    def test_an_empty_form(self):
        self.assertContains(self.client.post(self.address), "This field is required", status_code=422)

    def test_too_much_to_say(self):
        self.assertEqual(self.post(body="x" * 1001).status_code, 422)
        self.assertEqual(self.post(name="x" * 61).status_code, 422)

    def test_no_such_talk(self):
        self.assertEqual(self.client.get("/talks/999999/comment/").status_code, 404)

    def test_the_form_is_kept_by_nobody(self):
        self.assertEqual(self.client.get(self.address)["Cache-Control"], "no-store")

    def test_the_digest_does_not_count_it(self):
        self.post()
        self.assertEqual(call("digest"), DIGEST)

    def test_what_a_load_test_posted_is_forgotten(self):
        before = list(Comment.objects.values_list("pk", flat=True))
        mine = self.talk.comments.create(name="tester", body="stays")
        self.post(name="Load test")
        self.assertEqual(call("forget", "Load test"), "Deleted 1 comments by Load test.")
        self.assertEqual(list(Comment.objects.values_list("pk", flat=True)), [mine.pk, *before])
        with self.assertRaises(CommandError):
            call("forget", Comment.objects.last().name)


class Csrf(SeededTestCase):
    def setUp(self):
        self.client = Client(enforce_csrf_checks=True)
        self.values = {"name": "tester", "body": "hello"}

    def test_without_a_token(self):
        with self.assertLogs("django.security.csrf", "WARNING"):
            response = self.client.post("/talks/1/comment/", self.values)
        self.assertContains(response, "The form has expired", status_code=403)

    def post_with_token(self, **headers):
        self.client.get("/talks/1/comment/", headers={"host": headers["host"]})
        token = self.client.cookies["csrftoken"].value
        return self.client.post("/talks/1/comment/", self.values, headers={"x-csrftoken": token} | headers)

    def test_with_a_token(self):
        response = self.post_with_token(host="localhost:8003", origin="http://localhost:8003")
        self.assertEqual(response.status_code, 303)

    def test_a_proxy_that_drops_the_port_breaks_the_form(self):
        """Why nginx must say `proxy_set_header Host $http_host`: `$host` has no port."""
        with self.assertLogs("django.security.csrf", "WARNING"):
            response = self.post_with_token(host="localhost", origin="http://localhost:8003")
        self.assertEqual(response.status_code, 403)
