"""Plots of runs, and the only importer of matplotlib. Each comes back as a `Plot`: SVG, PNG, caption, alternative."""

from deploylab.plots.base import Plot, measured_as, style
from deploylab.plots.during import during
from deploylab.plots.forest import forest
from deploylab.plots.growing import growing
from deploylab.plots.ladder import ladder, latency
from deploylab.plots.loops import spectrum, two_loops
from deploylab.plots.one_run import one_run
from deploylab.plots.race import race
from deploylab.plots.ratios import ratios, run_order
from deploylab.plots.servers import servers
from deploylab.plots.sweep import over_clients, over_rates

__all__ = ["Plot", "during", "forest", "growing", "ladder", "latency", "measured_as", "one_run", "over_clients",
           "over_rates", "race", "ratios", "run_order", "servers", "spectrum", "style", "two_loops"]
