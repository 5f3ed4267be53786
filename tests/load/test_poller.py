"""Both ways of waiting for sockets: epoll, and selectors where there is none."""

import select
import socket
import time

import pytest
from load_helpers import FaultyServer, load

from deploylab.load import engine
from deploylab.load.poller import READ, WRITE, EpollPoller, SelectorPoller

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
    assert waiting.wait(1) == [(ours.fileno(), READ)]
    waiting.watch(ours.fileno(), READ | WRITE, "handler")
    assert waiting.wait(1) == [(ours.fileno(), READ | WRITE)]
    waiting.unwatch(ours.fileno())
    assert waiting.wait(0) == [] and not waiting.handlers
    ours.close()
    theirs.close()
    waiting.close()


class Closing:
    """A handler that closes the sockets of the others when its own has an event, and opens one more."""

    def __init__(self, waiting, number, ends, called):
        self.waiting, self.number, self.ends, self.called = waiting, number, ends, called

    def ready(self, events):
        self.called.append(self.number)
        for number, (ours, _) in list(self.ends.items()):
            if number != self.number:
                self.waiting.forget(ours.fileno())
                ours.close()
                del self.ends[number]
                self.ends["new"] = socket.socketpair()  # one of them has the descriptor that has just become free
                for end in self.ends["new"]:
                    self.waiting.watch(end.fileno(), READ, Closing(self.waiting, "new", {}, self.called))


@pytest.mark.parametrize("poller", POLLERS)
def test_an_event_of_a_socket_that_another_handler_has_closed_reaches_nobody(poller):
    waiting, called = poller(), []
    ends = {number: socket.socketpair() for number in (1, 2)}
    theirs = [pair[1] for pair in ends.values()]
    for number, (ours, other) in list(ends.items()):
        waiting.watch(ours.fileno(), READ, Closing(waiting, number, ends, called))
        other.send(b"x")
    events = waiting.wait(1)
    assert len(events) == 2
    waiting.dispatch(events)
    assert called in ([1], [2])
    waiting.close()
    for end in (*theirs, *(end for pair in ends.values() for end in pair)):
        end.close()


@pytest.mark.alone
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
