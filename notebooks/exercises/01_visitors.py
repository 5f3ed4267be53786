"""Exercise of lesson 01: a server that serves ten waiting visitors in about the time of one."""

import math
import tempfile
from pathlib import Path

from deploylab import load
from deploylab.core import units
from deploylab.core.errors import LoadError
from deploylab.lessons.servers.process import Child, serving

VISITORS = 10
MOST = 3.0  # times as long as one visitor waits alone; one after the other they take VISITORS times as long
TIMEOUT_S = 5.0
TRIES = 3  # a busy computer may be late once; a server that takes one after the other is late each time

TASK = """
## Exercise: ten visitors in the time of one

Here is the blocking server again, as text. Three visitors waited for each other above, and ten do so too. Change the
program so that ten waiting visitors take about as long as one. The cell runs it, sends the visitors, and says how it
served them.
"""

START = """
PROGRAM = '''
import socket, sys, threading
from work import work
def serve(visitor):
    with visitor:
        visitor.sendall(work(visitor.recv(4096)))
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    serve(server.accept()[0])
'''
""".strip()

HINTS = [
    "What waits? The one line that talks to the port is not reached again until the visitor is served.",
    "Something else has to serve the visitor: a thread, or a process. The loop then goes back to the port at once.",
    "The function `serve` is ready for a thread. Look how servers/threaded.py calls its own.",
]

SOLUTION = START.replace("serve(server.accept()[0])",
                         "threading.Thread(target=serve, args=[server.accept()[0]]).start()")


def check(lab, namespace: dict) -> str:
    """What is still wrong, in words; "" when it is solved."""
    program = namespace.get("PROGRAM")
    if not isinstance(program, str):
        return "There is no PROGRAM. It is a string: the whole program between triple quotation marks."
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "program.py"
        file.write_text(program, encoding="utf-8")
        try:
            with serving(file) as child:
                return _still_wrong(child)
        except LoadError as error:
            return error.what


def _still_wrong(child: Child) -> str:
    alone = _visit(child, TRIES, at_once=1)
    if alone.errors:
        return f"One visitor alone got no good answer: {', '.join(alone.errors)}."
    alone_ns = alone.latency_ns["min"]
    if alone_ns < 50 * units.NS_PER_MS:
        return "A visitor is served in less than 50 ms. The work still has to be done: call work(request)."
    for group in ("ten visitors", "the next ten visitors"):
        times = math.inf
        for _ in range(TRIES):
            seen = _visit(child, VISITORS, at_once=VISITORS)
            if seen.errors:
                return f"Of {group}, {seen.n_errors} got no good answer: {', '.join(seen.errors)}."
            times = min(times, seen.latency_ns["max"] / alone_ns)
            if times <= MOST:
                break
        else:
            return (f"The last of {group} waited {units.factor(times)} times as long as one visitor alone. "
                    "They still wait for each other.")
    return ""


def _visit(child: Child, n: int, at_once: int):
    """So many visitors, so many of them at the same moment, and what they met."""
    return load.run(load.LoadSpec(url=f"{child.url}/wait", n_requests=n, concurrency=at_once, keepalive=False,
                                  marker="done", timeout_s=TIMEOUT_S))
