"""HTTP/2: visits over one connection, against a server that another library speaks for."""

from collections import Counter

import pytest
from http2_site import Http2Site
from load_helpers import measure

from deploylab.core.errors import LoadError
from deploylab.load import hpack
from deploylab.load.http2 import Http2, Http2Error, Http2Response
from deploylab.load.spec import LoadSpec
from tests.certificates import server_file

PAGE = b"""<html><head><link rel="stylesheet" href="/style.css"><script src="/app.js"></script></head>
<body><img src="/a.png"><img src="/b.png"></body></html>
"""
NEEDED = ["/", "/style.css", "/app.js", "/a.png", "/b.png", "/back.png"]


def pages(**more):
    return {"/": (200, {"content-type": "text/html"}, PAGE),
            "/style.css": (200, {"content-type": "text/css", "etag": '"1"'}, b"body { background: url(back.png) }"),
            "/app.js": (200, {"cache-control": "max-age=31536000"}, b"x" * 100_000),  # more than six frames
            "/a.png": (200, {}, b""), "/b.png": (200, {}, b"b" * 16_384), "/back.png": (200, {}, b"c"), **more}


def frame(kind, flags, stream, payload):
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


def visit(site, n=3, **fields):
    result, _ = measure(site.url(), n_requests=n, http2=True, **{"visitor": "first", **fields})
    return result


def test_a_visit_is_one_connection_with_all_requests():
    with Http2Site(server_file(), pages()) as site:
        result = visit(site)
    assert (result.n_ok, result.errors) == (3, {})
    assert [path for path, _ in site.asked[:6]] == NEEDED
    assert site.n_connections == 3
    assert result.tls.endswith(", HTTP/2")
    sizes = sum(len(body) for _, _, body in pages().values())
    assert result.notes == {"requests_per_visit": 6, "not_modified_per_visit": 0, "from_cache_per_visit": 0,
                            "handshakes_per_visit": 1, "resumed_per_visit": 0,
                            "bytes_per_visit": pytest.approx(sizes, abs=900)}
    assert result.notes["bytes_per_visit"] > sizes


def test_a_request_says_the_same_as_over_http_1():
    with Http2Site(server_file(), pages()) as site:
        visit(site, n=1, headers={"X-Own": "ñ"})
    headers = site.asked[0][1]
    assert headers == {":method": "GET", ":scheme": "https", ":path": "/", ":authority": site.url("")[8:],
                       "user-agent": "deploylab", "accept": "*/*", "accept-encoding": "gzip", "x-own": "ñ"}


def test_a_returning_visitor_asks_for_what_may_have_changed():
    with Http2Site(server_file(), pages()) as site:
        result = visit(site, visitor="returning")
    asked = Counter(path for path, _ in site.asked[6:])
    assert asked == {"/": 3, "/style.css": 3, "/a.png": 3, "/b.png": 3, "/back.png": 3}
    assert (result.notes["not_modified_per_visit"], result.notes["from_cache_per_visit"]) == (1, 1)


@pytest.mark.parametrize(("page", "outcome"), [
    ("reset", "reset"), ("goaway", "closed_early"), ("hangup", "closed_early"), ("garbage", "bad_response"),
    ("short", "bad_response"), ("silent", "timeout"), ((404, {}, b"no"), "http_4xx"), ((503, {}, b""), "http_5xx"),
    ((302, {"location": "/"}, b""), "http_3xx"),
], ids=str)
@pytest.mark.parametrize("path", ["/", "/a.png"])
def test_a_visit_fails_with_one_of_its_requests(path, page, outcome):
    with Http2Site(server_file(), pages() | {path: page}) as site:
        result = visit(site, timeout_s=0.5 if page == "silent" else 10)
    assert result.errors == {outcome: 3}


def test_a_server_without_http2_is_not_taken_for_one():
    with Http2Site(server_file(), pages(), protocols=["http/1.1"]) as site:
        assert visit(site).errors == {"handshake": 3}


def test_a_later_visit_may_resume_the_session():
    with Http2Site(server_file(), pages()) as site:
        assert visit(site, n=4, resume=True).notes["resumed_per_visit"] == 0.75


@pytest.mark.parametrize("fields", [{"visitor": "first", "url": "http://127.0.0.1/"}, {"url": "https://127.0.0.1/"}])
def test_it_is_for_visits_over_tls(fields):
    with pytest.raises(LoadError, match="visits over https"):
        LoadSpec(n_requests=1, http2=True, **fields)


def test_frames_in_any_pieces():
    """A response byte by byte, with padding, a priority, a block in two frames, trailers, and frames for nobody."""
    client, answer, ended = Http2(), Http2Response(), []
    client.ask(client.block("a", "/", {}), answer)
    early = hpack.encode([(":status", "103")])
    block = hpack.encode([(":status", "200"), ("x-cache", "HIT"), ("content-length", "3")])
    frames = [(4, 0, 0, b""), (6, 0, 0, b"12345678"), (1, 4, 1, early),
              (1, 0x28, 1, b"\2" + b"\0\0\0\0\7" + block[:2] + b"\0\0"), (9, 4, 1, block[2:]), (99, 0, 1, b"?"),
              (0, 8, 1, b"\1ab\0"), (0, 0, 1, b"c"), (1, 5, 1, hpack.encode([("x-trailer", "1")]))]
    data = b"".join(frame(*parts) for parts in frames)
    replies = b"".join(client.feed(bytes([byte]), lambda a: None, ended.append) for byte in data)
    assert ended == [answer]
    assert (answer.outcome, answer.status, bytes(answer.body), answer.cache) == ("ok", 200, b"abc", 1)
    assert replies == b"\0\0\0\4\1\0\0\0\0" + b"\0\0\x08\6\1\0\0\0\0" + b"12345678"
    assert answer.n_bytes == sum(9 + len(p) for _, _, number, p in frames if number)


@pytest.mark.parametrize("parts", [
    (0, 0, 1, b"data before headers"), (0, 0, 3, b"nobody asked"), (1, 4, 3, b"\x88"), (9, 4, 1, b"\x88"),
    (1, 4, 1, b"\xff"), (1, 4, 1, b"\x80"), (1, 12, 1, b"\5\x88"), (5, 4, 1, b""), (1, 4, 1, b"")], ids=str)
def test_what_is_no_http2(parts):
    client = Http2()
    client.ask(client.block("a", "/", {}), Http2Response())
    with pytest.raises(Http2Error):
        client.feed(frame(*parts), print, print)
