"""The live load panel: choose what is loaded, press Start, watch, press Stop."""

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
from deploylab.lessons.widgets.progress import Told
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
DRAW_S = 1.0  # between two drawings of the chart: each costs a tenth of a second of processor


class LoadPanel:
    """A load test by hand, on whatever stands on the machine. Its numbers are kept nowhere.

    Args:
        machine: the server under load; nothing but its address and this computer can be loaded.
        course: gives the targets and the views.
        targets: what to choose from; those that answer now if None.

    Attributes:
        box: the widget.
        result: of the newest load; None before its end.
        seen: its events, as they came.
        plot: its chart, once it has ended.

    Example, in a notebook:
        panel = LoadPanel(machine, course)
        panel
    """

    def __init__(self, machine: Machine, course: Course, targets: Sequence[Target] | None = None):
        self.machine, self.course = machine, course
        self.task: Task | None = None
        self.result: LoadResult | None = None
        self.plot: Plot | None = None
        self.seen: list[load.LoadProgress] = []
        self._given, self._drawn, self._drawn_s = targets, 0, 0.0
        self._facts: Facts | None = None
        self._make_widgets()
        self.refresh()

    def refresh(self) -> None:
        """Look again what stands on the machine."""
        there = list(self._given) if self._given is not None else _standing(self.machine, self.course)
        self._targets = {target.name: target for target in there if target.all_views}
        before = self.stage.value
        self.stage.options = list(self._targets)
        self.stage.value = before if before in self._targets else next(iter(self._targets), None)
        self._say("" if there else str(CheckError("Nothing stands on the machine yet.",
                                                  f"./lab goto {self.course.stages[0].name}")))
        self._show_views()
        self.start_button.disabled = not there

    def start(self) -> Task:
        """Begin the load that is chosen; gives back the work, which can be waited for.

        Raises:
            Busy: one runs already.
            CheckError: nothing stands on the machine.
        """
        if self.task and self.task.running:
            raise Busy("This panel runs a load already.", "press Stop, or wait for its end")
        if self.stage.value is None:
            raise CheckError("Nothing stands on the machine yet.", f"./lab goto {self.course.stages[0].name}")
        cell = Scenario(self._targets[self.stage.value], self.course.view(self.view.value), self.clients.value)
        self._clear()
        seconds = self.seconds.value
        self.task = Task(cell.label, lambda told: self._drive(told, cell, seconds), verb="lab-panel",
                         paint=lambda task: self._paint(task, cell, seconds))
        self.task.button.layout.display = "none"  # the panel has one of its own
        self.work.children = (self.task.box,)
        return self.task

    def stop(self) -> None:
        """End the load that runs, and wait until it has ended."""
        if self.task:
            self.task.stop()

    def wait(self) -> LoadResult:
        """The result of the load that runs; a stopped one is flagged so.

        Raises:
            DeployLabError: none was begun, or it failed.
        """
        if not self.task:
            raise DeployLabError("No load was begun in this panel.", "press Start")
        return self.task.result()

    def _repr_mimebundle_(self, **more: Any) -> Any:
        return self.box._repr_mimebundle_(**more)

    # -- in the worker's thread ---------------------------------------------------

    def _drive(self, told: Told, cell: Scenario, seconds: float) -> LoadResult:
        with lock.held("lab.panel"):
            self._facts = self._facts or self.machine.facts()
            how = LoadSettings(seconds=seconds, warmup_s=0.0, cpus=free_cpus(self._facts))
            with told.phase("load", f"load for {seconds:g} s"):
                self.result = load_test.once(self.machine, cell, how, lambda one: self._keep(told, one, seconds))
        return self.result

    def _keep(self, told: Told, one: load.LoadProgress, seconds: float) -> None:
        """One event. Not told where telling interrupts: a load that is stopped shall end with its result."""
        self.seen.append(one)
        told.note(f"{units.rate(one.rps)}, {one.n_errors} failed", min(one.t_s, seconds), seconds)

    # -- in the painter's thread --------------------------------------------------

    def _paint(self, task: Task, cell: Scenario, seconds: float) -> None:
        self.start_button.disabled, self.stop_button.disabled = task.running, task.state != "running"
        if task.running:
            if len(self.seen) > self._drawn and time.monotonic() - self._drawn_s >= DRAW_S:
                self._drawn, self._drawn_s = len(self.seen), time.monotonic()
                self.chart.value = self._chart(cell, seconds).sketch
                self.chart.layout.display = None
        elif self.result:
            self.plot = self._chart(cell, seconds)
            self.final.value = self.plot._repr_html_()
            self.chart.layout.display = "none"
            self.printout.value = f'<pre style="line-height:1.35">{html.escape(ab.printout(self.result))}</pre>'

    def _chart(self, cell: Scenario, seconds: float) -> Plot:
        title = f"{cell.target.name}, {cell.view.name}, {cell.concurrency} at a time"
        return plots.growing(title, list(self.seen), seconds, result=self.result, unit=cell.view.unit,
                             machine=machine_fields(self._facts) if self._facts else None)

    # -- what a person does -------------------------------------------------------

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
        """The views of the chosen stage; the one chosen before stays where it has it."""
        target = self._targets.get(self.stage.value)
        before = self.view.value
        self.view.options = target.all_views if target else ()
        self.view.value = before if target and before in target.all_views else next(iter(self.view.options), None)

    def _show_clients(self, *_: Any) -> None:
        """As many clients as the course loads this view with."""
        if self.view.value:
            self.clients.value = self.course.view(self.view.value).concurrency[0]

    def _say(self, text: str) -> None:
        self.message.value = f'<pre style="color:{RED};white-space:pre-wrap">{html.escape(text)}</pre>' if text else ""

    def _clear(self) -> None:
        self.result = self.plot = None
        self.seen, self._drawn, self._drawn_s = [], 0, 0.0
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
        self.again_button = widgets.Button(description="Look again", icon="refresh", layout={"width": "9em"},
                                           tooltip="Which stages stand on the machine now?")
        self.message, self.final, self.printout = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self.work = widgets.VBox()
        self.chart = widgets.Image(format="png", layout={"display": "none", "max_width": "100%"})
        self.start_button.on_click(self._on_start)
        self.stop_button.on_click(self._on_stop)
        self.again_button.on_click(lambda _: self.refresh())
        self.stage.observe(self._show_views, "value")
        self.view.observe(self._show_clients, "value")
        wrapping = {"flex_flow": "row wrap"}
        self.box = widgets.VBox([
            widgets.HBox([self.stage, self.view, self.clients, self.seconds], layout=wrapping),
            widgets.HBox([self.start_button, self.stop_button, self.again_button], layout=wrapping),
            self.message, self.work, self.chart, self.final, self.printout])


def _standing(machine: Machine, course: Course) -> list[Target]:
    """The targets that answer now, in the order of the course."""
    with ThreadPoolExecutor(max_workers=16) as pool:
        there = pool.map(lambda target: answers(machine, target), course.targets)
        return [target for target, stands in zip(course.targets, there, strict=True) if stands]
