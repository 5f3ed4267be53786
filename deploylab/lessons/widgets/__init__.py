"""What a notebook shows while work runs in a thread. ipywidgets is imported nowhere else.

    work (a thread) ──tells──▶ Told (plain fields) ◀──reads── the painter (a thread) ──▶ widgets

The work never waits for the painting. A Stop button asks `deploylab.core.cancel`, as Ctrl-C would.
"""

from deploylab.lessons.widgets.compare import RacePanel
from deploylab.lessons.widgets.load import LoadPanel
from deploylab.lessons.widgets.sidebar import Beside
from deploylab.lessons.widgets.task import Task

__all__ = ["Beside", "LoadPanel", "RacePanel", "Task"]
