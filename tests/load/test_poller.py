"""Both ways of waiting for sockets: epoll, and selectors where there is none."""

import select
import socket
import time

import pytest
from load_helpers import FaultyServer, load

from deploylab.load import engine
from deploylab.load.poller import READ, WRITE, EpollPoller, SelectorPoller

pytestmark = pytest.mark.alone

POLLERS = [SelectorPoller] + ([EpollPoller] if hasattr(select, "epoll") else [])


@pytest.fixture(scope="module")
def server():
    with FaultyServer() as server:
        yield server


@pytest.mark.parametrize("poller", POLLERS)
@pytest.mark.parametrize("keepalive", [True, False])
@pytest.mark.parametrize(("path", "outcome"), [
    ("/ok", None), ("/in_chunks", None), ("/announced", None), ("/until_close", None),
    ("/reset?every=5", "reset"), ("/truncated?every=5", "closed_early"), ("/no_marker?every=5", "bad_body"),
])
def test_the_same_outcomes(server, monkeypatch, poller, keepalive, path, outcome):
    monkeypatch.setattr(engine, "Poller", poller)
    url = server.url(path)
    result = load(url, n_requests=20, concurrency=3, keepalive=keepalive, slow_clients=2)
    assert result.errors == ({outcome: 4} if outcome else {})
    assert server.counts(url)["requests"] == 20


@pytest.mark.parametrize("poller", POLLERS)
def test_an_open_loop(server, monkeypatch, poller):
    monkeypatch.setattr(engine, "Poller", poller)
    result = load(server.url("/ok"), mode="open", rate_per_s=200, even=True, duration_s=0.2)
    assert (result.n_due, result.n_ok) == (40, 40)


@pytest.mark.parametrize("poller", POLLERS)
def test_what_is_seen(poller):
    ours, theirs = socket.socketpair()
    waiting = poller()
    waiting.watch(ours.fileno(), READ, "handler")
    assert waiting.wait(0) == []
    theirs.send(b"x")
    assert waiting.wait(1) == [("handler", READ)]
    waiting.watch(ours.fileno(), READ | WRITE, "handler")
    assert waiting.wait(1) == [("handler", READ | WRITE)]
    waiting.unwatch(ours.fileno())
    assert waiting.wait(0) == [] and not waiting.handlers
    ours.close()
    theirs.close()
    waiting.close()


@pytest.mark.parametrize("poller", POLLERS)
def test_a_socket_that_is_closed_while_its_event_waits(poller):
    """Its event still belongs to its own handler, even if another socket has its descriptor by then."""
    waiting, pairs = poller(), [socket.socketpair() for _ in range(2)]
    for name, (ours, theirs) in zip(("first", "second"), pairs, strict=True):
        waiting.watch(ours.fileno(), READ, name)
        theirs.send(b"x")
    events, fd = waiting.wait(1), pairs[1][0].fileno()
    waiting.forget(fd)
    pairs[1][0].close()
    other, their_other = socket.socketpair()
    assert fd in (other.fileno(), their_other.fileno())
    waiting.watch(fd, READ, "third")
    assert sorted(events) == [("first", READ), ("second", READ)]
    waiting.close()
    for end in (pairs[0][0], pairs[0][1], pairs[1][1], other, their_other):
        end.close()


@pytest.mark.skipif(EpollPoller not in POLLERS, reason="no epoll here")
def test_a_precise_wait_is_nearer_than_a_millisecond():
    """epoll rounds 0.1 ms up to 1 ms; compared on the shortest of many: others can only lengthen it."""
    waiting = EpollPoller()

    def took(precise):
        begin = time.perf_counter()
        waiting.wait(0.0001, precise)
        return time.perf_counter() - begin

    pairs = [(took(True), took(False)) for _ in range(100)]
    assert 2 * min(precise for precise, _ in pairs) < min(rounded for _, rounded in pairs)
    waiting.close()
