"""The picture of a chart that grows while work runs."""

import ipywidgets as widgets

from deploylab.report.plots import CELL_WIDTH_PX


def picture(png: bytes = b"") -> widgets.Image:
    """A chart as wide as its cell, like the final one that takes its place; hidden while there is nothing to show.

    Example:
        >>> picture(b"").layout.display
        'none'
    """
    # A widget's own margin would come on top of 100 %, and the cell would get a scroll bar.
    return widgets.Image(format="png", value=png, layout={
        "width": "100%", "max_width": f"{CELL_WIDTH_PX}px", "margin": "0", "display": None if png else "none"})
