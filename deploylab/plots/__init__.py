"""Plots of runs, and the only importer of matplotlib. Each comes back as a `Plot`: SVG, PNG, caption, alternative."""

from deploylab.plots.base import Plot, style
from deploylab.plots.ladder import ladder, latency
from deploylab.plots.one_run import one_run
from deploylab.plots.ratios import ratios, run_order

__all__ = ["Plot", "ladder", "latency", "one_run", "ratios", "run_order", "style"]
