"""The race panel: two sides raced in pairs, and the chart that grows with each pair."""

import html
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from deploylab.course import Contrast, Course
from deploylab.lessons.widgets.progress import Told
from deploylab.lessons.widgets.task import Task
from deploylab.report import plots
from deploylab.report.plots import Plot
from deploylab.results.record import Run
from deploylab.results.stats import Verdict, compare, judged
from deploylab.results.stats.contrasts import sides
from deploylab.results.stats.guess import meaning

OnPair = Callable[[Run, Run], None]


class RacePanel:
    """A race that runs, begun at once. The chart is drawn between two pairs, when no load runs.

    Args:
        contrast: the two sides and their load.
        course: gives the colours.
        work: gets a progress, and a function to call with the runs of A and B of each pair; what it gives back is
            the result. `measure.compare.compare` is made for it; so is a loop over recorded pairs.
        n_pairs: how many there will be.
        guess: what the attendee said before, a key of `stats.GUESSES`.
        label: "RECORDED …" where it does not happen here.

    Attributes:
        box: the widget.
        task: the work.
        runs: those of the pairs so far.
        plot: the chart of the pairs so far; after the end, of all.

    Example, in two cells:
        panel = RacePanel(contrast, course, n_pairs=5, guess="2x", work=lambda progress, on_pair: compare.compare(
            machine, course, contrast, progress, pairs=5, seconds=3.0, on_pair=on_pair))
        panel
        panel.result(); panel.plot
    """

    def __init__(self, contrast: Contrast, course: Course, work: Callable[[Told, OnPair], Any], *, n_pairs: int,
                 guess: str | None = None, label: str = ""):
        self.contrast, self.course, self.n_pairs, self.guess, self.label = contrast, course, n_pairs, guess, label
        self.runs: list[Run] = []
        self.plot = self._draw()
        self._shown: Plot | None = None
        self._make_widgets()
        self.task = Task(contrast.title, lambda told: work(told, self._on_pair), verb="lab-compare",
                         paint=self._paint)
        self.box.children = (self.heading, self.task.box, self.chart, self.final)

    def result(self) -> Any:
        """What the work gave back; waits for it. Raises: as `Task.result`."""
        return self.task.result()

    def stop(self) -> None:
        """End the race after the load that runs is stopped; the pairs so far are kept."""
        self.task.stop()

    @property
    def judged(self) -> Verdict | None:
        """The guess against the pairs so far; None without a guess."""
        if self.guess is None or not self.runs:
            return None
        found = compare(*sides(self.contrast, self.runs), of_views=self.contrast.b_view is not None)
        return judged(self.guess, found)

    def _repr_mimebundle_(self, **more: Any) -> Any:
        return self.box._repr_mimebundle_(**more)

    # -- in the worker's thread ---------------------------------------------------

    def _on_pair(self, a: Run, b: Run) -> None:
        self.runs += sorted((a, b), key=lambda run: run.started_utc)
        plot = self._draw()
        plot.sketch  # noqa: B018 (drawn here, before the next load begins, and not while it runs)
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
            self.chart.value = self.plot.sketch

    # -- once ---------------------------------------------------------------------

    def _make_widgets(self) -> None:
        said = f" Your guess: <b>{self.guess}</b>, which means {meaning(self.guess)}." if self.guess else ""
        mark = f"<b>{html.escape(self.label)}</b><br>" if self.label else ""
        self.heading = widgets.HTML(f"{mark}{html.escape(self.plot.title)}.{said}")
        self.chart = widgets.Image(format="png", value=self.plot.sketch, layout={"max_width": "100%"})
        self.final = widgets.HTML()
        self.box = widgets.VBox()
