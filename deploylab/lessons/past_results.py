"""What a contrast came to where it was measured already: in this clone, or in the runs that ship with the course."""

from dataclasses import replace
from typing import Any

from deploylab import results
from deploylab.course import Contrast
from deploylab.lessons.answers import PastContrast
from deploylab.measure.compare import as_plan
from deploylab.results import Session, describe
from deploylab.results.record import Difference, Run

LOAD = ("a", "b", "view", "b_view", "concurrency", "slow_clients")


def newest(one: Contrast) -> PastContrast:
    """The contrast as it was last measured, one's own runs before those that ship; with none, it has no runs.

    The same two sides under the same load are the same contrast, whatever a session calls it.
    """
    for session in [*reversed(results.sessions()), *reversed(results.recorded())]:
        for table in session.plan.get("contrasts") or []:
            if _load(table) == _load(as_plan(one)) and (runs := _runs(session, table["name"])):
                found = (session.plan.get("differences") or {}).get(table["name"], [])
                return PastContrast(contrast=replace(one, name=table["name"]), runs=tuple(runs), session=session.id,
                                    differences=tuple(Difference(**each) for each in found),
                                    when=runs[-1].started_utc[:10], label=_label(session, runs))
    return PastContrast(contrast=one, differences=(), runs=(), session="", when="", label="")


def _load(table: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(table.get(key) or None for key in LOAD)


def _runs(session: Session, name: str) -> list[Run]:
    """The runs of this contrast, if both sides have some."""
    mine = [run for run in session.runs("pair") if run.pair_id and run.pair_id.rpartition("/")[0] == name]
    return mine if len(mine) > 1 else []


def _label(session: Session, runs: list[Run]) -> str:
    """What stands on figures that no machine of this clone gave."""
    return f"RECORDED on {runs[-1].started_utc[:10]}, {describe.machine(runs[-1].machine)}" if session.recorded else ""
