"""A web server that takes its time by a script, and writes down what it saw of every request at its socket.

    GET /bimodal?seed=1&n=1000                        each answer takes as long as the script of that name says
    GET /freezing?freeze_after_ms=300&freeze_ms=200   and none leaves in that time after the first request
    GET /record                                       {target: [[came_ns, left_ns], ...]}, in the order they came

A request came when its last byte was there to read; its answer left when the kernel had taken it. Both are of the
clock that all processes share, so a load generator's times can be held against them. One thread, one loop: a
request is noticed while others wait. It prints its port, and ends with its standard input.

With a certificate on its command line it speaks TLS. There the first request of a connection came when the connection
did: for its client the handshake is a part of what it takes.
"""

import heapq
import json
import random
import selectors
import socket
import ssl
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import parse_qsl, urlsplit

BODY = b"<html>" + b"x" * 200 + b"</html>\n"
NS_PER_MS = 1_000_000
clock = time.monotonic_ns
poller = selectors.DefaultSelector()
later = []         # (when an answer is due, a tie-breaker, connection, log, place in the log)
ties = count()

# How long a request takes, in ms: `share` of all have come before it, 0 to 1; `draw` is seeded. But for the last one,
# no percentile that is looked at lies where a script jumps.
SCRIPTS = {
    "bimodal": lambda share, draw: 60 if draw.random() < 0.2 else 6,
    "long-tail": lambda share, draw: min(8 * draw.lognormvariate(0, 0.9), 200),
    "ramping": lambda share, draw: 4 + 56 * share,
    "freezing": lambda share, draw: 3,
    "one-in-ten": lambda share, draw: 40 if share >= 0.9 else 4,
}


@dataclass
class Log:
    """What was asked for under one target."""

    name: str
    query: dict
    began_ns: int
    draw: random.Random
    rows: list = field(default_factory=list)

    def thaw_ns(self, at_ns):
        """When the freeze that this moment lies in is over, or None outside one."""
        begin_ns = self.began_ns + int(self.query.get("freeze_after_ms", 0)) * NS_PER_MS
        end_ns = begin_ns + int(self.query.get("freeze_ms", 0)) * NS_PER_MS
        return end_ns if begin_ns <= at_ns < end_ns else None

    def due_ns(self, came_ns):
        """When the answer to the request that came just now is due."""
        share = min(len(self.rows) / int(self.query.get("n", 1)), 1)
        service_ns = int(SCRIPTS[self.name](share, self.draw) * NS_PER_MS)
        done_ns = (self.thaw_ns(came_ns) or came_ns) + service_ns
        return self.thaw_ns(done_ns) or done_ns


logs = {}


def log_of(target, now):
    if target not in logs:
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query))
        logs[target] = Log(parts.path[1:], query, now, random.Random(int(query.get("seed", 0))))
    return logs[target]


def answer(body=BODY):
    return b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: %d\r\n\r\n" % len(body) + body


ANSWER = answer()
unread = defaultdict(bytes)


accepted = {}      # when a connection came that has not asked for anything yet; over TLS
context = None


def accept(listener, now):
    conn, _ = listener.accept()
    conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if context:
        conn.setblocking(False)
        conn = context.wrap_socket(conn, server_side=True, do_handshake_on_connect=False)
        accepted[conn] = now
    poller.register(conn, selectors.EVENT_READ, receive)


def receive(conn, now):
    try:
        data = conn.recv(65536)
    except ssl.SSLWantReadError:
        return
    except OSError:
        data = b""
    if not data:
        unread.pop(conn, None)
        accepted.pop(conn, None)
        poller.unregister(conn)
        conn.close()
        return
    unread[conn] += data
    if not unread[conn].endswith(b"\r\n\r\n"):
        return
    target = unread.pop(conn).split(b" ", 2)[1].decode()
    if target == "/record":
        conn.setblocking(True)
        conn.sendall(answer(json.dumps({name: log.rows for name, log in logs.items()}).encode()))
        return
    log = log_of(target, now)
    due_ns = log.due_ns(now)
    heapq.heappush(later, (due_ns, next(ties), conn, log, len(log.rows)))
    log.rows.append([accepted.pop(conn, now), None])


def answer_what_is_due():
    while later and later[0][0] <= clock():
        _, _, conn, log, place = heapq.heappop(later)
        try:
            conn.send(ANSWER)
            log.rows[place][1] = clock()
        except OSError:
            pass  # who asked has gone


def main():
    global context
    if sys.argv[1:]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[1])
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    print(listener.getsockname()[1], flush=True)
    poller.register(listener, selectors.EVENT_READ, accept)
    poller.register(sys.stdin, selectors.EVENT_READ, lambda *_: sys.exit())
    while True:
        seen = poller.select(max(0, later[0][0] - clock()) / 1e9 if later else None)
        now = clock()
        for key, _ in seen:
            key.data(key.fileobj, now)
        answer_what_is_due()


if __name__ == "__main__":
    main()
