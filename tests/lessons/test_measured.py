"""What a lesson shows of its measurements."""

import synthetic

from deploylab import course as courses
from deploylab.lessons.answers import Compared, Measured
from deploylab.lessons.display import measured

COURSE = courses.load()


def shown(*runs) -> measured.Shown:
    return measured.measured(Measured(session="s", runs=runs), COURSE)


def test_the_share_that_came_from_a_cache_stands_beside_the_throughput():
    hits = {"n_cache_hits": 225.0, "n_cache_misses": 75.0}
    table = shown(synthetic.run("static"), synthetic.run("cache", rps=100, notes=hits))
    heads, static, cache = table.text.splitlines()[:3]
    assert heads.split()[-3:] == ["from", "a", "cache"] and "<th>from a cache</th>" in table.body
    assert static.split()[-1] == "–" and cache.split("  ")[-1].strip() == "75 %"


def test_where_no_cache_speaks_nothing_is_said_of_one():
    assert "cache" not in shown(synthetic.run("nginx")).text


def test_what_was_asked_behind_the_application_is_a_column_where_it_was_counted():
    counted = {"n_db_queries": 2400.0, "n_app_cache_hits": 75.0, "n_app_cache_misses": 25.0}
    table = shown(synthetic.run(stage="cache", rps=100, notes=counted), synthetic.run(stage="nginx"))
    assert "8 database queries per request, 75 % of the application's lookups found in its cache" in table.text
    assert "database, cache" not in shown(synthetic.run(stage="nginx")).text


VISIT = {"requests_per_visit": 1.0, "bytes_per_visit": 9_310.0, "not_modified_per_visit": 0, "from_cache_per_visit": 10}


def test_a_visit_says_its_requests_and_its_bytes():
    table = shown(synthetic.run(view="revisit", concurrency=1, rps=31, notes=VISIT))
    for text in ("each visit", "1 request and 9.31 kB per visit", "10 files from its own cache", "31.0 visits/s",
                 "ms per visit"):
        assert text in repr(table) and text in table._repr_html_()


def test_requests_alone_need_no_more_columns():
    table = shown(synthetic.run(round=1), synthetic.run(round=2))
    assert "ms per request" in repr(table) and "visit" not in repr(table)
    assert repr(table).count("nginx, page c=10") == 1


def test_two_pages_of_one_target_are_told_apart_by_their_pages():
    one = synthetic.contrast(a="runserver", b="runserver", view="page", b_view="hello", concurrency=10)
    answer = Compared(session="s", contrast=one, differences=(), runs=tuple(synthetic.pairs(one)))
    assert "<th>page</th><th>hello</th>" in measured.compared(answer, COURSE).body


def test_doubts_are_one_sign_with_the_sentences_folded_behind_it():
    doubtful = shown(synthetic.run(flags=["client_cpu=93%"]), synthetic.run(stage="edge", n_failed=50))
    folded = doubtful.body.partition("<details><summary>⚑ Beware: ")[2]
    assert folded.startswith("2 reasons for doubt</summary>") and folded.count("<li>") == 2
    assert doubtful.body.count("Beware") == 1 and doubtful.text.count("Beware: ") == 2
    assert "Beware" not in shown(synthetic.run()).body
