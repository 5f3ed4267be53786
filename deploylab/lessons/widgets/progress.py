"""The progress of work in a thread, as plain fields that another thread shows."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from deploylab.core import cancel
from deploylab.core.progress import Progress


class TaskProgress(Progress):
    """How far some work is. If the work was asked to stop, it is interrupted when it reports its progress here.

    Attributes:
        doing: the title of the current phase; "" between two phases.
        detail: what it is doing now.
        done, total: how far it is; total is None if it is not known.
        lines: the lines that stay: one for each finished phase, and everything the work said.

    Example:
        >>> progress = TaskProgress("doctest")
        >>> with progress.phase("box", "Building"):
        ...     progress.update("unpacking", 3, 10)
        ...     (progress.doing, progress.detail, progress.share)
        ('Building', 'unpacking', 0.3)
    """

    def __init__(self, command: str):
        super().__init__(command)
        self.began_s = time.monotonic()
        self.doing = self.detail = ""
        self.done: float = 0.0
        self.total: float | None = None
        self.lines: list[str] = []

    @property
    def share(self) -> float | None:
        """How much of the current phase is done, 0 to 1; None if it is not known."""
        return min(1.0, max(0.0, self.done / self.total)) if self.total else None

    def say(self, text: str) -> None:
        self.lines.append(text)
        cancel.check()

    def update(self, text: str, done: float | None = None, total: float | None = None) -> None:
        self.note(text, done, total)
        cancel.check()

    def note(self, text: str, done: float | None = None, total: float | None = None) -> None:
        """As `update`, but without interrupting the work."""
        self.detail, self.done, self.total = text, done or 0.0, total

    @contextmanager
    def showing(self, title: str) -> Iterator[None]:
        cancel.check()
        self.doing, self.detail, self.done, self.total = title, "", 0.0, None
        try:
            yield
        finally:
            self.doing, self.detail, self.total = "", "", None
