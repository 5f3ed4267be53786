"""Lists the Debian packages that the stages install: `python -m deploylab.publish.bundle.planned`.

Standard input: a JSON list of specs for `deploylab.provision.worker`. Standard output: a JSON list of names. The
deploys are run as for a converge, and what they ask of `apt.packages` is noted instead of done: no second list to keep.
"""

import importlib
import json
import sys
from typing import Any

from pyinfra.api import Config, Inventory, State
from pyinfra.api.state import StateStage
from pyinfra.context import ctx_host, ctx_state
from pyinfra.operations import apt


def packages(spec: dict[str, Any]) -> set[str]:
    """The packages that a converge with this spec would install."""
    from provisioning.lab import Lab

    asked: set[str] = set()

    def note(packages: list[str], **_: Any) -> None:
        asked.update(packages)

    apt.packages = note  # this process does nothing else
    state = State(Inventory(([("nowhere", {})], {})), Config(), check_for_changes=False)
    state.set_stage(StateStage.Prepare)
    host = next(iter(state.inventory))
    state.activate_host(host)
    with ctx_state.use(state), ctx_host.use(host):
        importlib.import_module(spec["deploy"]).deploy(Lab(**spec["lab"]))
    return asked


if __name__ == "__main__":
    print(json.dumps(sorted(set().union(*map(packages, json.load(sys.stdin))))))
