"""The order of runs that are compared: drawn by lot, balanced, and the same again from the same seed."""

import random


def drawn(n: int, seed: str) -> list[bool]:
    """For each of n pairs or rounds, whether it keeps the given order; the others are reversed.

    Half of them keep it, in an order drawn by lot. A strict A B, B A, A B … would meet a disturbance that returns every
    four runs in the same way in each pair, and mistake it for a difference: its 95 % interval then holds the true ratio
    in 10 of 100 comparisons.

    Args:
        n: how many; if it is odd, the last half is drawn too.
        seed: the same seed gives the same order; a session's id, so that a resumed session keeps its order.

    Example:
        >>> sum(drawn(8, "a session")), drawn(8, "a session") == drawn(8, "a session")
        (4, True)

    Source: Box, Hunter, Hunter, "Statistics for Experimenters", randomisation within blocks.
    """
    lot = random.Random(seed)  # noqa: S311 (an order, with a seed)
    order = [True, False] * (n // 2) + [lot.random() < 0.5] * (n % 2)
    lot.shuffle(order)
    return order


def in_two(n_first: int, n: int, seed: str) -> list[bool]:
    """The same for n pairs of which the later ones were decided on after the first: either lot is balanced.

    The first come in the same order however many follow.

    Example:
        >>> [sum(in_two(4, 10, "a session")[:4]), sum(in_two(4, 10, "a session"))]
        [2, 5]
    """
    return [*drawn(min(n_first, n), seed), *drawn(max(0, n - n_first), f"{seed}, later")]
