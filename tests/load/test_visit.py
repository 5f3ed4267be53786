"""Visits: a page with all it refers to, against a site whose every answer is known."""

import gzip
from collections import Counter

import pytest
from load_helpers import measure
from visited_site import CSS, HTML, NEEDED, PAGE, PNG, STYLE, Site

from deploylab import load as engine
from deploylab.core.errors import LoadError
from deploylab.load import LoadSpec
from deploylab.load.visit import CONNECTIONS
from tests.certificates import server_file

alone = pytest.mark.alone


@pytest.fixture
def site():
    with Site() as server:
        yield server
        server.shutdown()


def visit(site, n=5, visitor="first", path="/", **fields):
    """The result of n visits, and how often each path was asked for."""
    result, _ = measure(site.url(path), n_requests=n, visitor=visitor, **fields)
    return result, Counter(path for path, _ in site.asked)


def test_a_first_visit_asks_for_the_page_and_each_of_its_files_once(site):
    result, requests = visit(site, n=5)
    assert requests == dict.fromkeys(NEEDED, 5)
    assert (result.n_sent, result.n_ok, result.errors) == (5, 5, {})
    assert result.notes == {"requests_per_visit": 6, "not_modified_per_visit": 0, "from_cache_per_visit": 0,
                            "bytes_per_visit": site.n_sent / 5}
    assert result.bytes == site.n_sent


def test_the_page_comes_first_and_then_its_files_in_its_order(site, monkeypatch):
    monkeypatch.setattr("deploylab.load.visit.CONNECTIONS", 1)  # with more, whoever is faster comes first
    visit(site, n=1)
    assert [path for path, _ in site.asked] == NEEDED
    assert all(headers["Accept-Encoding"] == "gzip" for _, headers in site.asked)
    assert site.n_connections == 1


@alone
def test_files_are_asked_for_on_at_most_six_connections_which_are_kept(site):
    pictures = "".join(f'<img src="/a.png?{i}">' for i in range(20))
    site.put("/", HTML, f"<html>{pictures}</html>")
    site.pages |= {f"/a.png?{i}": site.pages["/a.png"] for i in range(20)}
    site.slow_s = 0.1  # time enough for all six to be asked, though the site is a thread of this process
    result, requests = visit(site, n=2)
    assert result.n_ok == 2 and sum(requests.values()) == 2 * 21
    assert site.most_at_once == CONNECTIONS
    assert site.n_connections == 2 * CONNECTIONS  # each visit has its own, and none for a single file


@alone
def test_a_visit_lasts_from_its_first_request_to_its_last_answer(site):
    """Page, style sheet and what that names can only come one after the other."""
    site.slow_s = 0.03
    result, _ = visit(site, n=2)
    assert result.latency_ns["min"] >= 3 * 0.03e9
    assert result.latency_from == "start"


@alone
def test_visitors_come_at_the_same_time(site):
    site.put("/", HTML, "<html>nothing more</html>")
    site.slow_s = 0.05
    result, _ = visit(site, n=12, concurrency=4)
    assert result.n_ok == 12 and site.most_at_once == 4


def test_a_returning_visitor_asks_again_only_for_what_may_have_changed(site):
    site.put("/", HTML, PAGE, ETag='"p1"', Cache_Control="public, max-age=30")
    site.put("/style.css?v=1", CSS, STYLE, Cache_Control="max-age=31536000, immutable")
    site.put("/back.png", PNG, "b" * 500, Cache_Control="public, max-age=31536000")
    site.put("/app.js", PNG, "j" * 500, Last_Modified="Mon, 05 Oct 2026 10:00:00 GMT")
    site.put("/a.png", PNG, "a" * 500, ETag='"a1"', Cache_Control="no-store")
    result, requests = visit(site, n=4, visitor="returning")
    # The first of the five visits filled the cache, and counts nowhere.
    assert requests == {"/": 5, "/icon.svg": 5, "/app.js": 5, "/a.png": 5, "/style.css?v=1": 1, "/back.png": 1}
    assert site.statuses == {200: 6 + 4 * 2, 304: 4 * 2}
    assert (result.n_sent, result.n_ok) == (4, 4)
    notes = dict(result.notes)
    assert 0 < notes.pop("bytes_per_visit") < site.n_sent / 5
    assert notes == {"requests_per_visit": 4, "not_modified_per_visit": 2, "from_cache_per_visit": 2}
    conditions = [headers for path, headers in site.asked if path == "/a.png"]
    assert not any(headers["If-None-Match"] for headers in conditions)


def test_the_page_itself_is_always_asked_for(site):
    site.put("/", HTML, PAGE, ETag='"p1"', Cache_Control="max-age=31536000, immutable")
    assert visit(site, n=3, visitor="returning")[1]["/"] == 4


def test_a_page_that_is_another_each_time_is_sent_each_time(site):
    site.put("/", HTML, PAGE, ETag='"p1"')
    visit(site, n=1, visitor="returning")
    site.forget()
    site.pages["/"][1].pop("ETag")
    result, _ = visit(site, n=3, visitor="returning")
    assert result.n_ok == 3 and result.notes["not_modified_per_visit"] == 0


def test_a_missing_file_fails_the_visit_by_name_and_the_others_are_still_fetched(site):
    del site.pages["/icon.svg"]
    result, requests = visit(site, n=3)
    assert (result.n_ok, result.errors) == (0, {"http_4xx": 3})
    assert requests == dict.fromkeys(NEEDED, 3)
    assert "no_answers" in result.flags and "requests_per_visit" not in result.notes


@pytest.mark.parametrize(("path", "fields", "error"), [
    ("/", {"status": 500}, "http_5xx"),
    ("/", {"status": 302, "Location": "/elsewhere"}, "http_3xx"),
    ("/a.png", {"status": 301, "Location": "/b.png"}, "http_3xx"),
    ("/a.png", {"status": 304}, "http_3xx"),  # nobody asked whether it had changed
    ("/a.png", {"status": 0}, "closed_early"),
    ("/", {"status": 0}, "closed_early"),
    ("/style.css?v=1", {"Content_Encoding": "br"}, "bad_body"),
    ("/style.css?v=1", {"Content_Encoding": "gzip"}, "bad_body"),  # it says so, and is not
])
def test_a_failure_has_its_name(site, path, fields, error):
    body = "" if fields.get("status") == 304 else PAGE if path == "/" else STYLE
    site.put(path, CSS, body, **fields)
    result, _ = visit(site, n=3)
    assert (result.n_ok, result.errors) == (0, {error: 3})


def test_a_page_without_its_end_is_no_page(site):
    site.put("/", HTML, PAGE.replace("</html>", ""))
    assert visit(site, n=2)[0].errors == {"bad_body": 2}


def test_a_compressed_page_is_read(site):
    site.put("/", HTML, gzip.compress(PAGE.encode()), Content_Encoding="gzip")
    site.put("/style.css?v=1", CSS, gzip.compress(STYLE.encode()), Content_Encoding="gzip")
    result, requests = visit(site, n=2)
    assert result.n_ok == 2 and requests == dict.fromkeys(NEEDED, 2)
    assert result.bytes == site.n_sent


@pytest.mark.parametrize("reference", ["https://fonts.example.com/a.css", "//cdn.example.com/a.css",
                                       "http://127.0.0.1:9/a.css", "http://localhost/a.css"])
def test_a_file_of_another_server_is_never_asked_for(site, reference):
    site.put("/", HTML, f'<link rel="stylesheet" href="{reference}"></html>')
    with pytest.raises(LoadError, match="which is another server"):
        visit(site, n=2)


def test_a_server_that_is_not_there(site):
    result, _ = measure("http://127.0.0.1:9/", n_requests=3, visitor="first")
    assert result.errors == {"connect": 3}
    result, _ = measure("http://127.0.0.1:9/", n_requests=3, visitor="returning")
    assert result.errors == {"connect": 3}


@alone
def test_a_silent_file_times_out(site):
    site.slow_s = 30
    result, _ = visit(site, n=1, timeout_s=0.3)
    assert result.errors == {"timeout": 1}


@alone
def test_the_timeout_is_for_the_whole_visit(site):
    """Five files after the page, each in time; the visit is not."""
    site.slow_s = 0.15
    result, requests = visit(site, n=1, timeout_s=0.4)  # the page, five files, the style sheet's picture
    assert result.errors == {"timeout": 1}
    assert visit(site, n=1, timeout_s=4)[0].errors == {}


def test_connections_that_the_server_closes_are_opened_again(site):
    for path, (status, headers, body) in site.pages.items():
        site.pages[path] = (status, {**headers, "Connection": "close"}, body)
    site.closes = True
    result, requests = visit(site, n=3)
    assert result.n_ok == 3 and site.n_connections == sum(requests.values()) == 18


@alone
def test_the_engine_tells_what_its_visits_cost_it(site):
    """As a process of its own, as `./lab measure` runs it."""
    events = []
    spec = LoadSpec(url=site.url(), duration_s=0.8, visitor="returning", marker="</html>", concurrency=2)
    result = engine.run(spec, events.append)
    assert result.n_ok > 0 and not result.errors
    assert 0 < result.client_cpu_s < 2 * result.duration_s
    assert events[-1].n_ok <= result.n_ok
    assert result.notes["requests_per_visit"] == 6


@alone
def test_a_stopped_visit_is_counted_nowhere(site):
    site.slow_s = 0.02
    with engine.start(LoadSpec(url=site.url(), duration_s=600, visitor="first", concurrency=3)) as test:
        for n, _ in enumerate(test):
            if n == 2:
                test.stop()
    assert "stopped" in test.result.flags
    assert test.result.n_ok > 0 and test.result.n_sent == test.result.n_ok


@pytest.mark.parametrize("fields", [{"visitor": "second"}, {"visitor": "first", "mode": "open", "rate_per_s": 5},
                                    {"visitor": "first", "paths": ["/a"]}, {"visitor": "first", "method": "POST"}])
def test_a_visitor_cannot_do_everything(fields):
    with pytest.raises(LoadError, match="visitor"):
        LoadSpec(url="http://127.0.0.1/", n_requests=1, **fields)


@pytest.mark.parametrize("resume", [False, True], ids=["full", "resumed"])
def test_a_visit_over_tls_asks_for_the_same(resume):
    """A visitor has no session to resume at first; the visits after the first have those of the visit before."""
    with Site(server_file()) as site:
        result, asked = visit(site, n=4, resume=resume)
        site.shutdown()
    assert (result.n_ok, asked) == (4, dict.fromkeys(NEEDED, 4))
    assert result.notes["handshakes_per_visit"] == site.n_connections / 4
    assert result.notes["resumed_per_visit"] > 0 if resume else result.notes["resumed_per_visit"] == 0
