"""Statistics over runs. The unit is the run, never the request.

The requests of one run are not independent: the noise between two runs is far larger than the
noise within one. So the interval of a figure comes from how the runs differ, and the interval of a
ratio from pairs of runs that are next to each other in time.
"""

from deploylab.results.stats.basics import (
    METRICS,
    MORE_IS_BETTER,
    Cell,
    autocorrelation,
    cell_of,
    log_interval,
    require_alike,
    trend,
)
from deploylab.results.stats.contrasts import ContrastResult, contrast_result, differing, sides
from deploylab.results.stats.course_steps import Step, cells_of, on_ladder, steps
from deploylab.results.stats.guess import GUESSES, Verdict, judged
from deploylab.results.stats.levels import TOO_MUCH, Capacity, Knee, Level, capacity, knee, levels
from deploylab.results.stats.paired import compare, pairs_needed
from deploylab.results.stats.summary import Summary, summarise

__all__ = ["GUESSES", "METRICS", "MORE_IS_BETTER", "TOO_MUCH", "Capacity", "Cell", "ContrastResult", "Knee", "Level",
           "Step", "Summary", "Verdict", "autocorrelation", "capacity", "cell_of", "cells_of", "compare",
           "contrast_result", "differing", "judged", "knee", "levels", "log_interval", "on_ladder", "pairs_needed",
           "require_alike", "sides", "steps", "summarise", "trend"]
