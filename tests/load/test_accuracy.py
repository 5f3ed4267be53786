"""What the engine says, against what the server wrote down at its socket for the same requests.

A run that is not right is made again, at most twice, because this computer may have been busy. Wrong every time is
wrong, unless the engine itself had to wait for a processor: then nothing can be compared, and the test is skipped.
"""

import pytest
from load_helpers import FaultyServer, TimedServer

from tests.benchmarks import accuracy, others
from tests.benchmarks.accuracy import CASES, CLOSED, FAULTS, FEW, OPEN, Case, Counted, Row
from tests.certificates import server_file

pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
def timed():
    with TimedServer() as server:
        yield server


@pytest.fixture(scope="module")
def faulty():
    with FaultyServer() as server:
        yield server


@pytest.fixture(scope="module")
def rows(timed):
    return {}


def compared(server, case):
    """What the engine said and the server recorded; no comparison where this computer was busy all the time."""
    row = accuracy.ours(server, case)
    if row.wrong and row.disturbed:
        pytest.skip(f"this computer was busy, the engine waited {row.waited:.1%} of the time: {', '.join(row.flags)}")
    return row


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.script}-{case.loop}")
def test_percentiles_are_those_of_the_server(timed, rows, case):
    row = rows[case] = compared(timed, case)
    assert None not in row.said.values()
    assert row.wrong == [], row


@pytest.mark.parametrize("case", [Case("bimodal", CLOSED, clients=4), Case("bimodal", OPEN)],
                         ids=lambda case: case.loop)
def test_percentiles_are_those_of_the_server_over_tls_too(case):
    """Four clients: this server does one thing at a time, and notices the last of 32 handshakes at once late."""
    with TimedServer(server_file()) as server:
        row = compared(server, case)
    assert None not in row.said.values()
    assert row.wrong == [], row


def test_a_percentile_is_the_nearest_rank(timed):
    """One answer in ten is slow, so the 90th percentile is the slowest of the quick ones; the next is far slower."""
    row = compared(timed, FEW)
    assert row.said["p99"] is None, "100 answers do not carry it"
    assert row.said["p90"] is not None and row.wrong == [], row


def test_a_freeze_hides_from_the_closed_loop(rows):
    """Both loops are right about what they sent; only one of them sent while the server was frozen."""
    closed, open_ = (rows.get(case) for case in CASES if case.script == "freezing")
    if not (closed and open_):
        pytest.skip("this computer was busy, see above")
    assert closed.case.loop == CLOSED and open_.case.loop == OPEN
    assert open_.said["p99"] > 4 * closed.said["p99"]
    assert closed.said["max"] > 4 * closed.said["p99"]


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_counted_once_by_its_name(faulty, fault):
    injected, counted = accuracy.our_count(faulty, fault, n=100, clients=1)
    assert injected == 5 and counted == {FAULTS[fault][2]: 5}


def test_the_same_record_gives_the_same_figures_and_a_wrong_one_is_seen():
    recorded = accuracy.figures([ms * 1_000_000 for ms in range(1, 201)])
    assert recorded == {"p50": 100, "p90": 180, "p99": 198, "max": 200}
    figures = {"p50": 104.9, "p90": 190.0, "p99": None, "max": 200.4}
    assert Row(CASES[0], "deploylab", figures, recorded).wrong == ["p90"]
    assert accuracy.right(1.4, 1.0) and not accuracy.right(1.6, 1.0)


def test_the_table_marks_what_is_wrong_and_says_why():
    recorded = {"p50": 6.0, "p90": 60.0, "p99": 61.0, "max": 62.0}
    rows = [Row(CASES[0], "deploylab", recorded, recorded),
            Row(CASES[0], "wrk", {**recorded, "p50": 30.0}, recorded),
            *(Row(Case("freezing", loop), "deploylab", {**recorded, "p99": p99}, recorded)
              for loop, p99 in ((CLOSED, 4.0), (OPEN, 500.0)))]
    text = accuracy.table(rows, {"answers 503": [Counted(20, "20 `http_5xx`"), *[Counted(0, "–")] * 3]})
    assert "| bimodal | closed, 32 clients | wrk | 30.0 / 6.0 ≠ | 60.0 / 60.0 |" in text
    assert accuracy.WHY["wrk"] in text and accuracy.WHY["ab -k"] not in text
    assert "p99 is 4.0 ms, where the open loop's is 500 ms" in text
    assert "| answers 503 | 20 `http_5xx` / 20 | – | – | – |" in text
    assert "†" not in text
    doubtful = Row(CASES[0], "deploylab", recorded, recorded, ("client_wait=31%",))
    assert "deploylab † |" in accuracy.table([doubtful], {})
    assert "in doubt: the load generator had to wait for a processor" in accuracy.table([doubtful], {})


def test_what_ab_and_wrk_print_is_read():
    ab = "Complete requests:      400\nFailed requests:        40\n  50%      3\n  99%      9\n 100%     12"
    assert others.ab_latency_ms(ab) == {"p50": 3.0, "p90": None, "p99": 9.0, "max": 12.0}
    assert others.ab_failures(ab) == "40 failed"
    gave_up = "apr_socket_recv: Connection reset by peer (104)\nTotal of 18 requests completed\nexit status 104"
    assert others.ab_failures(gave_up) == "gives up after 18 requests, exit status 104"
    wrk = "  Latency   3.11ms  900.00us   1.03s   92.00%\n   50%    3.05ms\n   90%    3.90ms\n   99%  966.00us"
    assert others.wrk_latency_ms(wrk) == {"p50": 3.05, "p90": 3.9, "p99": 0.966, "max": 1030.0}
