"""What converging would do, asked of the deploys alone: no machine, and one process for all of them."""

import json
import os
import subprocess
import sys

from deploylab import course as courses
from deploylab.core import paths
from deploylab.machine.ssh import Ssh
from deploylab.provision import converge

COURSE = courses.load()
NOBODY = Ssh("192.0.2.1", 22, "nobody", "none")
PLAN = """
import json, sys
from pyinfra.api import Inventory, State
from pyinfra.context import ctx_host, ctx_state
from importlib import import_module
from provisioning.lab import Lab

def plan(spec):
    state = State(Inventory((["plan"], {})), check_for_changes=False)
    with ctx_state.use(state), ctx_host.use(next(iter(state.inventory))):
        import_module(spec["deploy"]).deploy(Lab(**spec["lab"]))
    return [sorted(state.get_op_meta(op).names)[0] for op in state.get_op_order()]

def tried(spec):
    try:
        return plan(spec)
    except Exception as error:
        return repr(error)

print(json.dumps([tried(spec) for spec in json.load(sys.stdin)]))
"""


def plans(variants: dict[str, list[str]]) -> dict[str, list[str] | str]:
    """The names of the operations, in their order, of each stage with these variants; or what a deploy failed with."""
    specs = [converge.specification(NOBODY, COURSE, stage, of) for stage, of in variants.items()]
    done = subprocess.run([sys.executable, "-c", PLAN], input=json.dumps(specs), cwd=paths.ROOT, text=True,
                          capture_output=True, env={**os.environ, "PYTHONPATH": str(paths.ROOT)})
    assert done.returncode == 0, done.stderr
    return dict(zip(variants, json.loads(done.stdout), strict=True))
