"""A load bit by bit: what those met who asked in one small part of its window."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Bin:
    """One part of the window; all parts are equally long.

    Attributes:
        from_s: when it begins, from the opening of the window.
        ok: good answers to those who asked in it.
        failed: how many others, by outcome.
        longest_ms: the longest wait for a good answer; None where there was none.
    """

    from_s: float
    ok: int
    failed: dict[str, int]
    longest_ms: float | None

    @property
    def n_failed(self) -> int:
        """How many of those who asked got no good answer."""
        return sum(self.failed.values())
