"""The site beside the notebook."""

import html

from IPython.display import display
from sidecar import Sidecar


class Beside:
    """A pane to the right of the notebook, with one page in it at a time. Where there is no room for one, as in a
    notebook that runs without a browser, nothing is seen of it.

    Example:
        Beside().show("http://192.0.2.1:8000/", "runserver /")
    """

    def __init__(self):
        self._pane: Sidecar | None = None

    def show(self, url: str, title: str) -> None:
        """Put a page into the pane; the one before goes."""
        if self._pane:
            self._pane.close()
        frame = (f'<iframe src="{html.escape(url)}" title="{html.escape(title)}" '
                 'style="width:100%;height:96vh;border:0"></iframe>')
        self._pane = Sidecar(title=title, anchor="split-right", outputs=(
            {"output_type": "display_data", "data": {"text/html": frame, "text/plain": url}, "metadata": {}},))
        display(self._pane)
