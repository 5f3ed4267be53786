"""Figures as plain sentences: what was counted has its own name, and what else was seen is told."""

import pytest
import synthetic

from deploylab.results import describe, lines, stats

VISIT = {"requests_per_visit": 12, "bytes_per_visit": 66_800, "not_modified_per_visit": 0, "from_cache_per_visit": 0}


def test_requests_and_visits_are_never_mixed_up():
    assert describe.change(2.1, (1.9, 2.3)) == "2.1 times as many requests per second (1.9 to 2.3)"
    assert describe.change(0.8, (0.75, 0.85), unit="visits") == "20 % fewer visits per second (15 to 25 %)"
    assert "less server CPU per visit" in describe.change(0.8, (0.75, 0.85), "server_cpu_per_request_s", "visits")


def test_what_a_visit_was():
    first = synthetic.run(view="visit", notes=VISIT)
    again = synthetic.run(view="revisit", notes=VISIT | {"requests_per_visit": 8.5, "not_modified_per_visit": 1,
                                                         "from_cache_per_visit": 3.5})
    assert describe.noted([first]) == "12 requests and 66.8 kB per visit"
    assert describe.noted([again]) == ("8.5 requests and 66.8 kB per visit, 1 answered 304, "
                                    "3.5 files from its own cache")
    assert describe.noted([first, again]).startswith("10.2 requests and 66.8 kB per visit")
    run = synthetic.run(view="revisit", rps=10, duration_s=1, notes=VISIT | {
        "requests_per_visit": 1, "from_cache_per_visit": 1, "n_cache_hits": 5, "n_cache_misses": 5})
    assert describe.noted([run]) == ("1 request and 66.8 kB per visit, 1 file from its own cache, "
                                  "50 % of its pages from the server's cache")


def test_how_much_a_cache_answered():
    half = synthetic.run(rps=100, duration_s=1, notes={"n_cache_hits": 50, "n_cache_misses": 50})
    assert describe.noted([half]) == "50 % from the server's cache"
    assert describe.noted([half, synthetic.run()]) == "50 % from the server's cache"
    assert describe.noted([synthetic.run()]) == ""


def test_what_the_database_and_the_cache_behind_it_were_asked():
    counted = {"n_db_queries": 810, "n_app_cache_hits": 3, "n_app_cache_misses": 1}
    run = synthetic.run(rps=100, duration_s=1, notes=counted)
    assert describe.noted([run]) == ("8.1 database queries per request, "
                                     "75 % of the application's lookups found in its cache")
    few = synthetic.run(view="visit", rps=100, duration_s=1, notes=VISIT | {"n_db_queries": 100})
    assert describe.noted([few]).endswith("per visit, 1 database query per visit")
    none = synthetic.run(rps=100, duration_s=1, notes=dict.fromkeys(counted, 0))
    assert describe.noted([none]) == "0 database queries per request"


@pytest.mark.parametrize(("fields", "words"), [
    ({"keepalive": True}, "kept connections,"), ({"keepalive": False}, "a new connection for each request,"),
    ({"keepalive": False, "notes": {"n_handshakes": 9, "n_resumed": 8}},
     "a new connection for each request, its TLS session resumed,")])
def test_how_the_clients_connected_is_told(fields, words):
    assert words in describe.load(synthetic.run(duration_s=1, **fields))


def test_several_loads_are_named_in_their_order():
    runs = [synthetic.run(concurrency=clients, duration_s=1) for clients in (10, 32, 1, 10)]
    assert describe.loads(runs).startswith("1, 10 or 32 clients, kept connections, ")
    assert describe.loads(runs[:2]).startswith("10 or 32 clients, ")
    assert describe.loads(runs[2:3]).startswith("1 client, ")
    assert describe.loads([]) == "none"


def test_a_line_says_what_was_counted():
    assert "31.0 visits/s" in lines.line(synthetic.run(view="visit", rps=31, notes=VISIT))
    assert "12 requests and 66.8 kB per visit" in lines.line(synthetic.run(view="visit", rps=31, notes=VISIT))
    assert "visit" not in lines.line(synthetic.run(rps=31))


def test_a_comparison_of_visits_says_so():
    a, b = ([synthetic.run(stage, "visit", 1, n, rps * (1 + n / 100), notes=VISIT) for n in range(1, 6)]
            for stage, rps in (("runserver", 10), ("nginx", 30)))
    comparison = stats.compare(a, b)
    assert comparison.unit == "visits" and "3.0 times as many visits per second" in comparison.verdict
