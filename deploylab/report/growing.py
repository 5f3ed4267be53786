"""A report that grows while `./lab run` is measuring: written again between two runs, never during one."""

import time
from collections.abc import Callable

from deploylab.core.progress import Progress
from deploylab.course import Course
from deploylab.report import page
from deploylab.results import Session

EVERY_S = 240.0   # while rounds and pairs are measured
SHARE = 0.05      # of the time, at most: drawing all plots takes some ten seconds on a slow computer


class Growing:
    """Writes the report of an unfinished session, now and then.

    Example:
        >>> on_news = Growing(course, Progress("run"))             # doctest: +SKIP
        >>> on_news(session)                                       # doctest: +SKIP
    """

    def __init__(self, course: Course, progress: Progress, clock: Callable[[], float] = time.monotonic):
        self.course, self.progress, self.clock = course, progress, clock
        self.parts: int | None = None     # stages and rounds that the page knows
        self.next_s = 0.0

    def __call__(self, session: Session) -> None:
        """Write the report, if a stage or the first round is new, or if the last time is long enough ago."""
        parts = _parts(session)
        if parts == self.parts and self.clock() < self.next_s:
            return
        began_s = self.clock()
        with self.progress.phase("report", "the report, so far"):
            path = page.write(session, self.course)
        ended_s = self.clock()
        self.next_s = ended_s + max(EVERY_S, (ended_s - began_s) / SHARE)
        if self.parts is None:
            self.progress.say(f"\nThe report begins here, and grows: {path.resolve().as_uri()}\n"
                              "Open it in a browser, and load it again from time to time.\n")
        self.parts = parts


def _parts(session: Session) -> int:
    """How many stages are set up, and one more after the first round: each is worth a look at once."""
    return len(session.plan.get("converge") or []) + any(run.purpose == "round" for run in session.read()[0])
