"""A guess is right, or not, or the interval cannot say: never more than the interval carries."""

import pytest

from deploylab.core.errors import DeployLabError
from deploylab.results.record import Comparison
from deploylab.results.stats import GUESSES, judged
from deploylab.results.stats.guess import meaning


def found(ratio, ci95=None):
    return Comparison(a="a", b="b", view="page", metric="rps", n_pairs=5, ratio=ratio, ci95=ci95, half_width=None,
                      verdict="")


@pytest.mark.parametrize(("guess", "ratio", "ci95"), [
    ("slower", 0.7, (0.6, 0.8)), ("same", 1.02, (0.95, 1.09)), ("2x", 2.1, (1.9, 2.3)), ("10x", 60, (40, 90))])
def test_right_where_the_whole_interval_lies_in_the_guess_and_there_only(guess, ratio, ci95):
    assert judged(guess, found(ratio, ci95)).found == "right"
    for other in GUESSES.keys() - {guess}:
        verdict = judged(other, found(ratio, ci95))
        assert verdict.found == "not" and f"You said {other}" in verdict.text and meaning(other) in verdict.text


@pytest.mark.parametrize("guess", GUESSES)
def test_an_interval_that_reaches_in_and_out_says_nothing(guess):
    verdict = judged(guess, found(2.1, (0.5, 9)))
    assert verdict.found == "cannot say" and "too wide to say" in verdict.text


def test_between_two_words_nobody_is_right():
    assert {judged(guess, found(1.3, (1.25, 1.35))).found for guess in GUESSES} == {"not"}


@pytest.mark.parametrize(("guess", "ratio", "off"), [
    ("2x", 1.2, "20 % below that"), ("same", 1.32, "20 % above that"), ("2x", 12, "4.0 times the most of that")])
def test_a_miss_says_by_how_much(guess, ratio, off):
    assert off in judged(guess, found(ratio, (ratio * 0.98, ratio * 1.02))).text


@pytest.mark.parametrize(("one", "why"), [(found(None), "no ratio"), (found(2.0), "no interval")])
def test_without_an_interval_nothing_is_said(one, why):
    assert judged("2x", one).found == "cannot say" and why in judged("2x", one).text


def test_no_two_guesses_mean_the_same_ratio():
    ranges = list(GUESSES.values())
    for (_, high), (low, _) in zip(ranges, ranges[1:], strict=False):
        assert high <= low


def test_another_word_is_refused_with_those_there_are():
    with pytest.raises(DeployLabError, match="slower, same, 2x, 10x"):
        judged("3x", found(3.0))
