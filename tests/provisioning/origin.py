"""A site to put behind a cache, for tests: it says of itself what the address asks it to say. Runs on the machine.

    /public/a?Cache-Control=max-age=30      this header, and a body that says how often this address was asked for
    /public/a?wait=1.5                      after so many seconds
    /public/a?status=404
    /_/slow=1   /_/fail=1   /_/fail=0       from now on all pages come late, or as 503
"""

import json
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl

state = {"slow": 0.0, "fail": 0.0}
asked: Counter[str] = Counter()
lock = threading.Lock()


class Page(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path.startswith("/_/"):
            name, _, value = path.removeprefix("/_/").partition("=")
            state[name] = float(value)
            return self.send(200, {}, b"set\n")
        says = dict(parse_qsl(query, keep_blank_values=True))
        with lock:
            asked[self.path] += 1
            number = asked[self.path]
        time.sleep(float(says.pop("wait", 0)) + state["slow"])
        status = 503 if state["fail"] else int(says.pop("status", 200))
        headers = {name: value for name, value in says.items() if name[0].isupper()} if status != 503 else {}
        body = {"n": number, "host": self.headers.get("Host", "")}
        return self.send(status, headers, json.dumps(body).encode())

    do_POST = do_HEAD = do_GET

    def send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_) -> None:
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Page).serve_forever()
