"""A random generator that gives the same numbers for ever.

Python's own `random` promises that only for `random.random()`: its `choice` and `shuffle` may
change with the next Python, and every row of the course with them.
"""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

MASK = 2**64 - 1


class Dice:
    """Throws that depend on nothing but the seed. Source: splitmix64, Steele, Lea and Flood 2014."""

    def __init__(self, seed: int) -> None:
        self.state = seed & MASK

    def _next(self) -> int:
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def below(self, n: int) -> int:
        """A whole number from 0 to n - 1. (Its bias, n / 2**64, is nothing here.)"""
        return self._next() % n

    def chance(self, percent: int) -> bool:
        """True in this many cases of a hundred."""
        return self.below(100) < percent

    def pick(self, items: Sequence[T]) -> T:
        """One of the items."""
        return items[self.below(len(items))]

    def some(self, items: Sequence[T], n: int) -> list[T]:
        """n different items, in random order."""
        rest = list(items)
        return [rest.pop(self.below(len(rest))) for _ in range(n)]
