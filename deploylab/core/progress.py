"""Shows the progress of long work: what is being done, how far it is, and how long each phase took.

Everything goes to standard error, because `--json` needs standard output for itself.
On a terminal there is one live line; elsewhere there are plain lines, one every few seconds.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress

from deploylab.core import paths, units

PLAIN_EVERY_S = 10


class Progress:
    """The progress of one command.

    Attributes:
        seconds: how long each finished phase took, by its key.
        log_path: the file with the full output of the work.

    Example:
        >>> import io
        >>> progress = Progress("doctest", Console(file=io.StringIO()))
        >>> with progress.phase("box", "Building the box"):
        ...     progress.update("unpacking", 3, 10)
        >>> list(progress.seconds)
        ['box']
    """

    def __init__(self, command: str, console: Console | None = None):
        self.console = console or Console(stderr=True, highlight=False)
        self.seconds: dict[str, float] = {}
        self.log_path: Path = paths.state_dir() / "log" / f"{command}.log"
        self._live: RichProgress | None = None
        self._last_plain_s = 0.0
        self._inside_s = 0.0  # in phases that ended inside the current one

    def say(self, text: str) -> None:
        """A line that stays."""
        self.console.print(text, markup=False, soft_wrap=True)

    def log(self, line: str) -> None:
        """A line for the log file only."""
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("a", encoding="utf-8") as file:
            file.write(line.rstrip("\n") + "\n")

    def update(self, text: str, done: float | None = None, total: float | None = None) -> None:
        """What the current phase is doing, and how far it is: `done` of `total`, where that is known."""
        if self._live:
            self._live.update(self._live.task_ids[0], detail=text, completed=done or 0, total=total)
        elif time.monotonic() - self._last_plain_s >= PLAIN_EVERY_S:
            self._last_plain_s = time.monotonic()
            of = f" ({done or 0:.0f} of {total:.0f})" if total and total >= 1 else ""  # half a second is no count
            self.say(f"    {text}{of}")

    @contextmanager
    def phase(self, key: str, title: str) -> Iterator[None]:
        """Show a piece of work while it runs, then one line with how long it took.

        Args:
            key: its name in `seconds`; the times of a key that is used twice are added. What a phase inside this one
                took is counted for that one only.
            title: what a person reads.
        """
        began_s = self._last_plain_s = time.monotonic()
        before_s, self._inside_s = self._inside_s, 0.0
        self.log(f"== {title}")
        try:
            with self.showing(title):
                yield
            took_s = time.monotonic() - began_s
            self.seconds[key] = self.seconds.get(key, 0.0) + took_s - self._inside_s
            self.say(f"  ✓ {title}  {units.seconds(took_s)}")
        finally:
            self._inside_s = before_s + time.monotonic() - began_s

    @contextmanager
    def showing(self, title: str) -> Iterator[None]:
        """Show that a piece of work is running: a live line on a terminal."""
        if not self.console.is_terminal:
            self.say(f"  … {title}")
            yield
            return
        with self._bar() as self._live:
            self._live.add_task(title, total=None, detail="")
            try:
                yield
            finally:
                self._live = None

    def _bar(self) -> RichProgress:
        return RichProgress(
            SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(bar_width=24),
            TimeElapsedColumn(), TextColumn("{task.fields[detail]}", markup=False, style="dim"),
            console=self.console, transient=True,
        )

    def spent(self) -> list[str]:
        """Where the time went, for a person."""
        total_s = sum(self.seconds.values())
        parts = [f"{name} {units.seconds(s)}" for name, s in self.seconds.items() if s >= 0.05]
        return [f"Time: {units.seconds(total_s)} in all ({', '.join(parts)})"]
