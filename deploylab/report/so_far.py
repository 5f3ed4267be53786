"""How far an unfinished session is: what its report already has, and what is still to come."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from deploylab.core import units
from deploylab.course import Course
from deploylab.report import plots
from deploylab.report.plots import Plot
from deploylab.results.record import Run


@dataclass(frozen=True)
class SoFar:
    """What is done, and what comes.

    Attributes:
        done, to_come: parts of a sentence.
        looks: the first look at the stages, one short run each; None if there is none, or the rounds have begun.
    """

    done: list[str]
    to_come: list[str]
    looks: Plot | None


def collect(plan: dict[str, Any], runs: Sequence[Run], course: Course) -> SoFar:
    """How far a session is.

    Args:
        plan: of the session.
        runs: all of its runs.
    """
    stages, ready = plan.get("stages") or [], [one["stage"] for one in plan.get("converge") or []]
    pairs = Counter(run.pair_id.rpartition("/")[0] for run in runs if run.purpose == "pair" and run.pair_id)
    n_contrasts = sum(n >= 2 * plan.get("n_pairs", 1) for n in pairs.values())
    n_rounds, looks = sum(run.purpose == "round" for run in runs), [run for run in runs if run.purpose == "preview"]
    done = [f"{len(ready)} of {units.count(len(stages), 'stage')} set up and checked: {', '.join(ready)}"] * bool(ready)
    done.append(f"{n_rounds:,} of {n_planned(plan):,} planned runs of the rounds are here")
    if contrasts := plan.get("contrasts"):
        done.append(f"{n_contrasts} of {units.count(len(contrasts), 'contrast')}")
    missing = [name for name in stages if name not in ready]
    to_come = [f"{units.count(len(missing), 'stage')}: {', '.join(missing)}"] * bool(missing)
    if n_rounds < n_planned(plan):
        to_come.append("rounds over all stages, which give ratios their intervals")
    if n_contrasts < len(contrasts or []):
        to_come.append("the contrasts, which say what one change does")
    elif contrasts:
        to_come.append("more pairs for the widest intervals")
    return SoFar(done, to_come, plots.first_looks(looks, course) if looks and not n_rounds else None)


def n_planned(plan: dict[str, Any]) -> int:
    """How many runs the rounds of a session have in all."""
    return sum(cell.get("n_rounds", plan.get("n_rounds", 0)) for cell in plan.get("cells") or [])
