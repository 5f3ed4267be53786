"""The arithmetic, against numbers worked out by hand."""

from datetime import UTC, datetime

import pytest

from deploylab.load import flags
from deploylab.load.attempts import NONE, OUTCOMES, Attempts, read
from deploylab.load.spec import LoadSpec
from deploylab.load.summary import RawResult, latencies, percentile, summarise

S = 1_000_000_000
URL = "http://127.0.0.1:8000/"
CLOSED = LoadSpec(url=URL, duration_s=10)
OPEN = LoadSpec(url=URL, mode="open", rate_per_s=1, duration_s=10, concurrency=5)


def seen(rows, **fields):
    """What an engine saw whose clock began at 100 s, with a window from 102 s to 112 s."""
    attempts = Attempts()
    for row in rows:
        attempts.add(row)
    return RawResult(**{"attempts": attempts, "zero_ns": 100 * S, "zero_utc": datetime(2026, 1, 1, tzinfo=UTC),
                        "opened_ns": 102 * S, "closed_ns": 112 * S, "client_cpu_s": 1.0, "seed": None,
                        "concurrency": 1, **fields})


def row(begin_s, end_s, outcome="ok", due_s=None, ready_s=None, n_bytes=100):
    due_s = begin_s if due_s is None else due_s
    ready_s = due_s if ready_s is None else ready_s
    return tuple(int(x * S) for x in (due_s, ready_s, begin_s)) + (
        NONE, NONE, int(end_s * S), int(end_s * S), OUTCOMES.index(outcome), n_bytes, NONE, NONE, NONE)


@pytest.mark.parametrize(("thousandths", "value"), [(1, 1), (500, 50), (900, 90), (950, 95), (990, 99), (999, 100)])
def test_nearest_rank(thousandths, value):
    assert percentile(list(range(1, 101)), thousandths) == value


@pytest.mark.parametrize(("n", "shown"), [
    (0, set()),
    (1, {"min", "max"}),
    (19, {"min", "max"}),
    (20, {"min", "p50", "max"}),
    (99, {"min", "p50", "max"}),
    (100, {"min", "p50", "p90", "max"}),
    (200, {"min", "p50", "p90", "p95", "max"}),
    (999, {"min", "p50", "p90", "p95", "max"}),
    (1000, {"min", "p50", "p90", "p95", "p99", "max"}),
    (10_000, {"min", "p50", "p90", "p95", "p99", "p999", "max"}),
])
def test_a_percentile_needs_ten_samples_beyond_it(n, shown):
    assert {name for name, value in latencies([7] * n).items() if value is not None} == shown


@pytest.mark.parametrize(("n_failed", "shown"), [
    (0, {"p50", "p90", "p95", "p99"}),
    (10, {"p50", "p90", "p95", "p99"}),   # 10 of 1010 is just below 1 %
    (11, {"p50", "p90", "p95"}),
    (52, {"p50", "p90", "p95"}),
    (53, {"p50", "p90"}),
    (111, {"p50", "p90"}),
    (112, {"p50"}),
    (1000, {"p50"}),
    (1001, set()),
])
def test_a_percentile_disappears_where_failures_exceed_what_lies_beyond_it(n_failed, shown):
    values = latencies(list(range(1000)), n_failed)
    assert {name for name in ("p50", "p90", "p95", "p99", "p999") if values[name] is not None} == shown
    assert (values["min"], values["max"]) == (0, 999)


def test_a_percentile_is_ranked_among_all_attempts():
    """19 of 2,010 fail, 5 take 600 ms: 99 of 100 attempts had a good answer within 600 ms, not within 3."""
    values = latencies([3] * 1986 + [600] * 5, n_failed=19)
    assert (values["p50"], values["p95"], values["p99"], values["max"]) == (3, 3, 600, 600)
    assert values["p999"] is None


def test_all_equal():
    assert set(latencies([5] * 20_000).values()) == {5}


def test_counts_are_of_attempts_that_began_in_the_window_and_rps_of_answers_that_ended_in_it():
    result = summarise(CLOSED, seen([
        row(101, 101.5),                      # warm-up
        row(101.9, 102.1),                    # began before, ended inside
        row(103, 104), row(104, 107),         # inside
        row(105, 106, "http_5xx"),
        row(111.9, 112.4),                    # began inside, ended in the drain
        row(112, 112.1),                      # began when the window was over
    ]))
    assert (result.n_sent, result.n_ok, result.errors) == (4, 3, {"http_5xx": 1})
    assert result.rps == 3 / 10
    assert (result.latency_ns["min"], result.latency_ns["max"]) == (0.5 * S, 3 * S)
    assert result.bytes == 300
    assert (result.duration_s, result.warmup_s) == (10.0, 0.0)
    assert result.started_utc == "2026-01-01T00:00:02.000+00:00"


def test_the_open_loop_counts_by_due_and_from_due():
    result = summarise(OPEN, seen([
        row(103, 104, due_s=101.9),            # was due in the warm-up
        row(108, 109, due_s=104),
        row(111, 113, due_s=111, ready_s=111),
    ], n_due=5, seed=1))
    assert (result.n_due, result.n_sent, result.n_unsent, result.n_ok) == (5, 2, 3, 2)
    assert result.latency_from == "due"
    assert (result.latency_ns["min"], result.latency_ns["max"]) == (2 * S, 5 * S)
    assert result.rps == 2 / 10


def test_lag_counts_from_when_a_request_could_have_left():
    """A wait for a free connection is the server's doing."""
    result = summarise(OPEN, seen([row(108.001, 109, due_s=104, ready_s=108)], n_due=1))
    assert result.sender_lag_ns["max"] == S // 1000


def test_a_number_of_requests_ends_its_window_with_the_last_answer():
    result = summarise(LoadSpec(url=URL, n_requests=2), seen([row(102, 103), row(103, 106)], closed_ns=None))
    assert (result.duration_s, result.rps) == (4.0, 2 / 4)


@pytest.mark.parametrize("rows", [[], [row(103, 104, "reset")] * 3])
def test_no_good_answer(rows):
    result = summarise(CLOSED, seen(rows))
    assert (result.rps, result.n_ok, result.bytes) == (0, 0, 0)
    assert set(result.latency_ns.values()) == {None}
    assert ("no_answers" in result.flags) == bool(rows)


def test_where_nothing_good_came_back_there_is_no_number_to_doubt():
    result = summarise(CLOSED, seen([row(103, 104, "connect")], client_cpu_s=9.0))
    assert result.flags == ["no_answers"]


@pytest.mark.parametrize(("fields", "flag"), [
    ({"client_cpu_s": 9.0}, "client_cpu=90%"),
    ({"pinned": False}, "not_pinned"),
    ({"shared_core": True}, "shared_core"),
    ({"stopped": True}, "stopped"),
    ({"n_unfinished": 3}, "unfinished=3"),
])
def test_what_puts_a_number_in_doubt(fields, flag):
    result = summarise(CLOSED, seen([row(103, 104)], **fields))
    assert result.flags == [flag]
    assert flags.in_doubt(result.flags)
    assert "{}" not in flags.explain(flag)


def test_the_ceiling():
    rows = [row(103, 104)] * 50
    assert summarise(LoadSpec(url=URL, duration_s=10, ceiling_rps=6), seen(rows)).flags == ["ceiling=83%"]
    assert summarise(LoadSpec(url=URL, duration_s=10, ceiling_rps=60), seen(rows)).flags == []


def test_what_visits_counted_is_told_as_a_mean_of_the_good_ones():
    rows = [row(101, 102), row(103, 104, n_bytes=300), row(104, 105, "http_4xx"), row(105, 106)]
    visits = {"requests": [99, 12, 99, 6], "from_cache": [99, 0, 99, 6]}
    result = summarise(CLOSED, seen(rows, visits=visits))
    assert result.notes == {"requests_per_visit": 9, "from_cache_per_visit": 3, "bytes_per_visit": 200}
    # The ceiling is of requests; these visits make 9 each.
    assert summarise(LoadSpec(url=URL, duration_s=10, ceiling_rps=3), seen(rows, visits=visits)).flags == [
        "many_failures=33.3%", "ceiling=90%"][::-1]


def test_lag_is_flagged_against_the_latency():
    late = [row(103 + i / 1000 + 0.0005, 103 + i / 1000 + 0.0015, due_s=103 + i / 1000) for i in range(2000)]
    assert summarise(CLOSED, seen(late)).flags == ["sender_lag=50%"]


def test_failures_and_unsent_requests_are_flagged():
    rows = [row(103, 104)] * 95 + [row(103, 104, "timeout")] * 5
    assert summarise(CLOSED, seen(rows)).flags == ["many_failures=5.0%"]
    assert summarise(OPEN, seen([row(103, 104)] * 90, n_due=100)).flags == ["unsent=10.0%"]


@pytest.mark.parametrize(("n_in_window", "flagged"), [(1000, False), (920, False), (850, True)])
def test_a_rate_that_is_not_reached_is_flagged(n_in_window, flagged):
    """1,000 were due in 10 s; the others are answered after the window."""
    spec = LoadSpec(url=URL, mode="open", rate_per_s=100, duration_s=10)
    rows = [row(103, 104)] * n_in_window + [row(111, 115)] * (1000 - n_in_window)
    result = summarise(spec, seen(rows, n_due=1000))
    assert result.flags == (["behind=85%"] if flagged else [])
    assert flags.in_doubt(result.flags) == flagged


def test_chance_and_failures_are_no_low_rate():
    """Ten were due and seven came by Poisson's chance; of a thousand, half failed and the others came in time."""
    few = summarise(OPEN, seen([row(103, 104)] * 7, n_due=7))
    assert few.flags == []
    failing = LoadSpec(url=URL, mode="open", rate_per_s=100, duration_s=10)
    half = summarise(failing, seen([row(103, 104)] * 500 + [row(103, 104, "reset")] * 500, n_due=1000))
    assert half.flags == ["many_failures=50.0%"]


def test_slow_clients_are_told_but_are_no_doubt():
    spec = LoadSpec(url=URL, duration_s=10, slow_clients=40)
    result = summarise(spec, seen([row(103, 104)], n_slow_held=38))
    assert result.flags == ["slow_clients=38 of 40"]
    assert not flags.in_doubt(result.flags)


def test_every_flag_has_a_sentence_with_something_to_try():
    for word in flags.SENTENCES:
        assert len(flags.explain(word)) > 40
        assert "{}" not in flags.explain(word)


def test_attempts_are_read_as_they_were_written(tmp_path):
    attempts = Attempts()
    attempts.add(row(103, 104))
    attempts.add(row(105, 106, "timeout"))
    attempts.write(tmp_path / "new" / "a.gz", 100 * S, url=URL)
    head, columns = read(tmp_path / "new" / "a.gz")
    assert head["url"] == URL
    assert list(columns["start_ns"]) == [3 * S, 5 * S]
    assert list(columns["connected_ns"]) == [NONE, NONE]
    assert [head["outcomes"][code] for code in columns["outcome"]] == ["ok", "timeout"]
    assert list(tmp_path.joinpath("new").iterdir()) == [tmp_path / "new" / "a.gz"]


def test_the_snippet_in_the_documentation_reads_attempts(tmp_path, monkeypatch, capsys):
    import deploylab.load.attempts as module

    monkeypatch.chdir(tmp_path)
    attempts = Attempts()
    attempts.add(row(103, 104))
    attempts.write("attempts.gz", 100 * S)
    exec(module.__doc__[module.__doc__.index("    import array"):].replace("\n    ", "\n").strip(), {})
    assert capsys.readouterr().out == "ok 1000000000\n"
