"""A guess before a comparison, judged by what was measured."""

from dataclasses import dataclass
from math import inf

from deploylab.core import units
from deploylab.core.errors import DeployLabError
from deploylab.results.record import Comparison

# The possible guesses, and which ratios of B over A each of them means: (from, up to). The interval of five pairs
# usually reaches a third to each side, so "same" must be wide enough to hold one. Ratios between "2x" and "10x" belong
# to no guess.
GUESSES: dict[str, tuple[float, float]] = {
    "slower": (0.0, 1 / 1.5),
    "same": (1 / 1.5, 1.5),    # within a factor of 1.5
    "2x": (1.5, 3.0),          # about twice
    "10x": (5.0, inf),         # five times or more: there is no larger guess
}
RIGHT, NOT, OPEN = "right", "not", "cannot say"


@dataclass(frozen=True)
class Verdict:
    """A guess compared to the result.

    Attributes:
        guess: a key of GUESSES.
        found: RIGHT, NOT or OPEN.
        text: the same in words, with the difference.
    """

    guess: str
    found: str
    text: str


def meaning(guess: str) -> str:
    """Which ratios a guess means, in words.

    Raises:
        DeployLabError: there is no such guess.

    >>> [meaning(guess) for guess in GUESSES]
    ['below 0.67 times', '0.67 to 1.5 times', '1.5 to 3 times', '5 times or more']
    """
    low, high = range_of(guess)
    if not low:
        return f"below {high:.2g} times"
    return f"{low:.2g} times or more" if high == inf else f"{low:.2g} to {high:.2g} times"


def range_of(guess: str) -> tuple[float, float]:
    """The smallest and the largest ratio that a guess means.

    Raises:
        DeployLabError: there is no such guess.
    """
    if guess not in GUESSES:
        raise DeployLabError(f"'{guess}' is no guess. The guesses are: {', '.join(GUESSES)}.",
                             "choose one of these")
    return GUESSES[guess]


def judged(guess: str, result: Comparison) -> Verdict:
    """Whether a guess was right: only if the whole interval of the ratio is within what the guess means.

    If the whole interval is outside, the guess was wrong; otherwise the interval is too wide to say.

    Raises:
        DeployLabError: there is no such guess.

    Example:
        >>> result = Comparison(a="a", b="b", view="page", metric="rps", n_pairs=5, ratio=2.1, ci95=(1.9, 2.3),
        ...                    half_width=0.1, verdict="")
        >>> judged("2x", result).text
        'You said 2x, and that was right: 2.1 times (1.9 to 2.3).'
    """
    low, high = range_of(guess)
    if result.series:
        return Verdict(guess, OPEN, f"You said {guess}; the ratio moved in one direction from pair to pair, so there "
                                   "is none to hold it against.")
    if result.ratio is None:
        return Verdict(guess, OPEN, f"You said {guess}; there is no ratio to hold it against.")
    measured = f"{units.factor(result.ratio)} times ({units.interval(result.ci95)})"
    if result.ci95 is None:
        return Verdict(guess, OPEN, f"You said {guess}; one pair gave {units.factor(result.ratio)} times, and one pair "
                                   "has no interval, so it cannot be said.")
    least, most = result.ci95
    if low <= least and most <= high:
        return Verdict(guess, RIGHT, f"You said {guess}, and that was right: {measured}.")
    if most < low or least > high:
        return Verdict(guess, NOT, f"You said {guess}, and it was not: {measured}. {_off(guess, result.ratio)}.")
    return Verdict(guess, OPEN, f"You said {guess}, which means {meaning(guess)}. It was {measured}: the interval is "
                               "too wide to say, for it reaches into the guess and out of it. More pairs make it "
                               "narrower.")


def _off(guess: str, ratio: float) -> str:
    """By how much a guess missed the ratio."""
    low, high = range_of(guess)
    if ratio < low:
        off = f"{units.percent(1 - ratio / low)} below that"
    else:
        off = f"{units.percent(ratio / high - 1)} above that" if ratio < 2 * high \
            else f"{units.factor(ratio / high)} times its upper end"
    return f"{guess.capitalize()} means {meaning(guess)}; the result is {off}"
