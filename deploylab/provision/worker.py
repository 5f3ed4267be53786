"""Runs one converge in a separate process: `python -m deploylab.provision.worker`.

Standard input: the spec, one JSON line; its end means stop. Standard output: events, one JSON line each. Standard
error: all operations and their output.

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
import socket
import sys
import threading
import time
from dataclasses import replace
from typing import Any

from pyinfra.api import BaseStateCallback, Config, Inventory, State, StringCommand
from pyinfra.api.connect import connect_all, disconnect_all
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.host import Host
from pyinfra.api.operations import run_ops
from pyinfra.api.state import StateStage
from pyinfra.context import ctx_host, ctx_state

from deploylab.core import surroundings
from deploylab.provision import needs

LAST_LINES = 15
LIB = "/usr/local/lib/deploylab"
LEFTOVERS, APT_CONFIG = f"{LIB}/leftovers", f"{LIB}/apt.conf"


class Report(BaseStateCallback):
    """Emits an event at the start and at the end of each operation."""

    def __init__(self, emit):
        self.emit = emit
        self.changed = 0
        self.i = 0
        self.name = "converge"  # name of the operation that is running

    def operation_start(self, state, op_hash):
        self.i += 1
        self.name = _name(state, op_hash)
        print(f"\n--> {self.name}", file=sys.stderr, flush=True)
        self.emit(event="start", name=self.name, i=self.i, n=len(state.op_meta))

    def operation_end(self, state, op_hash):
        result = _meta(state, op_hash)
        if result.did_succeed(_raise_if_not_complete=False):
            self.changed += result.did_change()
            self.emit(event="done", name=_name(state, op_hash), changed=result.did_change())

    def operation_host_error(self, state, host, op_hash, retry_count=0, max_retries=0):
        self.failed = op_hash


def main() -> int:
    """Read the spec, converge, and emit events. Returns the exit status: 0 on success."""
    spec = json.loads(sys.stdin.readline())
    events = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # everything else that is printed belongs in the log

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
    except Exception as error:  # the parent shows any error as one message
        logging.exception("the converge failed")
        name, lines = _reason(state, report, error)
        emit(event="failed", name=name, lines=lines)
        return 1
    emit(event="end", n=len(state.op_meta), changed=report.changed, failed=0,
         seconds=round(time.monotonic() - started, 1))
    return 0


def _state(spec: dict[str, Any]) -> State:
    name, data = spec["inventory"]["name"], spec["inventory"]["data"]
    # The mark by which a cancelled converge finds its commands on the machine, and our configuration of apt.
    env = {"DEPLOYLAB_CONVERGE": spec["lab"]["mark"], "APT_CONFIG": APT_CONFIG,
           **surroundings.ENGLISH, **surroundings.direct()}
    os.umask(0o022)  # files created on this computer are readable by every user, whatever the umask was
    if cpus := data.get("cpus"):  # servers started on this computer inherit them: the load uses others
        os.sched_setaffinity(0, cpus)
    inventory = Inventory(([(name, data)], {}))
    # Each operation is evaluated when its turn comes, not before: on a bare machine most facts make no sense until
    # the earlier operations have run.
    state = State(inventory, Config(CONNECT_TIMEOUT=15, ENV=env), check_for_changes=False)
    state.print_input = state.print_output = True
    return state


def _converge(state: State, spec: dict[str, Any], emit) -> None:
    lab = _lab(spec)
    deploy = importlib.import_module(spec["deploy"]).deploy
    state.set_stage(StateStage.Connect)
    connect_all(state)
    state.set_stage(StateStage.Prepare)
    host = next(iter(state.inventory))
    _without_delay(host)
    with ctx_state.use(state), ctx_host.use(host):
        deploy(lab)
    emit(event="planned", n=len(state.op_meta))
    state.set_stage(StateStage.Execute)
    run_ops(state)
    state.set_stage(StateStage.Disconnect)
    disconnect_all(state)


def _without_delay(host: Host) -> None:
    """Send small packets at once: paramiko leaves Nagle's algorithm on, and each command would wait 40 ms for it."""
    if client := getattr(host.connector, "client", None):  # only ssh has one
        client.get_transport().sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _lab(spec: dict[str, Any]) -> Any:
    """The `Lab` that the deploy is given, with what it and the later deploys install."""
    from provisioning.lab import Lab

    lab = Lab(**spec["lab"])
    later = [(module, lab.of(stage, tuple(variants))) for module, stage, variants in spec["later"]]
    needed = needs.of([(spec["deploy"], lab), *later])
    return replace(lab, packages=needed.packages, requirements=needed.requirements)


def _stop_at_end_of_input(state: State) -> None:
    """When the parent is gone or closes our input: end our commands on the machine, then this process."""
    while sys.stdin.read(1):
        pass
    if state.current_stage < StateStage.Disconnect:
        for host in state.inventory:
            try:
                host.run_shell_command(StringCommand(f"env -u DEPLOYLAB_CONVERGE {LEFTOVERS} --now none"),
                                       _sudo=True, print_output=False)
            except Exception:  # the machine may be gone: nothing more can be done
                logging.exception("could not end the commands on the machine")
        os._exit(130)


def _reason(state: State, report: Report, error: Exception) -> tuple[str, list[str]]:
    """The name of the operation that failed, and the last lines of its output."""
    for op_hash in state.get_op_order():
        result = _meta(state, op_hash)
        if result.is_complete() and not result.did_succeed():
            lines = [*result.stdout_lines, *result.stderr_lines]
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
    os._exit(status)  # without waiting for the thread that reads standard input
