"""What runs say together. The unit is the run, never the request.

Ten thousand requests of one run share its luck: the noise between two runs is far larger than the
noise within one. So a figure's interval comes from how the runs differ, and a ratio's interval from
pairs of runs that lie next to each other in time.
"""

from deploylab.stats.basics import METRICS, Cell, autocorrelation, cell_of, log_interval, require_alike
from deploylab.stats.course_steps import Step, cells_of, on_ladder, steps
from deploylab.stats.paired import compare
from deploylab.stats.summary import Summary, summarise

__all__ = ["METRICS", "Cell", "Step", "Summary", "autocorrelation", "cell_of", "cells_of", "compare",
           "log_interval", "on_ladder", "require_alike", "steps", "summarise"]
