"""The load engine: it sends requests, times each of them, and reports when it was itself the bottleneck.

It runs as a process of its own, `python -m deploylab.load`, so that nothing else in the kit can
slow it down. From Python:

    from deploylab import load

    result = load.run(load.LoadSpec(url="http://127.0.0.1:8003/test/", concurrency=10, duration_s=3))

Read the modules in this order: `spec` (what to do), `http_head` and `http_parser` (what a response is), `connection`
(one TCP connection) with `reconnect` (its socket again), `closed_loop` and `open_loop` (when to send), `visit` with
`http_cache` and `page_links` (a page with all it refers to), `engine` (the event loop) with `own_time` (what it cost
itself), `attempts` (what is kept), `summary`, `flags` and `limits` (what it means).
"""

from deploylab.load.client import LoadProgress, LoadTest, run, run_until_stopped, start
from deploylab.load.flags import explain, in_doubt
from deploylab.load.spec import LoadSpec

__all__ = ["LoadTest", "LoadSpec", "LoadProgress", "explain", "in_doubt", "run", "run_until_stopped", "start"]
