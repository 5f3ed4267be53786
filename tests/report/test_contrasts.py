"""report: what one thing is worth, by the contrasts of a session."""

from dataclasses import replace

import pytest
import synthetic
from report_helpers import GZIP, PART, TWO, Page, with_contrasts, written

from deploylab.measure import compare
from deploylab.results import describe, stats

pytestmark = pytest.mark.usefixtures("own_results", "undrawn")


def test_a_contrast_says_its_one_thing_and_its_worth():
    contrast = synthetic.contrast()
    text = Page(with_contrasts((contrast, [PART], synthetic.pairs(contrast, ratio=2.0)))).text
    comparison = stats.contrast_result(contrast, [PART], synthetic.pairs(contrast, ratio=2.0)).main
    for part in ("What worker-class is worth", "nginx:sync → nginx; wait, 32 clients", "They differ in one thing: the",
                 describe.change(comparison.ratio, comparison.ci95), "gunicorn worker_class: sync → gthread",
                 "5 pairs, half-width", "server CPU per request", "memory (PSS) 120 → 120 MB",
                 "bytes per answer 900 → 900 B"):
        assert part in text, part
    assert "not for its parts" not in text


def test_a_contrast_in_which_more_differs_is_a_step():
    contrast = synthetic.contrast()
    text = Page(with_contrasts((contrast, [PART, GZIP], synthetic.pairs(contrast)))).text
    assert "they differ in 1 thing more: the number is for the whole step, not for its parts." in text
    assert "nginx gzip: off in http → on in http" in text


def test_a_contrast_whose_side_failed_says_so():
    contrast = synthetic.contrast(slow_clients=40)
    runs = [replace(run, n_ok=0, rps=0.0, n_sent=9, errors={"timeout": 9}, latency_ns={}) if run.variant else run
            for run in synthetic.pairs(contrast)]
    text = Page(with_contrasts((contrast, [PART], runs))).text
    assert "No ratio: nginx:sync gave no good answer" in text and "nginx:sync: 45 of 45 failed (100 %)" in text
    assert "wait, 32 clients, 40 slow ones" in text


def test_visits_and_caches_show_what_they_are_about():
    visit = synthetic.contrast("visit", "runserver", "nginx", "visit", 1)
    many = synthetic.contrast("many", "nginx", "nginx:sync", "many", 10)
    a, b = ({"notes": {"requests_per_visit": n, "bytes_per_visit": 1000 * n}} for n in (14, 4))
    cached = {"notes": {"n_cache_hits": 150, "n_cache_misses": 50}}
    text = Page(with_contrasts((visit, [], synthetic.pairs(visit, a_side=a, b_side=b)),
                               (many, [], synthetic.pairs(many, b_side=cached, sd=0.0)))).text
    assert "server CPU per visit" in text and "requests per visit 14 → 4; bytes per visit 14.0 → 4.00 kB" in text
    assert "from a cache – → 38 %" in text
    assert "bytes per answer" not in text.partition("What visit is worth")[2].partition("What many")[0]


def test_a_comparison_alone_is_a_report_too():
    contrast = synthetic.contrast()
    page = Page(with_contrasts((contrast, [PART], synthetic.pairs(contrast)), rounds=[]))
    assert "They differ in one thing" in page.text and len(page.svgs) == 1


def test_contrasts_of_another_version_are_read_all_the_same():
    one = synthetic.contrast()
    page = written(TWO, synthetic.pairs(one), contrasts=[{**compare.as_plan(one), "later": 1}])
    assert "What one change does" in page
