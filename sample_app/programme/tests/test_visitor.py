"""Whom the application takes for the visitor."""

from django.test import TestCase


class Visitor(TestCase):
    def visitor(self, remote: str, forwarded: str | None = None) -> str:
        headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
        return self.client.get("/whoami/", headers=headers, REMOTE_ADDR=remote).json()["visitor"]

    def test_it_is_whom_the_server_in_front_names(self):
        for address in ("192.0.2.7", "2001:db8::7"):
            self.assertEqual(self.visitor("", address), address)

    def test_what_a_visitor_sends_along_counts_for_nothing(self):
        self.assertEqual(self.visitor("", "10.9.9.9, 127.0.0.1,192.0.2.7"), "192.0.2.7")

    def test_a_visitor_who_asks_directly_is_not_believed(self):
        for remote in ("192.0.2.7", "127.0.0.1"):
            self.assertEqual(self.visitor(remote, "10.9.9.9"), remote)

    def test_where_nobody_says_there_is_no_address(self):
        for said in (None, "", "unknown", "192.0.2.7,", "<script>"):
            self.assertEqual(self.visitor("", said), "")
