"""Plots of runs; nothing else imports matplotlib. Each function returns a `Plot`: SVG, PNG, caption and alternative."""

from deploylab.report.plots.base import CELL_WIDTH_PX, Plot, measured_as, style
from deploylab.report.plots.during import during
from deploylab.report.plots.first_looks import first_looks
from deploylab.report.plots.forest import forest
from deploylab.report.plots.ladder import ladder, latency
from deploylab.report.plots.live import growing
from deploylab.report.plots.one_run import one_run
from deploylab.report.plots.open_closed import spectrum, two_loops
from deploylab.report.plots.race import race
from deploylab.report.plots.ratios import ratios, run_order
from deploylab.report.plots.servers import servers
from deploylab.report.plots.sweep import over_clients, over_rates

__all__ = ["CELL_WIDTH_PX", "Plot", "during", "first_looks", "forest", "growing", "ladder", "latency", "measured_as",
           "one_run", "over_clients", "over_rates", "race", "ratios", "run_order", "servers", "spectrum", "style",
           "two_loops"]
