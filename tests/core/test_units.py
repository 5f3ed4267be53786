"""Numbers as a person reads them."""

import pytest

from deploylab.core import units


@pytest.mark.parametrize("x, text", [
    (0, "0"), (0.01234, "0.0123"), (0.9999, "1.00"), (9.996, "10.0"), (99.96, "100"), (12_437, "12,400"),
    (-3.14159, "-3.14"),
])
def test_three_figures(x, text):
    assert units.three_figures(x) == text


@pytest.mark.parametrize("s, text", [
    (0, "0.0 s"), (9.94, "9.9 s"), (9.97, "10.0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (3600, "60 min 00 s"),
])
def test_seconds(s, text):
    assert units.seconds(s) == text


def test_a_missing_number_is_a_dash():
    assert units.ms(None) == units.size(None) == units.rate(None) == "–"


@pytest.mark.parametrize("n, text", [
    (0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (999_999, "1,000 kB"), (2.5e9, "2.50 GB"),
])
def test_size(n, text):
    assert units.size(n) == text
