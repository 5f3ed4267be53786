"""The comparison panel: two sides compared in pairs of runs, with a chart that grows with each pair."""

import html
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from deploylab.course import Contrast, Course
from deploylab.lessons.widgets.chart import picture
from deploylab.lessons.widgets.progress import TaskProgress
from deploylab.lessons.widgets.task import Task
from deploylab.report import plots
from deploylab.report.plots import Plot
from deploylab.results.record import Run
from deploylab.results.stats import Verdict, compare, judged
from deploylab.results.stats.contrasts import sides
from deploylab.results.stats.guess import meaning

OnPair = Callable[[Run, Run], None]


class ComparePanel:
    """A comparison, started at once. The chart is drawn between two pairs, while no load is running.

    Args:
        contrast: the two sides and their load.
        course: gives the colours.
        work: called with a progress, and a function to call with the runs of A and B of each pair; what it returns is
            the result. It can use `measure.compare.compare`, or loop over recorded pairs.
        n_pairs: how many pairs there will be.
        guess: what the attendee guessed, a key of `stats.GUESSES`.
        label: "RECORDED …" if it comes from a recording.

    Attributes:
        box: the widget.
        task: the work.
        runs: those of the pairs so far.
        plot: the chart of the pairs so far; after the end, of all pairs.

    Example, in two cells:
        panel = ComparePanel(contrast, course, n_pairs=5, guess="2x", work=lambda progress, on_pair: compare.compare(
            machine, course, contrast, progress, pairs=5, seconds=3.0, on_pair=on_pair))
        panel
        panel.result(); panel.plot
    """

    def __init__(self, contrast: Contrast, course: Course, work: Callable[[TaskProgress, OnPair], Any], *, n_pairs: int,
                 guess: str | None = None, label: str = ""):
        self.contrast, self.course, self.n_pairs, self.guess, self.label = contrast, course, n_pairs, guess, label
        self.runs: list[Run] = []
        self.plot = self._draw()
        self._shown: Plot | None = None
        self._make_widgets()
        self.task = Task(contrast.title, lambda progress: work(progress, self._on_pair), command="lab-compare",
                         paint=self._paint)
        self.box.children = (self.heading, self.task.box, self.chart, self.final)

    def result(self) -> Any:
        """What the work returned; waits for it. Raises: as `Task.result`."""
        return self.task.result()

    def stop(self) -> None:
        """Stop the comparison and the load that is running; the pairs so far are kept."""
        self.task.stop()

    @property
    def judged(self) -> Verdict | None:
        """Whether the guess is right, judged by the pairs so far; None without a guess."""
        if self.guess is None or not self.runs:
            return None
        comparison = compare(*sides(self.contrast, self.runs), of_views=self.contrast.b_view is not None)
        return judged(self.guess, comparison)

    def _repr_mimebundle_(self, **more: Any) -> Any:
        return self.box._repr_mimebundle_(**more)

    # -- in the worker's thread ---------------------------------------------------

    def _on_pair(self, a: Run, b: Run) -> None:
        self.runs += sorted((a, b), key=lambda run: run.started_utc)
        plot = self._draw()
        plot.png  # noqa: B018 (drawn here, before the next load begins)
        self.plot = plot

    def _draw(self) -> Plot:
        return plots.race(self.contrast, list(self.runs), self.course, guess=self.guess, n_pairs=self.n_pairs,
                          recorded=bool(self.label))

    # -- in the painter's thread --------------------------------------------------

    def _paint(self, task: Task) -> None:
        if not task.running:
            self.final.value = self.plot._repr_html_() if self.runs else ""
            self.chart.layout.display = "none"
        elif self.plot is not self._shown:
            self._shown = self.plot
            self.chart.value = self.plot.png

    # -- once ---------------------------------------------------------------------

    def _make_widgets(self) -> None:
        guess = f" Your guess: <b>{self.guess}</b>, which means {meaning(self.guess)}." if self.guess else ""
        mark = f"<b>{html.escape(self.label)}</b><br>" if self.label else ""
        self.heading = widgets.HTML(f"{mark}{html.escape(self.plot.title)}.{guess}")
        self.chart = picture(self.plot.png)
        self.final = widgets.HTML()
        self.box = widgets.VBox()
