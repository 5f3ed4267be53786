"""A few visitors at a small server at the same moment: how long each waited, and which process and thread served it."""

import html
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from urllib.request import ProxyHandler, build_opener

from deploylab.core import units
from deploylab.core.errors import DeployLabError, LoadError
from deploylab.lessons.answers import ServedVisit, Visits
from deploylab.lessons.display.output import Shown
from deploylab.lessons.servers.process import SERVERS, serving
from deploylab.lessons.servers.result import KINDS

TIMEOUT_S = 10.0
DIRECT = build_opener(ProxyHandler({}))  # no web proxy has anything to do with a server on loopback


def visit(server: str, path: str, visitors: int) -> Visits:
    """Send visitors at the same moment. The result is sorted by how long each waited.

    Args:
        server: one of KINDS.
        path: "wait" or "cpu".
        visitors: how many.

    Raises:
        DeployLabError: there is no such server.
        LoadError: it did not answer.

    Example:
        >>> visit("forking", "wait", 2).visits[0]                    # doctest: +SKIP
        ServedVisit(ns=52041222, by='process 4712, MainThread')
    """
    if server not in KINDS:
        raise DeployLabError(f"There is no server '{server}'.", f"one of: {', '.join(KINDS)}")
    together = threading.Barrier(visitors)
    with serving(SERVERS / f"{server}.py") as child, ThreadPoolExecutor(visitors) as pool:
        visits = pool.map(lambda _: _visit(f"{child.url}/{path}", together), range(visitors))
        return Visits(visits=tuple(sorted(visits, key=lambda each: each.ns)))


def _visit(url: str, together: threading.Barrier) -> ServedVisit:
    together.wait(TIMEOUT_S)
    begun_ns = time.monotonic_ns()
    try:
        page = DIRECT.open(url, timeout=TIMEOUT_S).read().decode()
    except (OSError, HTTPException) as error:
        raise LoadError(f"A visitor of {url} got no answer: {error}", "run the cell again") from error
    return ServedVisit(ns=time.monotonic_ns() - begun_ns, by=page.rpartition(":")[0])


def shown_visits(answer: Visits, title: str, label: str = "") -> Shown:
    """How a notebook shows visits: a row for each visitor, and how much longer the last one waited.

    Args:
        answer: the result of `visit`.
        label: "RECORDED …" if it comes from a recording.
    """
    rows = [(str(number), units.ms(each.ns), each.by) for number, each in enumerate(answer.visits, start=1)]
    summary = (f"{title}: the last of {units.count(len(answer.visits), 'visitor')} waited "
               f"{units.factor(answer.visits[-1].ns / answer.visits[0].ns)} times as long as the first.")
    heads = ("visitor", "waited", "served by")
    table = "".join("<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row) + "</tr>"
                    for tag, row in [("th", heads), *(("td", row) for row in rows)])
    text = "\n".join([*(f"{number:>3}  {ms:>9}  {by}" for number, ms, by in rows), summary])
    return Shown(text, f"<table>{table}</table><p>{html.escape(summary)}</p>", label, answer)
