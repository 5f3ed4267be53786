"""The request before a load, against a server of this test."""

import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deploylab import course as courses
from deploylab import load
from deploylab.core.errors import LoadError
from deploylab.measure import setup_request

VIEWS = courses.load().app.views
ETAG, TOKEN = '"v1"', "s3cr3t"


class Site(BaseHTTPRequestHandler):
    """A file with an ETag, a form with a token, and some that lack what is needed."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.requests.append(self.headers)
        if self.path == "/file":
            fresh = self.headers.get("If-None-Match") == ETAG
            self.answer(304 if fresh else 200, b"" if fresh else b"body", ETag=ETAG)
        elif self.path == "/form":
            self.answer(200, b"<form>", **{"Set-Cookie": f"csrftoken={TOKEN}; Path=/"})
        else:
            self.answer(int(self.path[1:]), b"nothing", Location="/file")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        good = f"csrftoken={TOKEN}" in self.headers["Cookie"] and self.headers["X-CSRFToken"] == TOKEN and body
        self.answer(201 if good else 403, b"{}")

    def answer(self, status, body, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def site():
    """The server; `url(path)` is a URL on it, `requests` has the headers of each request."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        server.requests = []
        server.url = lambda path: f"http://127.0.0.1:{server.server_port}{path}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()


def test_every_prelude_of_the_course_is_known():
    used = {view.prelude for view in VIEWS.values()} - {None}
    assert used == set(setup_request.PRELUDES)


def test_a_view_without_a_prelude_sends_no_request():
    assert setup_request.headers(VIEWS["page"], "http://127.0.0.1:9/nothing-listens-here") == {}


def test_a_file_that_has_not_changed_is_not_sent_again(site):
    view, url = VIEWS["asset_again"], site.url("/file")
    headers = setup_request.headers(view, url)
    assert headers == {"If-None-Match": ETAG}
    result = load.run(load.LoadSpec(url=url, n_requests=20, headers=headers, expect_status=view.expect_status))
    assert (result.n_ok, result.errors) == (20, {})


def test_a_form_is_posted_with_its_token(site):
    view, url = VIEWS["write"], site.url("/form")
    headers = setup_request.headers(view, url)
    spec = load.LoadSpec(url=url, n_requests=20, method=view.method, body=view.body,
                         headers={**view.headers, **headers}, expect_status=view.expect_status)
    assert load.run(spec).n_ok == 20
    assert load.run(replace(spec, headers=view.headers | {"X-CSRFToken": "guessed", "Cookie": "a=b"})).errors == {
        "http_4xx": 20}


def test_it_sends_the_same_headers_as_the_load(site):
    setup_request.headers(replace(VIEWS["asset_again"], headers={"Accept-Encoding": "gzip"}), site.url("/file"))
    assert site.requests[-1]["Accept-Encoding"] == "gzip"
    setup_request.headers(VIEWS["asset_again"], site.url("/file"))
    assert site.requests[-1]["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(("view", "path", "message"), [
    ("asset_again", "/form", r"without an ETag[\s\S]*Next: curl -I http"),
    ("write", "/file", r"no cookie named csrftoken[\s\S]*Next: curl -i http"),
    ("write", "/500", r"gave 500 instead of 200[\s\S]*Next: ./lab check"),
    ("asset_again", "/302", "gave 302"),
])
def test_an_answer_that_lacks_it_is_explained(site, view, path, message):
    with pytest.raises(LoadError, match=message):
        setup_request.headers(VIEWS[view], site.url(path))


def test_a_server_that_is_not_there_is_explained():
    with pytest.raises(LoadError, match="gave no answer"):
        setup_request.headers(VIEWS["write"], "http://127.0.0.1:9/")


def test_an_unknown_prelude_lists_the_known_ones():
    with pytest.raises(LoadError, match="etag, csrf"):
        setup_request.headers(replace(VIEWS["page"], prelude="handshake"), "http://127.0.0.1:9/")
