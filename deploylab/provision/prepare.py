"""Makes a stage ready: converges to it, then checks it. And verifies running targets before a load."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from deploylab.core import units
from deploylab.core.errors import CheckError, MachineError
from deploylab.core.progress import Progress
from deploylab.course import Course, Stage, Target
from deploylab.machine import Completed, Machine
from deploylab.provision import checks, converge
from deploylab.provision.checks import Check
from deploylab.provision.converge import Converged
from deploylab.provision.on_demand import PATIENCE_S, answers, awake


@dataclass(frozen=True)
class Ready:
    """A converged stage, and the results of its checks."""

    converged: Converged
    checks: list[Check]

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        return {"stage": self.converged.stage, "changed": self.converged.changed,
                "failed": self.converged.failed, "checks": [asdict(check) for check in self.checks]}


def to_stage(machine: Machine, course: Course, stage: Stage, progress: Progress,
             variants: Sequence[Target] = (), later: Iterable[Target] = ()) -> Ready:
    """Converge the machine to a stage and check it. If a check fails, see `not_ready`.

    Args:
        variants: variants of the stage to set up and check too.
        later: what the same command sets up after it: see `converge.to_stage`.

    Raises:
        ConvergeError: it could not be converged.
        MachineError: the machine lacks what a variant needs: see `possible`.
    """
    for target in variants:
        if lack := lacking(machine, target):
            raise MachineError(f"{target.name} needs {lack}, and this machine does not have it.",
                               f"./lab goto {stage.name}; or a Vagrant machine, which has it: ./lab doctor")
    with progress.phase("converge", f"{stage.name}: converge"):
        converged = converge.to_stage(machine, course, stage.name, on_event=_show(progress), later=later,
                                      variants=[variant.variant or "" for variant in variants])
    results: list[Check] = []
    managed: dict[str, Completed] = {}
    for target in (stage, *variants):
        with progress.phase("check", f"{target.name}: check"), awake(machine, [target]):
            results += checks.verify(machine, course, target, managed)
    n_ok = sum(check.ok for check in results)
    progress.say(f"    {units.count(converged.changed, 'change')}; {n_ok} of {len(results)} checks say yes")
    return Ready(converged, results)


def lacking(machine: Machine, target: Target) -> str:
    """What the machine does not have and the target needs, in words; "" if it has everything."""
    return next((words for words, test in target.only_where.items() if not machine.run(test).ok), "")


def possible(machine: Machine, targets: Iterable[Target], progress: Progress) -> list[Target]:
    """Those of the targets that this machine can be set up for; the others are left out, and it says why."""
    chosen = []
    for target in targets:
        if lack := lacking(machine, target):
            progress.say(f"  {target.name} is left out: it needs {lack}, and this machine does not have it")
        else:
            chosen.append(target)
    return chosen


def calibration_stub(machine: Machine, course: Course, progress: Progress) -> None:
    """Set up the static stub: a page that costs almost nothing, where the load generator reaches its ceiling.

    Raises:
        ConvergeError: it could not be converged.
    """
    with progress.phase("converge", "static stub, to calibrate the load generator"):
        converge.to_stage(machine, course, converge.CALIBRATION, on_event=_show(progress))


def not_ready(ready: Ready) -> CheckError:
    """The error for a stage with a failed check."""
    failed = [check for check in ready.checks if not check.ok]
    text = "\n".join(checks.line(check) for check in failed)
    return CheckError(f"Stage {ready.converged.stage} is not ready:\n{text}", failed[0].cure)


def _show(progress: Progress) -> converge.OnEvent:
    """A function that shows the events of a converge on a progress line."""
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
    """Check that each of these targets is running and passes every check: never measure an unverified server.

    Raises:
        CheckError: a target is not running, or a check fails.
    """
    managed: dict[str, Completed] = {}
    for target in {target.name: target for target in targets}.values():
        with progress.phase("check", f"{target.name}: check"):
            if not answers(machine, target, patience_s=PATIENCE_S):
                raise CheckError(f"{target.name} does not answer on port {target.port}.", f"./lab goto {target.name}")
            checks.require(checks.verify(machine, course, target, managed))
