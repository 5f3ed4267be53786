"""What the tests of the load engine share."""

import json
import subprocess
import sys
from http.client import HTTPConnection, HTTPSConnection
from itertools import count
from pathlib import Path
from ssl import create_default_context

from deploylab.load.allowed import resolve
from deploylab.load.engine import Engine
from deploylab.load.spec import LoadSpec
from deploylab.load.summary import summarise
from tests.certificates import ca_file

MARKER = "</html>"
_tags = count()


class Server:
    """A server of the tests in a process of its own."""

    program = ""  # beside this file

    def __init__(self, *tls: str):
        """Args: the certificate and the options of a server that speaks TLS; none for plain HTTP."""
        self.tls = tls

    def __enter__(self):
        self.process = subprocess.Popen([sys.executable, Path(__file__).with_name(self.program), *self.tls],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline())
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(10)

    def url(self, path: str) -> str:
        """A URL that no other test uses, so that its counts are this test's alone."""
        scheme = "https" if self.tls else "http"
        return f"{scheme}://127.0.0.1:{self.port}{path}{'&' if '?' in path else '?'}tag={next(_tags)}"

    def _told(self, path: str, url: str, otherwise):
        """What the server tells under a path of one URL."""
        connection = (HTTPSConnection("127.0.0.1", self.port, context=create_default_context(cafile=ca_file()))
                      if self.tls else HTTPConnection("127.0.0.1", self.port))
        connection.request("GET", path)
        told = json.loads(connection.getresponse().read())
        connection.close()
        return told.get(url.partition(str(self.port))[2], otherwise)


class FaultyServer(Server):
    """`faulty_server.py`."""

    program = "faulty_server.py"

    def counts(self, url: str) -> dict:
        """What the server did for this URL: requests, faults, connections, service_ns."""
        return self._told("/counts", url, {"requests": 0, "faults": 0, "connections": 0})


class TimedServer(Server):
    """`timed_server.py`."""

    program = "timed_server.py"

    def record(self, url: str) -> list[tuple[int, int]]:
        """When each request for this URL came and its answer left, in the order they came; only what was answered."""
        return [(came_ns, left_ns) for came_ns, left_ns in self._told("/record", url, []) if left_ns]


def measure(url: str, **fields):
    """The result of a load test in this process, and the engine that made it."""
    trust = {"ca_file": ca_file()} if url.startswith("https:") else {}
    spec = LoadSpec(url=url, **{"marker": MARKER, "timeout_s": 10, **trust, **fields})
    engine = Engine(spec, resolve(url))
    result = summarise(spec, engine.run())
    assert result.n_sent == result.n_ok + sum(result.errors.values())
    return result, engine


def load(url: str, **fields):
    """The result of a load test in this process."""
    return measure(url, **fields)[0]
