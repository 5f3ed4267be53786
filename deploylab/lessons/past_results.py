"""Results of contrasts that were measured before: in this clone, or in the runs that ship with the course."""

from dataclasses import replace
from typing import Any

from deploylab import results
from deploylab.course import Contrast
from deploylab.lessons.answers import PastContrast
from deploylab.measure.compare import as_plan
from deploylab.results import Session, describe
from deploylab.results.record import Difference, Run

LOAD = ("a", "b", "view", "b_view", "concurrency", "slow_clients", "new_connections", "state")


def newest(contrast: Contrast) -> PastContrast:
    """The latest result of a contrast, from this clone before those that ship with the course; without runs if none.

    The same two sides under the same load are the same contrast, even if a session has another name for it.
    """
    for session in [*reversed(results.sessions()), *reversed(results.recorded())]:
        for table in session.plan.get("contrasts") or []:
            if load(table) == load(as_plan(contrast)) and (runs := _runs(session, table["name"])):
                rows = (session.plan.get("differences") or {}).get(table["name"], [])
                return PastContrast(contrast=replace(contrast, name=table["name"]), runs=tuple(runs),
                                    session=session.id, differences=tuple(Difference(**row) for row in rows),
                                    when=runs[-1].started_utc[:10], label=_label(session, runs))
    return PastContrast(contrast=contrast, differences=(), runs=(), session="", when="", label="")


def load(table: dict[str, Any]) -> tuple[Any, ...]:
    """What is measured in a contrast of a session's plan: both sides, and their load."""
    return tuple(table.get(key) or None for key in LOAD)


def _runs(session: Session, name: str) -> list[Run]:
    """The runs of this contrast, if both sides have some."""
    runs = [run for run in session.runs("pair") if run.pair_id and run.pair_id.rpartition("/")[0] == name]
    return runs if len(runs) > 1 else []


def _label(session: Session, runs: list[Run]) -> str:
    """The mark on figures that were not measured in this clone; "" for its own."""
    return f"RECORDED on {runs[-1].started_utc[:10]}, {describe.machine(runs[-1].machine)}" if session.recorded else ""
