"""A site over HTTP/1.1 for the tests of visits: a page, a style sheet, a script, pictures. Every answer is known."""

import ssl
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HTML, CSS, PNG = "text/html", "text/css; charset=utf-8", "image/png"
PAGE = """<html><head><link rel="icon" href="/icon.svg"><link rel="stylesheet" href="style.css?v=1">
<script src="/app.js" defer></script></head><body><img src="/icon.svg"><img src="/a.png"><a href="/elsewhere">x</a>
</body></html>
"""
STYLE = "body { background: url(back.png) } /* url(never.png) */"
# What the page needs, in the order in which it is asked for; the last one is named by the style sheet.
NEEDED = ["/", "/icon.svg", "/style.css?v=1", "/app.js", "/a.png", "/back.png"]


class Site(ThreadingHTTPServer):
    """Answers by path: (content type, body, headers, status). Counts what it was asked and what it sent."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, certificate=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.scheme, self.socket = "https", context.wrap_socket(self.socket, server_side=True,
                                                                    do_handshake_on_connect=False)
        self.lock = threading.Lock()
        self.pages, self.slow_s, self.closes = {}, 0.0, False
        self.put("/", HTML, PAGE)
        self.put("/style.css?v=1", CSS, STYLE)
        for path in ("/icon.svg", "/app.js", "/a.png", "/back.png"):
            self.put(path, PNG, path * 100)
        self.forget()
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def put(self, path, kind, body, status=200, **headers):
        body = body if isinstance(body, bytes) else body.encode()
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        self.pages[path] = (status, {"Content-Type": kind, **names}, body)

    def forget(self):
        self.asked, self.statuses, self.n_sent, self.n_connections = [], Counter(), 0, 0
        self.n_now = self.most_at_once = 0

    def url(self, path="/"):
        return f"{self.scheme}://127.0.0.1:{self.server_port}{path}"

    def handle_error(self, *_):
        """A visitor leaves by a reset; there is nothing to say about that."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.server.n_connections += 1

    def do_GET(self):
        site = self.server
        with site.lock:
            site.asked.append((self.path, self.headers))
            site.n_now += 1
            site.most_at_once = max(site.most_at_once, site.n_now)
        time.sleep(site.slow_s)
        with site.lock:  # before the answer is out: the next request may come at once
            site.n_now -= 1
        self.answer(*site.pages.get(self.path, (404, {}, b"nothing here")))

    def answer(self, status, headers, body):
        if status == 0:  # half an answer, and gone
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            self.close_connection = True
            return
        for asks, says in (("If-None-Match", "ETag"), ("If-Modified-Since", "Last-Modified")):
            if self.headers[asks] and self.headers[asks] == headers.get(says):
                status, body = 304, b""
        lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in headers.items())]
        data = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body
        with self.server.lock:
            self.server.statuses[status] += 1
            self.server.n_sent += len(data)
        self.wfile.write(data)
        self.close_connection = self.server.closes

    def log_message(self, *_):
        pass
