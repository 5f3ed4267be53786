"""A stage made ready: converged to, then checked. And targets that stand already, verified before a load."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from deploylab.core import units
from deploylab.core.errors import CheckError
from deploylab.core.progress import Progress
from deploylab.course import Course, Stage, Target
from deploylab.machine import Machine
from deploylab.provision import checks, converge
from deploylab.provision.checks import Check
from deploylab.provision.converge import Converged
from deploylab.provision.on_demand import PATIENCE_S, answers, awake


@dataclass(frozen=True)
class Ready:
    """A converged stage, and what the checks saw of it."""

    converged: Converged
    checks: list[Check]

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        return {"stage": self.converged.stage, "changed": self.converged.changed,
                "failed": self.converged.failed, "checks": [asdict(check) for check in self.checks]}


def to_stage(machine: Machine, course: Course, stage: Stage, progress: Progress,
             variants: Sequence[Target] = ()) -> Ready:
    """Converge the machine to a stage and check it. See `not_ready` for a 'no'.

    Args:
        variants: those of its variants that shall stand too, and be checked.

    Raises:
        ConvergeError: it could not be converged.
    """
    with progress.phase("converge", f"{stage.name}: converge"):
        converged = converge.to_stage(machine, course, stage.name, on_event=_show(progress),
                                      variants=[variant.variant or "" for variant in variants])
    seen = []
    for target in (stage, *variants):
        with progress.phase("check", f"{target.name}: check"), awake(machine, [target]):
            seen += checks.verify(machine, course, target)
    n_ok = sum(check.ok for check in seen)
    progress.say(f"    {_changes(converged)}; {n_ok} of {len(seen)} checks say yes")
    return Ready(converged, seen)


def calibration_stub(machine: Machine, course: Course, progress: Progress) -> None:
    """The machine serves a file that costs next to nothing: what the load generator reaches there is its ceiling.

    Raises:
        ConvergeError: it could not be converged.
    """
    with progress.phase("converge", "static stub, to calibrate the load generator"):
        converge.to_stage(machine, course, converge.CALIBRATION, on_event=_show(progress))


def not_ready(ready: Ready) -> CheckError:
    """The error for a stage of which a check says no."""
    no = [check for check in ready.checks if not check.ok]
    text = "\n".join(checks.line(check) for check in no)
    return CheckError(f"Stage {ready.converged.stage} is not ready:\n{text}", no[0].cure)


def _changes(converged: Converged) -> str:
    return units.count(converged.changed, "change")


def _show(progress: Progress) -> converge.OnEvent:
    """Drive a progress line with the events of a converge."""
    state = {"n": 0, "done": 0}

    def on_event(event: dict[str, Any]) -> None:
        if event["event"] == "planned":
            state["n"] = event["n"]
        elif event["event"] == "start":
            progress.update(event["name"], state["done"], state["n"] or None)
        elif event["event"] == "done":
            state["done"] += 1

    return on_event


def verify(machine: Machine, course: Course, targets: Iterable[Target], progress: Progress) -> None:
    """Nothing, if each of these stands and every check of it says yes: never measure an unverified server.

    Raises:
        CheckError: one does not stand, or a check says no.
    """
    for target in {target.name: target for target in targets}.values():
        with progress.phase("check", f"{target.name}: check"):
            if not answers(machine, target, patience_s=PATIENCE_S):
                raise CheckError(f"{target.name} does not answer on port {target.port}.", f"./lab goto {target.name}")
            checks.require(checks.verify(machine, course, target))
