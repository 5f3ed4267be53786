"""The parser, on answers cut at every place."""

import pytest

from deploylab.load.http_head import BadResponse, parse_head
from deploylab.load.http_parser import Parser

PAGE = b"<html>hello</html>"
ANSWERS = {
    "content-length": b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 18\r\n\r\n" + PAGE,
    "white space after the marker": b"HTTP/1.1 200 OK\r\ncontent-length:20\r\n\r\n" + PAGE + b"\r\n",
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
              b"5\r\n<html\r\nD;a=\"b\"\r\n>hello</html>\r\n0\r\n\r\n",
    "trailers": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"12\r\n" + PAGE + b"\r\n000\r\nA: b\r\nC: d\r\n\r\n",
    "chunks win over a length": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
                                b"12\r\n" + PAGE + b"\r\n0\r\n\r\n",
    "leading zeros": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                     b"00000000000000000000012\r\n" + PAGE + b"\r\n0000000000000000000\r\n\r\n",
    "no reason": b"HTTP/1.1 200\r\nContent-Length: 18\r\n\r\n" + PAGE,
    "interim": b"HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
               b"HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n" + PAGE,
    "folded header": b"HTTP/1.1 200 OK\r\nX-Old: a\r\n b\r\nContent-Length: 18\r\n\r\n" + PAGE,
    "the same length twice": b"HTTP/1.1 200 OK\r\nContent-Length: 18\r\nContent-Length: 18\r\n\r\n" + PAGE,
    "205": b"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n",
    "205 in chunks": b"HTTP/1.1 205 Reset Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "304": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 18\r\n\r\n",
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_cut_at_every_place(answer):
    for cut in range(1, len(answer)):
        parser = Parser(marker=b"</html>")
        assert not parser.feed(answer[:cut]), cut
        assert parser.feed(answer[cut:]), cut
        assert (parser.status // 100 in (2, 3), parser.keep, parser.marked) == (True, True, True)
        assert parser.n_bytes == len(answer)


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_byte_by_byte_and_one_after_the_other(answer):
    parser = Parser(marker=b"</html>")
    for _ in range(2):
        parser.reset()
        assert [parser.feed(answer[i:i + 1]) for i in range(len(answer))] == [False] * (len(answer) - 1) + [True]
        assert parser.marked


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_the_end_of_the_connection_completes_none_of_these(answer):
    for cut in range(len(answer)):
        parser = Parser()
        parser.feed(answer[:cut])
        assert not parser.end()


@pytest.mark.parametrize("answer", [a for name, a in ANSWERS.items()], ids=ANSWERS)
def test_one_byte_too_many_is_refused(answer):
    for cut in range(1, len(answer)):
        parser = Parser()
        parser.feed(answer[:cut])
        with pytest.raises(BadResponse):
            parser.feed(answer[cut:] + b"!")


def test_until_close():
    answer = b"HTTP/1.1 200 OK\r\n\r\n" + PAGE
    for cut in range(1, len(answer)):
        parser = Parser(marker=b"</html>")
        assert not parser.feed(answer[:cut])
        assert not parser.feed(answer[cut:])
        assert parser.end() and parser.marked and not parser.keep


REFUSED = {
    "another protocol": b"SSH-2.0-OpenSSH_9.9\r\n",
    "the first letter": b"X",
    "HTTP/2": b"HTTP/2 200\r\n\r\n",
    "status of two digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "status 600": b"HTTP/1.1 600 Odd\r\n\r\n",
    "header without a colon": b"HTTP/1.1 200 OK\r\nnothing\r\n\r\n",
    "space before the colon": b"HTTP/1.1 200 OK\r\nContent-Length : 1\r\n\r\nx",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    "length below 0": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "length in words": b"HTTP/1.1 200 OK\r\nContent-Length: one\r\n\r\nx",
    "chunk size in words": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfive\r\nhello",
    "chunk size below 0": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello",
    "chunk too long": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n",
    "another protocol offered": b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\n",
    "lines without a carriage return": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "a bare line feed in a head": b"HTTP/1.1 200 OK\r\nA: b\nContent-Length: 2\r\n\r\nok",
    "a bare carriage return in a head": b"HTTP/1.1 200 OK\r\nA: b\rC: d\r\nContent-Length: 2\r\n\r\nok",
    "a carriage return too many": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\r\n\r\nok",
    "a head that ends with a line feed": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\nok",
    "chunks without a carriage return": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\nok\n0\n\n",
    "a bare line feed in a chunk's line": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                          b"2;a\nb\r\nok\r\n0\r\n\r\n",
    "chunks in HTTP/1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "an endless head": b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 12_000,
}


@pytest.mark.parametrize("answer", REFUSED.values(), ids=REFUSED)
def test_what_is_not_an_answer_is_refused(answer):
    with pytest.raises(BadResponse):
        Parser().feed(answer)


@pytest.mark.parametrize(("head", "keep"), [
    (b"HTTP/1.1 200 OK", True),
    (b"HTTP/1.1 200 OK\r\nConnection: close", False),
    (b"HTTP/1.1 200 OK\r\nConnection: X-Thing, Close", False),
    (b"HTTP/1.0 200 OK", False),
    (b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive", True),
])
def test_may_the_connection_be_kept(head, keep):
    assert parse_head(head + b"\r\nContent-Length: 0").keep is keep


@pytest.mark.parametrize(("body", "marked"), [
    (PAGE, True), (PAGE + b" \n\n", True), (PAGE + b"x", False), (b"", False), (b"</html> and more", False),
])
@pytest.mark.parametrize("head", ["Content-Length: %d", "Transfer-Encoding: chunked"])
def test_a_good_body_ends_with_the_marker(head, body, marked):
    if "%d" in head:
        head %= len(body)
    else:
        body = (b"%x\r\n%s\r\n" % (len(body), body) if body else b"") + b"0\r\n\r\n"
    answer = f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode() + body
    for cut in range(1, len(answer)):
        parser = Parser(marker=b"</html>")
        parser.feed(answer[:cut])
        parser.feed(answer[cut:])
        assert parser.marked is marked


def test_the_marker_is_not_looked_for_in_the_head():
    parser = Parser(marker=b"</html>")
    assert parser.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nX: </html>\r\n\r\n\n")
    assert not parser.marked


def test_many_heads_are_not_remembered_for_ever():
    heads = {}
    for i in range(1000):
        assert Parser(heads=heads).feed(b"HTTP/1.1 200 OK\r\nX-Id: %d\r\nContent-Length: 0\r\n\r\n" % i)
    assert len(heads) <= 64
