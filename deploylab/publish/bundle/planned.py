"""Lists the Debian packages that the stages install: `python -m deploylab.publish.bundle.planned`.

Standard input: a JSON list of specs for `deploylab.provision.worker`. Standard output: a JSON list of names. The
deploys are run as for a converge, but their operations are only read, not executed, so there is no second list to
maintain.
"""

import importlib
import json
import sys
from typing import Any

from pyinfra.api import Config, Inventory, State
from pyinfra.api.state import StateStage
from pyinfra.context import ctx_host, ctx_state

PREFIX = "Packages: "  # how the operation `packages` begins its name


def packages(spec: dict[str, Any]) -> set[str]:
    """The packages that a converge with this spec would install."""
    from provisioning.lab import Lab

    state = State(Inventory(([("nowhere", {})], {})), Config(), check_for_changes=False)
    state.set_stage(StateStage.Prepare)
    host = next(iter(state.inventory))
    state.activate_host(host)
    with ctx_state.use(state), ctx_host.use(host):
        importlib.import_module(spec["deploy"]).deploy(Lab(**spec["lab"]))
    names = [name for operation in state.get_op_order() for name in state.get_op_meta(operation).names]
    return {word for name in names if name.startswith(PREFIX) for word in name.removeprefix(PREFIX).split()}


if __name__ == "__main__":
    print(json.dumps(sorted(set().union(*map(packages, json.load(sys.stdin))))))
