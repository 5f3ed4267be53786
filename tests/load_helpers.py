"""What the tests of the load engine share."""

import json
import subprocess
import sys
from http.client import HTTPConnection
from itertools import count
from pathlib import Path

from deploylab.load.engine import Engine
from deploylab.load.guard import resolve
from deploylab.load.spec import LoadSpec
from deploylab.load.summary import summarise

MARKER = "</html>"
_tags = count()


class FaultyServer:
    """`faulty_server.py` in a process of its own."""

    def __enter__(self):
        self.process = subprocess.Popen([sys.executable, Path(__file__).with_name("faulty_server.py")],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline())
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(10)

    def url(self, path: str) -> str:
        """A URL that no other test uses, so that its counts are this test's alone."""
        return f"http://127.0.0.1:{self.port}{path}{'&' if '?' in path else '?'}tag={next(_tags)}"

    def counts(self, url: str) -> dict:
        """What the server did for this URL: requests, faults, connections, service_ns."""
        connection = HTTPConnection("127.0.0.1", self.port)
        connection.request("GET", "/counts")
        counts = json.loads(connection.getresponse().read())
        connection.close()
        return counts.get(url.partition(str(self.port))[2], {"requests": 0, "faults": 0, "connections": 0})


def measure(url: str, **fields):
    """The result of a load test in this process, and the engine that made it."""
    spec = LoadSpec(url=url, **{"marker": MARKER, "timeout_s": 10, **fields})
    engine = Engine(spec, resolve(url))
    result = summarise(spec, engine.run())
    assert result.n_sent == result.n_ok + sum(result.errors.values())
    return result, engine


def load(url: str, **fields):
    """The result of a load test in this process."""
    return measure(url, **fields)[0]
