"""What a page refers to, and for how long a copy is good."""

from email.message import Message

import pytest

from deploylab.core.errors import LoadError
from deploylab.load import http_cache, page_links

URL = "http://127.0.0.1:8000/talks/1/"


@pytest.mark.parametrize(("html", "paths"), [
    ('<link rel="stylesheet" href="/a.css"><LINK REL="Shortcut Icon" HREF=i.ico>', ("/a.css", "/talks/1/i.ico")),
    ('<link rel="canonical" href="/x"><link rel="alternate" href="/feed"><a href="/y"><form action="/z">', ()),
    ('<script src="/a.js"></script><script>"<img src=/no.png>"</script>', ("/a.js",)),
    ('<img src="../2/p.png"><img src="../2/p.png#x"><img alt="none"><img src="">', ("/talks/2/p.png",)),
    ('<img src="data:image/png;base64,AAAA"><img src="#x">', ()),
    ('<!-- <img src="/no.png"> --><img src="/a b.png?q=1&amp;r=ñ">', ("/a%20b.png?q=1&r=%C3%B1",)),
    ('<img src="http://127.0.0.1:8000/own.png"><img src="//127.0.0.1:8000/own2.png">', ("/own.png", "/own2.png")),
    ('<style>p { background: url(s.png) }</style><p>url(no.png)</p>', ("/talks/1/s.png",)),
])
def test_what_a_page_refers_to(html, paths):
    assert page_links.of_page(html, URL) == paths


@pytest.mark.parametrize(("css", "paths"), [
    ("a { b: url(x.png), url('y.png') , url( \"z.png\" ) }", ("/s/x.png", "/s/y.png", "/s/z.png")),
    ("@import 'a.css'; @import url(b.css);", ("/s/a.css", "/s/b.css")),
    ("/* url(no.png) */ a { b: url(data:image/svg+xml;utf8,x); c: url(#gradient) }", ()),
])
def test_what_a_style_sheet_refers_to(css, paths):
    assert page_links.of_style_sheet(css, "http://127.0.0.1:8000/s/a.css") == paths


def test_port_80_may_be_left_out():
    assert page_links.of_page('<img src="http://127.0.0.1:80/a.png">', "http://127.0.0.1/") == ("/a.png",)


def test_another_server_is_an_error_that_names_it():
    with pytest.raises(LoadError, match=r"refers to https://cdn\.example\.com/a\.js[\s\S]*from the site itself"):
        page_links.of_page('<script src="https://cdn.example.com/a.js"></script>', URL)


def headers(**fields) -> Message:
    message = Message()
    for name, value in fields.items():
        message[name.rstrip("2").replace("_", "-")] = value
    return message


@pytest.mark.parametrize(("fields", "seconds"), [
    ({}, 0),
    ({"Last_Modified": "Mon, 05 Oct 2020 10:00:00 GMT"}, 0),
    ({"Cache_Control": "max-age=60"}, 60),
    ({"Cache_Control": "public", "Cache_Control2": "Max-Age=\"90\", immutable"}, 90),
    ({"Cache_Control": "no-cache, max-age=60"}, 0),
    ({"Cache_Control": "max-age=soon"}, 0),
    ({"Date": "Mon, 05 Oct 2026 10:00:00 GMT", "Expires": "Mon, 05 Oct 2026 10:05:00 GMT"}, 300),
    ({"Date": "Mon, 05 Oct 2026 10:00:00 GMT", "Expires": "0"}, 0),
    ({"Date": "Mon, 05 Oct 2026 10:00:00 GMT", "Expires": "Mon, 05 Oct 2026 10:05:00 GMT",
      "Cache_Control": "max-age=10"}, 10),
])
def test_how_long_a_copy_is_good(fields, seconds):
    assert http_cache.lifetime_s(headers(**fields)) == seconds


def test_what_is_kept():
    resource = http_cache.Resource(headers(ETag='"1"', Cache_Control="max-age=86401"), b"")
    assert http_cache.copy_of(resource, ("/a",)) == http_cache.CachedCopy(True, {"If-None-Match": '"1"'}, ("/a",))
    resource = http_cache.Resource(headers(Last_Modified="then", Cache_Control="max-age=86400"), b"")
    assert http_cache.copy_of(resource, ()) == http_cache.CachedCopy(False, {"If-Modified-Since": "then"}, ())
    resource = http_cache.Resource(headers(ETag='"1"', Cache_Control="private, no-store"), b"")
    assert http_cache.copy_of(resource, ()) is None


def test_an_answer_is_read_whatever_its_framing():
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
    whole = b"HTTP/1.1 200 OK\r\nContent-Type: text/css\r\nContent-Length: 3\r\n\r\na{}"
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\na{\r\n1\r\n}\r\n0\r\n\r\n"
    to_the_end = b"HTTP/1.1 200 OK\r\n\r\na{}"
    assert [http_cache.read(raw).text for raw in (whole, chunks, to_the_end, early + whole)] == ["a{}"] * 4
    assert http_cache.read(whole).is_style_sheet and not http_cache.read(chunks).is_style_sheet
