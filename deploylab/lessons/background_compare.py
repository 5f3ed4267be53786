"""A comparison in the background: one cell starts and shows it, a later cell has its result."""

import html
from dataclasses import replace
from typing import Any

from deploylab.core.errors import Stopped
from deploylab.course import Course
from deploylab.lessons import predictions
from deploylab.lessons.backend import Backend
from deploylab.lessons.display import measured, output
from deploylab.lessons.display.output import Shown
from deploylab.lessons.widgets import ComparePanel
from deploylab.measure import compare
from deploylab.results.stats.contrasts import sides


class BackgroundCompare:
    """A comparison that runs in the background. A cell that ends in it shows its panel.

    Attributes:
        arguments: those of `lab.race`.
        panel: the widget.
    """

    def __init__(self, backend: Backend, course: Course, arguments: dict[str, Any]):
        self._course, self._label, self.arguments = course, backend.label, arguments
        a, b, view, b_view = (arguments[name] for name in ("a", "b", "view", "b_view"))
        contrast = compare.named(course, a, b, view=view, b_view=b_view, concurrency=arguments["concurrency"],
                                 slow_clients=arguments["slow_clients"])
        prediction = predictions.about(a, b, view, b_view)

        def work(progress, on_pair):
            answer = backend.ask("compare", progress, hear={"on_pair": on_pair}, **arguments)
            if backend.recording:
                for pair in zip(*sides(contrast, answer.runs), strict=True):
                    on_pair(*pair)
            return answer

        self._replacement: BackgroundCompare | None = None
        self.panel = ComparePanel(contrast, course, work, n_pairs=backend.shortened("compare", arguments)["pairs"],
                                  guess=prediction.guess if prediction else None, label=backend.label)

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self.panel.task.running

    def result(self) -> Shown:
        """Wait for the end; then show whether the guess was right, both sides' figures, and everything that differs.

        Raises:
            Stopped: it was stopped before its first pair.
            DeployLabError: it failed.
        """
        if self._replacement:
            return self._replacement.result()
        try:
            answer = self.panel.result()
        except Stopped:
            if not self.panel.runs:
                raise
            return output.text("Stopped early. The panel above has the pairs so far.", self._label, ok=False)
        comparison = measured.compared(answer, self._course, self._label)
        verdict = self.panel.judged
        if verdict is None:
            return comparison
        return replace(comparison, text=f"{verdict.text}\n{comparison.text}",
                       body=f"<p>{html.escape(verdict.text)}</p>{comparison.body}")

    def hand_over(self, backend: Backend) -> None:
        """If it has not ended, stop it and use the recorded result instead."""
        if self.panel.task.state != "done":
            self.panel.task.ask_to_stop()  # without waiting for it: the machine may no longer answer
            self._replacement = BackgroundCompare(backend, self._course, self.arguments)

    def stop(self) -> None:
        """Stop it; the panel keeps the pairs so far."""
        self.panel.stop()

    def _repr_mimebundle_(self, **more: Any) -> Any:
        return self.panel._repr_mimebundle_(**more)
