"""A guess is right, or not, or the interval cannot say: never more than the interval carries."""

from dataclasses import replace

import pytest

from deploylab.core.errors import DeployLabError
from deploylab.results.record import Comparison
from deploylab.results.stats import GUESSES, judged
from deploylab.results.stats.guess import meaning


def found(ratio, ci95=None):
    return Comparison(a="a", b="b", view="page", metric="rps", n_pairs=5, ratio=ratio, ci95=ci95, half_width=None,
                      verdict="")


@pytest.mark.parametrize(("guess", "ratio", "ci95"), [
    ("slower", 0.5, (0.4, 0.6)), ("same", 1.02, (0.75, 1.4)), ("2x", 2.1, (1.9, 2.3)), ("10x", 60, (40, 90))])
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
    assert {judged(guess, found(4, (3.5, 4.5))).found for guess in GUESSES} == {"not"}


@pytest.mark.parametrize(("guess", "ratio", "off"), [
    ("2x", 1.2, "20 % below that"), ("same", 1.8, "20 % above that"), ("2x", 12, "4.0 times its upper end")])
def test_a_miss_says_by_how_much(guess, ratio, off):
    assert off in judged(guess, found(ratio, (ratio * 0.98, ratio * 1.02))).text


def test_the_interval_of_five_pairs_as_wide_as_they_usually_are_fits_into_same():
    assert judged("same", found(1.0, (1 / 1.36, 1.36))).found == "right"


def test_a_ratio_that_moves_is_no_answer():
    moving = replace(found(None), series=(1, 1.5, 2.25))
    assert judged("same", moving).found == "cannot say" and "moved in one direction" in judged("same", moving).text


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
