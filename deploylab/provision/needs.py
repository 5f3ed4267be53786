"""What stages install: `python -m deploylab.provision.needs`.

The deploys are run as for a converge, and what they ask of pyinfra's `apt.packages` and `pip.packages` is noted instead
of done. So each list is in one place only, in the deploy that needs it. The others read it here: a converge, which
installs everything at once, and the bundle, which takes it to a room without a network.

Standard input: a JSON list of specs for `deploylab.provision.worker`. Standard output: a JSON list of Debian packages.
"""

import importlib
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pyinfra.api import Config, Inventory, State
from pyinfra.api.state import StateStage
from pyinfra.context import ctx_host, ctx_state
from pyinfra.operations import apt, pip


@dataclass(frozen=True)
class Needs:
    """What deploys install, each name once, in the order in which they ask for it.

    Attributes:
        packages: Debian packages.
        requirements: the names of files with Python packages; they are in the application's folder.
    """

    packages: list[str]
    requirements: list[str]


def of(deploys: Iterable[tuple[str, Any]]) -> Needs:
    """What all these deploys together install. No machine is asked.

    Args:
        deploys: the module of each deploy, and the `Lab` that it is given.

    Example:
        needs.of([("provisioning.deploys.nginx", lab)]).packages
    """
    debian: list[str] = []
    python: list[str] = []

    def note_packages(packages: list[str], **_: Any) -> None:
        debian.extend(packages)

    def note_requirements(requirements: str, **_: Any) -> None:
        python.append(requirements.rpartition("/")[2])

    real = apt.packages, pip.packages
    apt.packages, pip.packages = note_packages, note_requirements
    try:
        for module, lab in deploys:
            _plan(module, lab)
    finally:
        apt.packages, pip.packages = real
    return Needs(list(dict.fromkeys(debian)), list(dict.fromkeys(python)))


def _plan(module: str, lab: Any) -> None:
    """Run a deploy for a machine that does not exist: its operations are planned, and never executed."""
    state = State(Inventory(([("nowhere", {})], {})), Config(), check_for_changes=False)
    state.set_stage(StateStage.Prepare)
    host = next(iter(state.inventory))
    state.activate_host(host)
    with ctx_state.use(state), ctx_host.use(host):
        importlib.import_module(module).deploy(lab)


if __name__ == "__main__":
    from provisioning.lab import Lab

    specs = json.load(sys.stdin)
    print(json.dumps(sorted(of((spec["deploy"], Lab(**spec["lab"])) for spec in specs).packages)))
