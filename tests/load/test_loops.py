"""When requests leave: closed and open loop, warm-up, window, slow clients."""

import os
import resource
from collections import Counter
from pathlib import Path

import pytest
from load_helpers import FaultyServer, load, measure
from waiting import until

from deploylab.core.errors import LoadError
from deploylab.core.units import NS_PER_MS, NS_PER_S
from deploylab.load import host
from deploylab.load.attempts import NONE
from deploylab.load.open_loop import arrivals

pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
def server():
    with FaultyServer() as server:
        yield server


def test_latency_is_at_least_what_the_server_took(server):
    url = server.url("/ok?ms=20")
    result, made = measure(url, n_requests=40, concurrency=4)
    until(lambda: len(server.counts(url)["service_ns"]) == 40)
    service_ns = sorted(server.counts(url)["service_ns"])
    latency_ns = sorted(e - s for s, e in zip(made.attempts.column("start_ns"), made.attempts.column("end_ns"),
                                              strict=True))
    # The server stamps its end after its answer has left, so a client may be ahead of it, and one time far.
    assert result.latency_ns["min"] >= 20 * NS_PER_MS
    assert latency_ns[19] > 0.9 * service_ns[19]
    assert result.latency_ns["p50"] == latency_ns[19]


def test_the_times_of_an_attempt_are_in_order(server):
    _, made = measure(server.url("/ok?ms=1"), n_requests=30, concurrency=3, keepalive=False)
    names = ("ready_ns", "start_ns", "connected_ns", "first_byte_ns", "end_ns")
    for row in zip(*(made.attempts.column(name) for name in names), strict=True):
        assert list(row) == sorted(row)


def test_a_kept_connection_is_connected_once(server):
    _, made = measure(server.url("/ok"), n_requests=30, concurrency=3)
    assert sum(at != NONE for at in made.attempts.column("connected_ns")) == 3


def test_a_freeze_hides_from_the_closed_loop_and_not_from_the_open(server):
    """At each hundredth request the server stands still for 250 ms. A closed loop of two clients then waits with it."""
    path = "/freeze?every=100&freeze_ms=250&ms=2"
    closed, closed_made = measure(server.url(path), duration_s=2, concurrency=2)
    open_, open_made = measure(server.url(path), mode="open", rate_per_s=150, even=True, duration_s=2, concurrency=100)
    assert closed.latency_ns["max"] > 200 * NS_PER_MS  # it saw it, twice in a hundred
    assert late(closed_made, "start_ns") < 0.05
    assert late(open_made, "due_ns") > 0.1
    assert open_.latency_from == "due"


def late(made, since: str) -> float:
    """The share of answers that took longer than 100 ms."""
    begun_ns, ended_ns = made.attempts.column(since), made.attempts.column("end_ns")
    times = [end - begun for begun, end in zip(begun_ns, ended_ns, strict=True)]
    return sum(time > 100 * NS_PER_MS for time in times) / len(times)


def test_clients_wait_for_their_answers(server):
    """Little's law, against the server's own times."""
    url = server.url("/ok?ms=50")
    result = load(url, duration_s=1, concurrency=5)
    service_s = sum(server.counts(url)["service_ns"]) / NS_PER_S
    assert 0.5 * 5 < service_s / result.duration_s < 1.5 * 5


def test_number_and_time_whichever_comes_first(server):
    few = load(server.url("/ok?ms=5"), n_requests=10, duration_s=30)
    assert (few.n_sent, few.duration_s < 15) == (10, True)
    short = load(server.url("/ok?ms=5"), n_requests=1_000_000, duration_s=0.3)
    assert (short.n_sent < 1_000_000, short.duration_s) == (True, 0.3)


@pytest.mark.parametrize("fields", [
    {"n_requests": 50}, {"duration_s": 0.3}, {"n_requests": 50, "mode": "open", "rate_per_s": 200},
    {"duration_s": 0.3, "mode": "open", "rate_per_s": 200},
])
def test_the_warm_up_is_not_counted(server, fields):
    url = server.url("/ok?ms=2")
    result, made = measure(url, warmup_s=0.3, concurrency=4, **fields)
    assert result.n_sent < len(made.attempts) == server.counts(url)["requests"]
    assert result.warmup_s >= 0.3
    if "n_requests" in fields:
        assert result.n_sent == 50


def test_answers_after_the_deadline_count_as_sent_but_not_as_throughput(server):
    url = server.url("/ok?ms=600")
    result = load(url, duration_s=1, concurrency=3)
    assert (result.n_sent, result.n_ok) == (6, 6)
    assert result.rps == pytest.approx(3)


def test_arrivals():
    assert list(arrivals(4, seed=1, even=True, duration_s=1)) == [0, 250_000_000, 500_000_000, 750_000_000]
    random = arrivals(1000, seed=7, duration_s=20)
    assert random == arrivals(1000, seed=7, duration_s=20) != arrivals(1000, seed=8, duration_s=20)
    # Of 20,000 Poisson arrivals the count has a standard deviation of 141, and as many fall in each half.
    assert abs(len(random) - 20_000) < 700
    assert abs(sum(at < 10 * NS_PER_S for at in random) - 10_000) < 500
    gaps = [b - a for a, b in zip(random, random[1:], strict=False)]
    assert sum(gap > NS_PER_MS for gap in gaps) / len(gaps) == pytest.approx(0.368, abs=0.02)  # 1/e


def test_an_open_loop_sends_what_was_due(server):
    url = server.url("/ok")
    result = load(url, mode="open", rate_per_s=200, seed=3, duration_s=0.5)
    assert result.n_due == result.n_sent == server.counts(url)["requests"] == len(arrivals(200, seed=3, duration_s=0.5))
    assert (result.n_unsent, result.seed, result.target_rps) == (0, 3, 200)


def test_what_never_left_is_told(server):
    """Two connections can send 40 a second; 200 are due."""
    url = server.url("/ok?ms=50")
    result = load(url, mode="open", rate_per_s=200, even=True, duration_s=0.5, concurrency=2)
    assert result.n_due == 100
    assert result.n_unsent == result.n_due - result.n_sent > 50
    assert result.n_sent == server.counts(url)["requests"]
    assert any(flag.startswith("unsent=") for flag in result.flags)
    # The wait for a connection is in the latency, and is not taken for the generator's lag.
    assert result.latency_ns["max"] > 200 * NS_PER_MS
    assert result.latency_ns["max"] > 2 * result.sender_lag_ns["max"]


def test_slow_clients_hold_their_connections_beside_the_load(server):
    url = server.url("/ok?ms=1")
    result = load(url, n_requests=50, concurrency=2, slow_clients=10)
    assert (result.n_sent, result.n_ok, result.flags[-1]) == (50, 50, "slow_clients=10")
    assert server.counts(url)["requests"] == 50


def test_a_dead_server_is_not_asked_in_a_hot_loop():
    result = load("http://127.0.0.1:9/", duration_s=0.3, concurrency=2)
    assert 2 <= result.errors["connect"] <= 2 * 30 + 2


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="counts sockets in /proc")
def test_the_server_closes_first():
    """Else every request without keep-alive leaves a socket in TIME_WAIT here."""
    with FaultyServer() as server:
        assert load(server.url("/ok"), n_requests=300, concurrency=4, keepalive=False).n_ok == 300
        lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        port = f"{server.port:04X}"
        waiting = Counter("server" if line[1].endswith(port) else "client" for line in lines
                          if line[3] == "06" and port in (line[1][-4:], line[2][-4:]))
    assert waiting["server"] > 0
    assert waiting["client"] <= 15  # a server under pressure may be late for some


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system binds no process to a core")
def test_a_core_that_is_not_there():
    before = os.sched_getaffinity(0)
    result = load("http://127.0.0.1:9/", n_requests=1, cpus=[4095])
    assert "not_pinned" in result.flags
    assert os.sched_getaffinity(0) == before


def test_too_many_clients_are_refused_before_the_start(server):
    with pytest.raises(LoadError, match="more open files"):
        load(server.url("/ok"), n_requests=10, concurrency=2**40)


def test_out_of_files_the_run_is_void(server, monkeypatch):
    """The generator ran out of descriptors: that is no failure of the server."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    monkeypatch.setattr(host, "raise_file_limit", lambda: 10_000)  # it believes in more than there are
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
    try:
        with pytest.raises(LoadError, match="EMFILE on connect"):
            load(server.url("/ok?ms=20"), n_requests=1000, concurrency=400)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
