"""A comparison that goes on while the notebook is read: one cell begins and shows it, a later one has its result."""

import html
from dataclasses import replace
from typing import Any

from deploylab.core.errors import Stopped
from deploylab.course import Course
from deploylab.lessons import predictions
from deploylab.lessons.backend import Desk
from deploylab.lessons.display import measured, output
from deploylab.lessons.display.output import Shown
from deploylab.lessons.widgets import RacePanel
from deploylab.measure import compare
from deploylab.results.stats.contrasts import sides


class Racing:
    """A race that has begun. A cell that ends in it shows its panel.

    Attributes:
        asked: the question, as `lab.race` was asked it.
        panel: the widget.
    """

    def __init__(self, desk: Desk, course: Course, asked: dict[str, Any]):
        self._course, self._label, self.asked = course, desk.label, asked
        a, b, view, b_view = (asked[name] for name in ("a", "b", "view", "b_view"))
        one = compare.named(course, a, b, view=view, b_view=b_view, concurrency=asked["concurrency"],
                              slow_clients=asked["slow_clients"])
        guess = predictions.about(a, b, view, b_view)

        def work(told, on_pair):
            answer = desk.ask("compare", told, hear={"on_pair": on_pair}, **asked)
            if desk.recording:
                for pair in zip(*sides(one, answer.runs), strict=True):
                    on_pair(*pair)
            return answer

        self._instead: Racing | None = None
        self.panel = RacePanel(one, course, work, n_pairs=desk.shortened("compare", asked)["pairs"],
                               guess=guess.guess if guess else None, label=desk.label)

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self.panel.task.running

    def result(self) -> Shown:
        """Wait for the end; then the guess against what came out, both sides' figures, all in which they differ.

        Raises:
            Stopped: it was stopped before its first pair.
            DeployLabError: it failed.
        """
        if self._instead:
            return self._instead.result()
        try:
            answer = self.panel.result()
        except Stopped:
            if not self.panel.runs:
                raise
            return output.text("Stopped early. The panel above has the pairs so far.", self._label, ok=False)
        found = measured.compared(answer, self._course, self._label)
        judged = self.panel.judged
        if judged is None:
            return found
        return replace(found, text=f"{judged.text}\n{found.text}",
                       body=f"<p>{html.escape(judged.text)}</p>{found.body}")

    def hand_over(self, desk: Desk) -> None:
        """A race that has not come to its end is given up, and a recorded one stands in for it."""
        if self.panel.task.state != "done":
            self.panel.task.ask_to_stop()  # and not wait: what it waits for may be gone
            self._instead = Racing(desk, self._course, self.asked)

    def stop(self) -> None:
        """End it; the pairs so far stay in sight."""
        self.panel.stop()

    def _repr_mimebundle_(self, **more: Any) -> Any:
        return self.panel._repr_mimebundle_(**more)
