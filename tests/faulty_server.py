"""A web server that misbehaves on demand, and counts what it did.

    GET /reset?every=5&tag=a     every fifth request of this exact target is reset, the others are good
    GET /ok?ms=20                every answer takes 20 ms
    GET /counts                  what was done so far, by target, as JSON

One thread a connection, plain blocking sockets. It prints its port, and ends with its standard input.
"""

import json
import socket
import struct
import sys
import threading
import time
from collections import defaultdict
from urllib.parse import parse_qsl, urlsplit

BODY = b"<html>" + b"x" * 200 + b"</html>\n"
lock = threading.Lock()
frozen = threading.Lock()
counts = defaultdict(lambda: {"requests": 0, "faults": 0, "connections": 0, "service_ns": []})


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


# Each fault gets the connection and the query, sends what it likes, and may raise Hangup.

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


def serve(conn):
    """One connection, from its first request to its end."""
    buffer, first = b"", True
    try:
        while True:
            while b"\r\n\r\n" not in buffer:
                data = conn.recv(65536)
                if not data:
                    return
                buffer += data
            head, _, buffer = buffer.partition(b"\r\n\r\n")
            target = head.split(b" ")[1].decode()
            parts = urlsplit(target)
            query = dict(parse_qsl(parts.query))
            query["close"] = (b"connection: close" in head.lower()
                              or b"HTTP/1.0" in head and b"keep-alive" not in head.lower())
            if parts.path == "/counts":
                conn.sendall(answer(json.dumps(counts).encode(), close=True))
                return
            if parts.path != "/early":
                buffer = read_body(conn, head, buffer)
            one_request(conn, parts.path[1:], target, query, first, head.decode("latin-1").split("\r\n"))
            first = False
            if query["close"]:
                return
    except (Hangup, OSError):
        pass
    finally:
        conn.close()


def one_request(conn, name, target, query, first, head_lines):
    begin = time.monotonic_ns()
    with lock:
        count = counts[target]
        count["requests"] += 1
        count["connections"] += first
        if name == "head":
            count["head"] = head_lines
        faulty = count["requests"] % int(query.get("every", 1)) == 0
        count["faults"] += faulty
    if name == "freeze" and not faulty:
        with frozen:
            pass
    time.sleep(float(query.get("ms", 0)) / 1000)
    (globals()[name or "ok"] if faulty else ok)(conn, query)
    with lock:
        count["service_ns"].append(time.monotonic_ns() - begin)


def read_body(conn, head, buffer):
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            n_bytes = int(line.partition(b":")[2])
            while len(buffer) < n_bytes:
                buffer += conn.recv(65536)
            return buffer[n_bytes:]
    return buffer


def main():
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    print(listener.getsockname()[1], flush=True)
    threading.Thread(target=accept, args=(listener,), daemon=True).start()
    sys.stdin.read()


def accept(listener):
    while True:
        conn, _ = listener.accept()
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(conn,), daemon=True).start()


if __name__ == "__main__":
    main()
