"""What a notebook shows while work runs in a thread. Only this package imports ipywidgets.

    work (a thread) ──writes──▶ TaskProgress (plain fields) ◀──reads── the painter (a thread) ──▶ widgets

The work never waits for the painter. A Stop button stops it through `deploylab.core.cancel`, as Ctrl-C would.
"""

from deploylab.lessons.widgets.compare import ComparePanel
from deploylab.lessons.widgets.load import LoadPanel
from deploylab.lessons.widgets.sidebar import SitePane
from deploylab.lessons.widgets.task import Task

__all__ = ["SitePane", "LoadPanel", "ComparePanel", "Task"]
