"""Long work in a notebook: it runs in a thread, shows its progress, and can be stopped."""

import contextlib
import html
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from deploylab.core import paths, units
from deploylab.core.cancel import Stop
from deploylab.core.errors import DeployLabError, Stopped
from deploylab.lessons.widgets.progress import TaskProgress

PAINT_S = 0.2
STOP_S = 30.0    # the longest that `stop` waits while the work cleans up
MOST_LINES = 200  # shown; the log has all of them
GREY, GREEN, RED = "#6b6b76", "#1a7f37", "#cf222e"  # readable on a light and on a dark background
WORDS = {"running": "", "stopping": "stopping", "done": "done", "stopped": "stopped", "failed": "failed"}


class Task:
    """Work in a thread, started at once. A cell that ends in it shows it; a later cell waits for it.

    The Stop button asks the work to end, as Ctrl-C does on the command line. While a cell is running, JupyterLab passes
    a click only to a kernel that has subshells; the kernel's own stop button always works.

    Args:
        title: what it is about.
        work: called with a progress; what it returns is the result.
        command: the name of the log in `.lab/log/`.
        paint: called with this task a few times per second, and once at its end, by the painter's thread.

    Attributes:
        box: the widget.
        progress: how far the work is.
        error: why it failed, or None.

    Example, in two cells:
        task = Task("nginx", lambda progress: prepare.to_stage(machine, course, course.stage("nginx"), progress))
        task
        task.result()
    """

    def __init__(self, title: str, work: Callable[[TaskProgress], Any], *, command: str = "notebook",
                 paint: Callable[["Task"], object] = lambda task: None):
        self.title = title
        self.progress = TaskProgress(command)
        self.error: BaseException | None = None
        self._work, self._paint_more, self._result = work, paint, None
        self._stop, self._asked, self._outcome, self._took_s = Stop(), False, "", None
        self._ended = threading.Event()
        self._make_widgets()
        self._paint()
        self._painter = threading.Thread(target=self._keep_painting, name=f"paint {title}", daemon=True)
        self._worker = threading.Thread(target=self._do, name=title, daemon=True)
        self._worker.start()
        self._painter.start()

    def result(self) -> Any:
        """What the work returned; waits for it. Interrupting the kernel stops the work.

        Raises:
            Stopped: it was stopped.
            DeployLabError: it failed; a notebook shows the message without a traceback.
        """
        try:
            self._join()
        except KeyboardInterrupt:
            self.stop()
        if self.running:
            raise Stopped(f"{self.title}: it is still finishing a step that must not be interrupted.", "wait for it")
        if self.error:
            raise self.error
        if self.state == "stopped":
            raise Stopped(f"{self.title}: stopped after {units.seconds(self.seconds)}.", "run its cell again")
        return self._result

    def stop(self) -> None:
        """Ask the work to end, and wait until it has ended. A load or a command ends at once; a step that must not be
        interrupted is finished first."""
        self.ask_to_stop()
        self._join(STOP_S)

    def ask_to_stop(self) -> None:
        """Ask the work to end, and do not wait. Asking again has no effect."""
        if not self._asked:
            self._asked = True
            self._stop.ask()

    @property
    def state(self) -> str:
        """Where the work is, a key of WORDS."""
        return self._outcome or ("stopping" if self._asked else "running")

    @property
    def running(self) -> bool:
        """Whether the work has not ended yet."""
        return not self._ended.is_set()

    @property
    def seconds(self) -> float:
        """How long the work has taken so far, or took."""
        return time.monotonic() - self.progress.began_s if self._took_s is None else self._took_s

    def _join(self, timeout_s: float | None = None) -> None:
        self._worker.join(timeout_s)
        if not self.running:
            self._painter.join()

    def _repr_mimebundle_(self, **more: Any) -> Any:
        return self.box._repr_mimebundle_(**more)

    # -- in the worker's thread ---------------------------------------------------

    def _do(self) -> None:
        outcome = "failed"
        try:
            with self._stop.listening():
                self._result = self._work(self.progress)
            outcome = "done"
        except KeyboardInterrupt:
            outcome = "stopped"
        except DeployLabError as error:
            self.error = error
        except BaseException as error:  # a fault in our code; `result` raises it
            self.error = error
            self.progress.log(traceback.format_exc())
        finally:
            self._took_s = time.monotonic() - self.progress.began_s
            self._outcome = outcome
            self._ended.set()

    # -- in the painter's thread --------------------------------------------------

    def _keep_painting(self) -> None:
        _lower_priority()
        while not self._ended.wait(PAINT_S):
            self._paint()
        self._paint()

    def _paint(self) -> None:
        progress, running = self.progress, self.running
        share = progress.share if running else 1.0
        self.bar.value = share or 0.0
        self.bar.layout.visibility = "hidden" if share is None else "visible"
        self.bar.bar_style = {"done": "success", "failed": "danger", "stopped": "warning"}.get(self.state, "info")
        self.button.disabled = self.state != "running"
        self.label.value = self._label()
        try:
            self._paint_more(self)
        except Exception as error:  # a plot that fails must not hide the work
            self._paint_more = lambda task: None
            progress.lines.append(f"A plot could not be drawn: {type(error).__name__}: {error}")
            progress.log(traceback.format_exc())
        self.lines.value = _as_lines(progress.lines)

    def _label(self) -> str:
        """What it is doing, how far it is, how long it took, and where its log is."""
        progress = self.progress
        how_far = f"{progress.done:.0f} of {progress.total:.0f}" if progress.total and self.running else ""
        now = [progress.doing, progress.detail, how_far] if self.running else []
        colour = {"done": GREEN, "failed": RED}.get(self.state, "inherit")
        word = "stopped early" if self.state == "done" and self._asked else WORDS[self.state]
        state = f'<span style="color:{colour}">{word}</span>' if word else ""
        parts = [f"<b>{html.escape(self.title)}</b>", state, *(html.escape(part) for part in now),
                 units.seconds(self.seconds)]
        if progress.log_path.exists():
            where = html.escape(os.path.relpath(progress.log_path, paths.ROOT))
            parts.append(f'<span style="color:{GREY}">log: {where}</span>')
        message = f'<pre style="margin:.3em 0;white-space:pre-wrap;color:{RED}">{html.escape(self._message())}</pre>' \
            if self.error else ""
        return f'<div style="line-height:1.4">{" · ".join(filter(None, parts))}{message}</div>'

    def _message(self) -> str:
        if isinstance(self.error, DeployLabError):
            return str(self.error)
        return f"An error in the kit itself: {type(self.error).__name__}: {self.error}\nThe log has the traceback."

    # -- once ---------------------------------------------------------------------

    def _make_widgets(self) -> None:
        self.bar = widgets.FloatProgress(0.0, min=0.0, max=1.0, layout={"width": "16em"})
        self.button = widgets.Button(description="Stop", icon="stop", tooltip="Stop this work",
                                     layout={"width": "6em"})
        self.button.on_click(lambda _: self.ask_to_stop())
        self.label, self.lines = widgets.HTML(), widgets.HTML()
        self.box = widgets.VBox([widgets.HBox([self.bar, self.button]), self.label, self.lines])


def _as_lines(lines: list[str]) -> str:
    """The last lines, scrolled to the newest."""
    if not lines:
        return ""
    text = html.escape("\n".join(lines[-MOST_LINES:]))
    return (f'<div role="log" style="display:flex;flex-direction:column-reverse;max-height:14em;overflow-y:auto">'
            f'<pre style="margin:0;line-height:1.35;white-space:pre-wrap">{text}</pre></div>')


def _lower_priority() -> None:
    """Give the load generator priority if both want the same processor. Only Linux can do this for a single thread."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
