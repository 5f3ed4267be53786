"""A progress that only remembers: work in a thread tells it how far it is, and another thread paints that."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from deploylab.core import cancel
from deploylab.core.progress import Progress


class Told(Progress):
    """What work has told so far. Telling is also where work that was asked to stop is interrupted.

    Attributes:
        doing: the title of the current phase; "" between two.
        detail: what it does now.
        done, total: how far it is; total is None where nobody knows.
        lines: what stays: one for each finished phase, and whatever the work said.

    Example:
        >>> told = Told("doctest")
        >>> with told.phase("box", "Building"):
        ...     told.update("unpacking", 3, 10)
        ...     (told.doing, told.detail, told.share)
        ('Building', 'unpacking', 0.3)
    """

    def __init__(self, verb: str):
        super().__init__(verb)
        self.began_s = time.monotonic()
        self.doing = self.detail = ""
        self.done: float = 0.0
        self.total: float | None = None
        self.lines: list[str] = []

    @property
    def share(self) -> float | None:
        """How much of the current phase is done, 0 to 1; None where nobody knows."""
        return min(1.0, max(0.0, self.done / self.total)) if self.total else None

    def say(self, text: str) -> None:
        self.lines.append(text)
        cancel.check()

    def update(self, text: str, done: float | None = None, total: float | None = None) -> None:
        self.note(text, done, total)
        cancel.check()

    def note(self, text: str, done: float | None = None, total: float | None = None) -> None:
        """As `update`, for work that is not to be interrupted here."""
        self.detail, self.done, self.total = text, done or 0.0, total

    @contextmanager
    def showing(self, title: str) -> Iterator[None]:
        cancel.check()
        self.doing, self.detail, self.done, self.total = title, "", 0.0, None
        try:
            yield
        finally:
            self.doing, self.detail, self.total = "", "", None
