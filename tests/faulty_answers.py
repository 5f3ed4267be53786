"""What `faulty_server.py` answers, good and bad: a function for each path.

Each gets the connection and the query, sends what it likes, and may raise Hangup.
"""

import os
import socket
import ssl
import struct
import threading
import time

BODY = b"<html>" + b"x" * 200 + b"</html>\n"
frozen = threading.Lock()


class Hangup(Exception):
    """The connection is to be closed."""


def answer(body=BODY, status=200, headers=(), close=False):
    head = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", "Content-Type: text/html", *headers]
    head.append(f"Connection: {'close' if close else 'keep-alive'}")  # ab asks by HTTP/1.0, and must be told
    return ("\r\n".join(head) + "\r\n\r\n").encode() + body


def chunked(body, last=b"0;last\r\nX-Trailer: a\r\n\r\n"):
    pieces = [body[i:i + 50] for i in range(0, len(body), 50)]
    chunks = b"".join(b"%x;name=value\r\n%s\r\n" % (len(p), p) for p in pieces)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + last


def ok(conn, query):
    conn.sendall(answer(close=query["close"]))


def head(conn, query):
    """Keeps the lines of the request's head for /counts."""
    ok(conn, query)


def miss(conn, query):
    conn.sendall(answer(headers=["X-Cache: MISS"], close=query["close"]))


def hit(conn, query):
    conn.sendall(answer(headers=["X-Cache: HIT"], close=query["close"]))


def drop(conn, query):
    raise Hangup


def reset(conn, query):
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise Hangup


def reset_midway(conn, query):
    conn.sendall(answer()[:150])
    time.sleep(0.02)  # let it arrive: a reset may overtake what was sent
    reset(conn, query)


def status(conn, query):
    conn.sendall(answer(status=int(query["code"]), headers=["Location: /ok"], close=query["close"]))


def no_content(conn, query):
    conn.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")


def not_modified(conn, query):
    conn.sendall(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 214\r\n\r\n")


def head_only(conn, query):
    conn.sendall(answer()[:-len(BODY)])


def interim(conn, query):
    conn.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    conn.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" + answer())


def in_chunks(conn, query):
    conn.sendall(chunked(BODY))


def until_close(conn, query):
    conn.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + BODY)
    if isinstance(conn, ssl.SSLSocket):
        conn.unwrap()  # otherwise the end of the connection could be anybody's doing
    raise Hangup


def cut_off(conn, query):
    """The end of the connection is the end of the body, but over TLS nobody said so."""
    conn.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + BODY)
    raise Hangup


def damaged(conn, query):
    """Half an answer, then a TLS record that nobody encrypted."""
    conn.sendall(answer()[:100])
    with socket.socket(fileno=os.dup(conn.fileno())) as raw:
        raw.sendall(b"\x17\x03\x03\x00\x40" + bytes(64))
    time.sleep(0.02)
    raise Hangup


def old(conn, query):
    conn.sendall(answer().replace(b"HTTP/1.1", b"HTTP/1.0").replace(b"Connection: keep-alive\r\n", b""))
    raise Hangup


def announced(conn, query):
    conn.sendall(answer(close=True))
    raise Hangup


def unannounced(conn, query):
    """Answers, says nothing, and closes a moment later."""
    conn.sendall(answer())
    time.sleep(float(query.get("idle_ms", 5)) / 1000)
    raise Hangup


def dribble(conn, query):
    for i in range(0, len(answer())):
        conn.sendall(answer()[i:i + 1])


def dribble_chunks(conn, query):
    data = chunked(BODY)
    for i in range(0, len(data)):
        conn.sendall(data[i:i + 1])


def truncated(conn, query):
    conn.sendall(answer()[:-20])
    raise Hangup


def cut_head(conn, query):
    conn.sendall(answer()[:30])
    raise Hangup


def cut_chunks(conn, query):
    conn.sendall(chunked(BODY, last=b""))
    raise Hangup


def no_marker(conn, query):
    conn.sendall(answer(b"<html>Sorry, try again"))


def empty(conn, query):
    conn.sendall(answer(b""))


def encoded(conn, query):
    conn.sendall(answer(b"\x1f\x8b compressed, so no marker", headers=["Content-Encoding: gzip"]))


def extra(conn, query):
    conn.sendall(answer() + b"and one more thing")
    raise Hangup


def twice(conn, query):
    """Two answers to one request, the second a moment later."""
    conn.sendall(answer(close=query["close"]))
    time.sleep(float(query.get("later_ms", 0)) / 1000)
    conn.sendall(answer(close=query["close"]))


def full_read(conn, query):
    """A body that fills a read of 64 KiB exactly, and another answer behind it."""
    body = b"x" * (65536 - 7) + b"</html>"
    head = answer(body, close=query["close"])[:-len(body)]
    conn.sendall(head)
    time.sleep(0.02)
    conn.sendall(body + answer())


def line_feeds(conn, query):
    conn.sendall(answer().replace(b"\r\n", b"\n"))


def one_line_feed(conn, query):
    conn.sendall(answer(headers=["X-A: b\nX-C: d"]))


def carriage_return(conn, query):
    conn.sendall(answer(headers=["X-A: b\rX-C: d"]))


def line_feed_chunks(conn, query):
    head, _, chunks = chunked(BODY, last=b"0\r\n\r\n").partition(b"\r\n\r\n")
    conn.sendall(head + b"\r\n\r\n" + chunks.replace(b"\r\n", b"\n"))


def padded_chunks(conn, query):
    conn.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%030x\r\n%s\r\n000\r\n\r\n" % (len(BODY), BODY))


def old_chunks(conn, query):
    conn.sendall(chunked(BODY).replace(b"HTTP/1.1", b"HTTP/1.0"))
    raise Hangup


def reset_content(conn, query):
    conn.sendall(b"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n")


def garbage(conn, query):
    conn.sendall(b"220 mail.example ESMTP\r\n")
    time.sleep(0.02)
    raise Hangup


def silent(conn, query):
    """Never answers; waits until the client has had enough."""
    while conn.recv(4096):
        pass
    raise Hangup


def early(conn, query):
    """Answers without having read the body, and closes."""
    conn.sendall(answer(status=413, close=True))
    conn.shutdown(socket.SHUT_WR)
    time.sleep(0.1)
    raise Hangup


def freeze(conn, query):
    """The whole server stands still."""
    with frozen:
        time.sleep(float(query["freeze_ms"]) / 1000)
        ok(conn, query)
