"""Limits for a load test: what they say of a result whose figures are known."""

import pytest
from synthetic import run

from deploylab.core.errors import LoadError
from deploylab.load.limits import parse

LATENCY = {"min": 1_000_000, "p50": 2_000_000, "p90": 5_000_000, "p95": 500_000_000, "p99": None, "p999": None,
           "max": 900_000_000}
RESULT = run(n_sent=200, n_ok=198, errors={"timeout": 2}, rps=66.0, latency_ns=LATENCY, latency_mean_ns=3_000_000)


@pytest.mark.parametrize(("limit", "sentence"), [
    ("p95>499ms", "p95 is 500 ms, above the limit of 499 ms."),
    ("p95>500ms", ""),
    ("p95 > 0.4s", "p95 is 0.5 s, above the limit of 0.4 s."),
    ("p95<1s", "p95 is 0.5 s, below the limit of 1 s."),
    ("max>1s", ""),
    ("mean>2.5ms", "mean is 3 ms, above the limit of 2.5 ms."),
    ("failed>1%", ""),
    ("failed>0.9%", "failed is 1 %, above the limit of 0.9 %."),
    ("failed>1", "failed is 2, above the limit of 1."),
    ("rps<66.5", "rps is 66, below the limit of 66.5."),
    ("rps<66/s", ""),
    ("p99>10s", "p99 is not known, because there are too few answers, so it may be beyond 10 s."),
])
def test_a_limit_judges_a_result(limit, sentence):
    assert parse(limit).exceeded(RESULT) == sentence


@pytest.mark.parametrize("text", ["", "p95", "p95>", "p95>500", "p95>5%", "p98>1ms", "failed>1ms", "rps<5%", "p95>=1ms",
                                  "p95>-1ms", "p95>1e3ms"])
def test_what_is_no_limit_is_refused(text):
    with pytest.raises(LoadError, match="--fail-if 'p95>500ms'"):
        parse(text)
