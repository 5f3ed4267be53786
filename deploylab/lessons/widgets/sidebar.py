"""Shows the site beside the notebook."""

import html

from IPython.display import display
from sidecar import Sidecar


class SitePane:
    """A pane to the right of the notebook that shows one page at a time. A notebook that runs without a browser shows
    nothing instead.

    Example:
        SitePane().show("http://192.0.2.1:8000/", "runserver /")
    """

    def __init__(self):
        self._pane: Sidecar | None = None

    def show(self, url: str, title: str) -> None:
        """Show a page in the pane, in place of the one before."""
        if self._pane:
            self._pane.close()
        frame = (f'<iframe src="{html.escape(url)}" title="{html.escape(title)}" '
                 'style="width:100%;height:96vh;border:0"></iframe>')
        self._pane = Sidecar(title=title, anchor="split-right", outputs=(
            {"output_type": "display_data", "data": {"text/html": frame, "text/plain": url}, "metadata": {}},))
        display(self._pane)
