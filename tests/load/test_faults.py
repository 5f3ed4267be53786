"""Every fault has one outcome, is counted once on both sides, and is never asked again."""

import socket

import pytest
from load_helpers import FaultyServer, load

from tests.certificates import server_file


@pytest.fixture(scope="module", params=["http", "https"])
def server(request):
    """The same faults over plain HTTP and over TLS."""
    with FaultyServer(*([server_file()] if request.param == "https" else [])) as server:
        yield server


GOOD = {
    "content-length": ("/ok", {}),
    "chunks, extensions, trailers": ("/in_chunks", {}),
    "ends with the connection": ("/until_close", {}),
    "HTTP/1.0": ("/old", {}),
    "an announced close": ("/announced", {}),
    "interim answers": ("/interim", {}),
    "byte by byte": ("/dribble", {}),
    "chunks byte by byte": ("/dribble_chunks", {}),
    "204 has no body, so no marker": ("/no_content", {}),
    "205 neither": ("/reset_content", {}),
    "sizes of chunks with leading zeros": ("/padded_chunks", {}),
    "HEAD has no body, so no marker": ("/head_only", {"method": "HEAD"}),
    "compressed, so no marker": ("/encoded", {}),
    "304, where it is asked for": ("/not_modified", {"expect_status": 304}),
}


@pytest.mark.parametrize("keepalive", [True, False], ids=["kept", "closed"])
@pytest.mark.parametrize(("path", "fields"), GOOD.values(), ids=GOOD)
def test_a_good_answer_is_good_however_it_is_sent(server, path, fields, keepalive):
    url = server.url(path)
    result = load(url, n_requests=12, concurrency=3, keepalive=keepalive, **fields)
    assert (result.n_ok, result.errors) == (12, {})
    assert server.counts(url)["requests"] == 12


FAULTS = {
    "drop": ("/drop", "closed_early"),
    "reset": ("/reset", "reset"),
    "reset midway": ("/reset_midway", "reset"),
    "301": ("/status?code=301", "http_3xx"),
    "404": ("/status?code=404", "http_4xx"),
    "503": ("/status?code=503", "http_5xx"),
    "unasked 304": ("/not_modified", "http_3xx"),
    "truncated": ("/truncated", "closed_early"),
    "half a head": ("/cut_head", "closed_early"),
    "no last chunk": ("/cut_chunks", "closed_early"),
    "no marker": ("/no_marker", "bad_body"),
    "an empty page": ("/empty", "bad_body"),
    "extra bytes": ("/extra", "bad_response"),
    "garbage": ("/garbage", "bad_response"),
    "line feeds alone": ("/line_feeds", "bad_response"),
    "one line feed alone": ("/one_line_feed", "bad_response"),
    "a carriage return alone": ("/carriage_return", "bad_response"),
    "chunks with line feeds alone": ("/line_feed_chunks", "bad_response"),
    "chunks in HTTP/1.0": ("/old_chunks", "bad_response"),
}


@pytest.mark.parametrize("keepalive", [True, False], ids=["kept", "closed"])
@pytest.mark.parametrize(("path", "outcome"), FAULTS.values(), ids=FAULTS)
def test_each_fault_is_counted_once_on_both_sides(server, path, outcome, keepalive):
    url = server.url(f"{path}{'&' if '?' in path else '?'}every=5")
    result = load(url, n_requests=30, concurrency=1, keepalive=keepalive)
    if keepalive and path == "/drop":
        outcome = "stale"  # the connection had carried a request before
    assert result.errors == {outcome: 6}
    assert result.n_ok == 24
    counts = server.counts(url)
    assert (counts["requests"], counts["faults"]) == (30, 6)


@pytest.mark.parametrize("fields", [{"concurrency": 1}, {"concurrency": 4},
                                    {"mode": "open", "rate_per_s": 100, "n_requests": 20}], ids=["one", "four", "open"])
@pytest.mark.parametrize("path", ["/twice", "/twice?later_ms=3", "/full_read"])
def test_an_answer_that_nobody_asked_for_is_taken_for_no_other(server, path, fields):
    """The second answer may come when the next request has left. No answer on such a connection is believed."""
    result = load(server.url(path), **{"n_requests": 20, **fields})
    assert result.errors == {"bad_response": 20}


def test_many_clients_and_many_faults_still_add_up(server):
    urls = [server.url(f"/{name}?every=3") for name in ("drop", "reset", "truncated", "no_marker")]
    for url in urls:
        result = load(url, n_requests=120, concurrency=12)
        counts = server.counts(url)
        assert result.n_sent == counts["requests"] == 120
        assert result.n_errors == counts["faults"] == 40


def test_silence_is_a_timeout(server):
    url = server.url("/silent?every=2")
    result = load(url, n_requests=6, concurrency=1, timeout_s=1)  # time enough for the good ones
    assert result.errors == {"timeout": 3}
    assert server.counts(url)["requests"] == 6


def test_the_timeout_counts_from_connect_to_the_last_byte(server):
    """An answer that keeps dribbling does not escape it."""
    url = server.url("/ok?ms=2000")
    result = load(url, n_requests=2, concurrency=2, timeout_s=0.1)
    assert result.errors == {"timeout": 2}


def test_an_answer_after_the_timeout_is_no_answer(server):
    """However soon after it: the generator looks at the clock only every 20 ms here."""
    result = load(server.url("/ok?ms=205"), n_requests=40, concurrency=10, timeout_s=0.2)
    assert result.errors == {"timeout": 40}


def test_an_answer_before_the_request_has_left_counts(server):
    url = server.url("/early")
    result = load(url, n_requests=4, concurrency=2, method="POST", body="x" * 8_000_000)
    assert result.errors == {"http_4xx": 4}
    assert server.counts(url)["requests"] == 4


def test_a_body_is_sent_whole(server):
    url = server.url("/ok")
    result = load(url, n_requests=4, concurrency=2, method="POST", body="x" * 3_000_000)
    assert result.n_ok == server.counts(url)["requests"] == 4


def test_a_refused_port_is_a_failed_connect():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    result = load(f"http://127.0.0.1:{port}/", n_requests=6, concurrency=2)
    assert result.errors == {"connect": 6}
    assert result.rps == 0
    assert "no_answers" in result.flags


def test_an_announced_close_costs_a_connection_and_nothing_else(server):
    url = server.url("/announced?every=10")
    result = load(url, n_requests=100, concurrency=1)
    assert result.errors == {}
    assert server.counts(url)["connections"] == 10


def test_kept_connections_are_kept(server):
    url = server.url("/ok")
    assert load(url, n_requests=200, concurrency=5).n_ok == 200
    assert server.counts(url)["connections"] == 5


def test_without_keepalive_each_request_has_its_own_connection(server):
    url = server.url("/ok")
    assert load(url, n_requests=50, concurrency=5, keepalive=False).n_ok == 50
    assert server.counts(url)["connections"] == 50


def test_an_idle_connection_seen_closed_is_replaced_before_use(server):
    """The server closes each connection 5 ms after its answer; requests come every 500 ms."""
    url = server.url("/unannounced")
    result = load(url, mode="open", rate_per_s=2, even=True, n_requests=4)
    assert (result.n_ok, result.errors) == (4, {})
    assert server.counts(url)["connections"] == 4


def test_redirects_are_not_followed(server):
    url = server.url("/status?code=302")
    load(url, n_requests=3)
    assert server.counts(url)["requests"] == 3
