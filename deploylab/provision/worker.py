"""One converge, in a process of its own: `python -m deploylab.provision.worker`.

Standard input: the spec, one JSON line; its end means stop. Standard output: events, one JSON
line each. Standard error: everything that was done and said.

    {"event": "planned", "n": 28}
    {"event": "start", "name": "Packages: git python3-venv", "i": 3, "n": 28}
    {"event": "done", "name": "Packages: git python3-venv", "changed": true}
    {"event": "failed", "name": "Migrations", "lines": ["…"]}
    {"event": "end", "n": 28, "changed": 2, "failed": 0, "seconds": 4.1}
"""

import importlib
import json
import logging
import os
import sys
import threading
import time
from typing import Any

from pyinfra.api import BaseStateCallback, Config, Inventory, State, StringCommand
from pyinfra.api.connect import connect_all, disconnect_all
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.operations import run_ops
from pyinfra.api.state import StateStage
from pyinfra.context import ctx_host, ctx_state

LAST_LINES = 15
LIB = "/usr/local/lib/deploylab"
LEFTOVERS, APT_CONFIG = f"{LIB}/leftovers", f"{LIB}/apt.conf"


class Report(BaseStateCallback):
    """Tells each operation's start and end."""

    def __init__(self, emit):
        self.emit = emit
        self.changed = 0
        self.i = 0
        self.name = "converge"  # of the operation that runs

    def operation_start(self, state, op_hash):
        self.i += 1
        self.name = _name(state, op_hash)
        print(f"\n--> {self.name}", file=sys.stderr, flush=True)
        self.emit(event="start", name=self.name, i=self.i, n=len(state.op_meta))

    def operation_end(self, state, op_hash):
        done = _meta(state, op_hash)
        if done.did_succeed(_raise_if_not_complete=False):
            self.changed += done.did_change()
            self.emit(event="done", name=_name(state, op_hash), changed=done.did_change())

    def operation_host_error(self, state, host, op_hash, retry_count=0, max_retries=0):
        self.failed = op_hash


def main() -> int:
    """Read the spec, converge, tell. Returns the exit status: 0 when all is done."""
    spec = json.loads(sys.stdin.readline())
    events = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else is printed belongs into the log

    def emit(**event: Any) -> None:
        print(json.dumps(event), file=events, flush=True)

    started = time.monotonic()
    _log_everything()
    state = _state(spec)
    threading.Thread(target=_stop_at_end_of_input, args=(state,), daemon=True).start()
    report = Report(emit)
    state.add_callback_handler(report)
    try:
        _converge(state, spec, emit)
    except Exception as error:  # whatever it is, the parent shows it as one message
        logging.exception("not converged")
        name, lines = _why(state, report, error)
        emit(event="failed", name=name, lines=lines)
        return 1
    emit(event="end", n=len(state.op_meta), changed=report.changed, failed=0,
         seconds=round(time.monotonic() - started, 1))
    return 0


def _state(spec: dict[str, Any]) -> State:
    name, data = spec["inventory"]["name"], spec["inventory"]["data"]
    # The mark by which a cancelled converge finds its commands on the machine again, and what apt does otherwise.
    env = {"DEPLOYLAB_CONVERGE": spec["lab"]["mark"], "APT_CONFIG": APT_CONFIG}
    os.umask(0o022)  # files made on this computer are readable by every user, whatever the umask was
    if cpus := data.get("cpus"):  # what we start on this computer inherits them: the load has others
        os.sched_setaffinity(0, cpus)
    inventory = Inventory(([(name, data)], {}))
    # Each operation is evaluated when its turn comes, and never before: on a bare machine most
    # questions make no sense until the operations before have run.
    state = State(inventory, Config(CONNECT_TIMEOUT=15, ENV=env), check_for_changes=False)
    state.print_input = state.print_output = True
    return state


def _converge(state: State, spec: dict[str, Any], emit) -> None:
    from provisioning.lab import Lab

    lab = Lab(**spec["lab"])
    deploy = importlib.import_module(spec["deploy"]).deploy
    state.set_stage(StateStage.Connect)
    connect_all(state)
    state.set_stage(StateStage.Prepare)
    host = next(iter(state.inventory))
    with ctx_state.use(state), ctx_host.use(host):
        deploy(lab)
    emit(event="planned", n=len(state.op_meta))
    state.set_stage(StateStage.Execute)
    run_ops(state)
    state.set_stage(StateStage.Disconnect)
    disconnect_all(state)


def _stop_at_end_of_input(state: State) -> None:
    """When the parent goes, or says stop: end our commands on the machine, then ourselves."""
    while sys.stdin.read(1):
        pass
    if state.current_stage < StateStage.Disconnect:
        for host in state.inventory:
            try:
                host.run_shell_command(StringCommand(f"env -u DEPLOYLAB_CONVERGE {LEFTOVERS} --now none"),
                                       _sudo=True, print_output=False)
            except Exception:  # the machine may be gone; nothing more can be done
                logging.exception("could not end the commands on the machine")
        os._exit(130)


def _why(state: State, report: Report, error: Exception) -> tuple[str, list[str]]:
    """The name of what failed, and the last lines that it said."""
    for op_hash in state.get_op_order():
        done = _meta(state, op_hash)
        if done.is_complete() and not done.did_succeed():
            lines = [*done.stdout_lines, *done.stderr_lines]
            return _name(state, op_hash), [line for line in lines if line.strip()][-LAST_LINES:]
    if isinstance(error, PyinfraError) and state.current_stage == StateStage.Connect:
        return "connect", ["The machine does not answer over ssh."]
    return report.name, [f"{type(error).__name__}: {error}"]


def _meta(state: State, op_hash: str):
    host = next(iter(state.inventory))
    return state.get_op_data_for_host(host, op_hash).operation_meta


def _name(state: State, op_hash: str) -> str:
    return ", ".join(state.get_op_meta(op_hash).names)


def _log_everything() -> None:
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # do not wait for the thread that reads standard input
