"""The load panel: choose a stage and a page, press Start, watch, press Stop."""

import html
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import ipywidgets as widgets

from deploylab import load
from deploylab.core import units
from deploylab.core.errors import Busy, CheckError, DeployLabError
from deploylab.course import Course, Target
from deploylab.lessons.widgets.chart import picture
from deploylab.lessons.widgets.progress import TaskProgress
from deploylab.lessons.widgets.task import RED, Task
from deploylab.load import ab
from deploylab.machine import Machine, lock
from deploylab.machine.base import Facts
from deploylab.measure import load_test
from deploylab.measure.bench import LoadSettings, Scenario, free_cpus, machine_fields
from deploylab.provision.on_demand import answers
from deploylab.report import plots
from deploylab.report.plots import Plot
from deploylab.results.record import LoadResult

SECONDS = 10.0
DRAW_S = 1.0  # between two drawings of the chart: each takes a tenth of a second of CPU time


class LoadPanel:
    """A load test by hand, on any stage that is running. Its numbers are not saved.

    Args:
        machine: the server under load; only its address and this computer can be loaded.
        course: gives the targets and the views.
        targets: the targets to choose from; if None, those that are running now.

    Attributes:
        box: the widget.
        result: the result of the latest load; None before its end.
        events: its progress events.
        plot: its chart, after it has ended.

    Example, in a notebook:
        panel = LoadPanel(machine, course)
        panel
    """

    def __init__(self, machine: Machine, course: Course, targets: Sequence[Target] | None = None):
        self.machine, self.course = machine, course
        self.task: Task | None = None
        self.result: LoadResult | None = None
        self.plot: Plot | None = None
        self.events: list[load.LoadProgress] = []
        self._given, self._drawn, self._drawn_s = targets, 0, 0.0
        self._facts: Facts | None = None
        self._make_widgets()
        self.refresh()

    def refresh(self) -> None:
        """Look again which stages are running on the machine."""
        targets = list(self._given) if self._given is not None else _running(self.machine, self.course)
        self._targets = {target.name: target for target in targets if target.all_views}
        before = self.stage.value
        self.stage.options = list(self._targets)
        self.stage.value = before if before in self._targets else next(iter(self._targets), None)
        self._say("" if targets else str(CheckError("No stage is running on the machine yet.",
                                                    f"./lab goto {self.course.stages[0].name}")))
        self._show_views()
        self.start_button.disabled = not targets

    def start(self) -> Task:
        """Start the chosen load; returns the task, which can be waited for.

        Raises:
            Busy: a load is running already.
            CheckError: no stage is running on the machine.
        """
        if self.task and self.task.running:
            raise Busy("A load is already running in this panel.", "press Stop, or wait for its end")
        if self.stage.value is None:
            raise CheckError("No stage is running on the machine yet.", f"./lab goto {self.course.stages[0].name}")
        cell = Scenario(self._targets[self.stage.value], self.course.view(self.view.value), self.clients.value)
        self._clear()
        seconds = self.seconds.value
        self.task = Task(cell.label, lambda progress: self._run_load(progress, cell, seconds), command="lab-panel",
                         paint=lambda task: self._paint(task, cell, seconds))
        self.task.button.layout.display = "none"  # the panel has its own
        self.work.children = (self.task.box,)
        return self.task

    def stop(self) -> None:
        """Stop the load that is running, and wait until it has ended."""
        if self.task:
            self.task.stop()

    def wait(self) -> LoadResult:
        """The result of the load, after waiting for its end; if it was stopped, it has that flag.

        Raises:
            DeployLabError: no load was started, or it failed.
        """
        if not self.task:
            raise DeployLabError("No load was started in this panel.", "press Start")
        return self.task.result()

    def _repr_mimebundle_(self, **more: Any) -> Any:
        return self.box._repr_mimebundle_(**more)

    # -- in the worker's thread ---------------------------------------------------

    def _run_load(self, progress: TaskProgress, cell: Scenario, seconds: float) -> LoadResult:
        with lock.held("lab.panel"):
            self._facts = self._facts or self.machine.facts()
            settings = LoadSettings(seconds=seconds, warmup_s=0.0, cpus=free_cpus(self._facts))
            with progress.phase("load", f"load for {seconds:g} s"):
                self.result = load_test.once(self.machine, cell, settings,
                                             lambda event: self._add(progress, event, seconds))
        return self.result

    def _add(self, progress: TaskProgress, event: load.LoadProgress, seconds: float) -> None:
        """Add an event. `note` does not interrupt: a load that is stopped still has to return its result."""
        self.events.append(event)
        progress.note(f"{units.rate(event.rps)}, {event.n_errors} failed", min(event.t_s, seconds), seconds)

    # -- in the painter's thread --------------------------------------------------

    def _paint(self, task: Task, cell: Scenario, seconds: float) -> None:
        self.start_button.disabled, self.stop_button.disabled = task.running, task.state != "running"
        if task.running:
            if len(self.events) > self._drawn and time.monotonic() - self._drawn_s >= DRAW_S:
                self._drawn, self._drawn_s = len(self.events), time.monotonic()
                self.chart.value = self._chart(cell, seconds).png
                self.chart.layout.display = None
        elif self.result:
            self.plot = self._chart(cell, seconds)
            self.final.value = self.plot._repr_html_()
            self.chart.layout.display = "none"
            self.printout.value = f'<pre style="line-height:1.35">{html.escape(ab.printout(self.result))}</pre>'

    def _chart(self, cell: Scenario, seconds: float) -> Plot:
        title = f"{cell.target.name}, {cell.view.name}, {cell.concurrency} at a time"
        return plots.growing(title, list(self.events), seconds, result=self.result, unit=cell.view.unit,
                             machine=machine_fields(self._facts) if self._facts else None)

    # -- when a person clicks ------------------------------------------------------

    def _on_start(self, _: Any) -> None:
        try:
            self._say("")
            self.start()
        except DeployLabError as error:
            self._say(str(error))

    def _on_stop(self, _: Any) -> None:
        if self.task:
            self.task.ask_to_stop()

    def _show_views(self, *_: Any) -> None:
        """Offer the views of the chosen stage; the chosen view stays if that stage has it."""
        target = self._targets.get(self.stage.value)
        before = self.view.value
        self.view.options = target.all_views if target else ()
        self.view.value = before if target and before in target.all_views else next(iter(self.view.options), None)

    def _show_clients(self, *_: Any) -> None:
        """Set the number of clients to the course's default for this view."""
        if self.view.value:
            self.clients.value = self.course.view(self.view.value).concurrency[0]

    def _say(self, text: str) -> None:
        self.message.value = f'<pre style="color:{RED};white-space:pre-wrap">{html.escape(text)}</pre>' if text else ""

    def _clear(self) -> None:
        self.result = self.plot = None
        self.events, self._drawn, self._drawn_s = [], 0, 0.0
        self.final.value = self.printout.value = ""
        self.chart.layout.display = "none"
        self._say("")

    # -- once ---------------------------------------------------------------------

    def _make_widgets(self) -> None:
        narrow = {"style": {"description_width": "initial"}}
        self.stage = widgets.Dropdown(description="stage", layout={"width": "16em"}, **narrow)
        self.view = widgets.Dropdown(description="view", layout={"width": "12em"}, **narrow)
        self.clients = widgets.BoundedIntText(10, min=1, max=500, description="clients", layout={"width": "9em"},
                                              **narrow)
        self.seconds = widgets.BoundedFloatText(SECONDS, min=0.5, max=120, step=1, description="seconds",
                                                layout={"width": "9em"}, **narrow)
        button = {"layout": {"width": "7em"}}
        self.start_button = widgets.Button(description="Start", icon="play", button_style="primary", **button)
        self.stop_button = widgets.Button(description="Stop", icon="stop", disabled=True, **button)
        self.refresh_button = widgets.Button(description="Refresh", icon="refresh", layout={"width": "9em"},
                                           tooltip="Look again which stages are running")
        self.message, self.final, self.printout = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self.work = widgets.VBox()
        self.chart = picture()
        self.start_button.on_click(self._on_start)
        self.stop_button.on_click(self._on_stop)
        self.refresh_button.on_click(lambda _: self.refresh())
        self.stage.observe(self._show_views, "value")
        self.view.observe(self._show_clients, "value")
        wrapping = {"flex_flow": "row wrap"}
        self.box = widgets.VBox([
            widgets.HBox([self.stage, self.view, self.clients, self.seconds], layout=wrapping),
            widgets.HBox([self.start_button, self.stop_button, self.refresh_button], layout=wrapping),
            self.message, self.work, self.chart, self.final, self.printout])


def _running(machine: Machine, course: Course) -> list[Target]:
    """The targets that answer now, in the order of the course."""
    with ThreadPoolExecutor(max_workers=16) as pool:
        are_up = pool.map(lambda target: answers(machine, target), course.targets)
        return [target for target, is_up in zip(course.targets, are_up, strict=True) if is_up]
