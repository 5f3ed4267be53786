"""Several generators at once: Locust's master and two workers, started as the guide says, beside our own engine."""

import pytest
from load_helpers import FaultyServer, load

from tests.benchmarks import beyond
from tests.certificates import ca_file, server_file

pytestmark = pytest.mark.slow

N = 400    # as the guide's line asks: 20 users, 20 requests each
EVERY = 7  # of that many requests the server drops one. Users come in waves: every tenth would always be the same one's


@pytest.fixture(scope="module")
def server():
    with FaultyServer() as server:
        yield server


@pytest.fixture(scope="module")
def seen(server):
    """What Locust said of a page that takes its time and drops connections, and what its server counted."""
    url = server.url(f"/drop?every={EVERY}&ms={beyond.SLOW_MS}")
    path = url.partition(str(server.port))[2]
    return beyond.locust(f"http://127.0.0.1:{server.port}", "--path", path), server.counts(url)


def test_the_workers_together_sent_what_was_asked_for(seen):
    locust, counted = seen
    assert len(locust.sent) == 2 and min(locust.sent.values()) > 0
    assert sum(locust.sent.values()) == N == counted["requests"] - counted["faults"]


def test_what_the_server_dropped_is_hidden_by_one_and_told_by_the_other(seen, server):
    locust, counted = seen
    assert counted["faults"] >= N // EVERY
    assert sum(locust.failed.values()) == 0, "sent again, and nothing said"
    url = server.url(f"/drop?every={EVERY}")
    ours = load(url, n_requests=N, concurrency=20)
    counted = server.counts(url)
    assert ours.n_sent == counted["requests"] == N
    assert ours.n_errors == counted["faults"] == N // EVERY


def test_times_of_100_ms_and_more_are_rounded_by_one_of_them(seen, server):
    locust, _ = seen
    assert locust.p50_ms >= 100 and locust.p50_ms % 10 == locust.p99_ms % 10 == 0
    ours = load(server.url(f"/ok?ms={beyond.SLOW_MS}"), n_requests=40, concurrency=20)
    assert ours.latency_ns["p50"] >= beyond.SLOW_MS * 1_000_000


def test_nobody_reaches_the_master_from_another_computer(seen):
    locust, _ = seen
    assert locust.listened == {"127.0.0.1"}


@pytest.mark.thorough
@pytest.mark.parametrize("trusts", [True, False])
def test_over_tls_the_certificate_is_verified(trusts):
    with FaultyServer(server_file()) as server:
        path = server.url("/ok").partition(str(server.port))[2]
        ca = ["--ca", ca_file()] if trusts else []
        seen = beyond.locust(f"https://127.0.0.1:{server.port}", "--path", path, *ca)
    assert sum(seen.failed.values()) == (0 if trusts else N)
