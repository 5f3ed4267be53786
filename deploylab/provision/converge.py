"""Bring a machine to a stage: works from any state, any number of times.

pyinfra does the work, in a process of its own (`deploylab.provision.worker`): it needs gevent, and a
process can be ended. The spec goes in as one JSON line, events come out as JSON lines.
"""

import ast
import hashlib
import json
import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from deploylab.core import cancel, paths
from deploylab.core.errors import ConvergeError, CourseError
from deploylab.course import Course
from deploylab.machine import Machine, network
from deploylab.provision import app_code

CALIBRATION = "calibration"  # no stage: a static stub on the machine, for the load generator
CALIBRATION_PORT = 8090
GROUND = "ground"            # no stage either: what a machine has before the first lesson
NO_STAGE = (CALIBRATION, GROUND)
STOP_S = 20                  # what a cancelled converge gets to end its commands on the machine

# What an installation fails of that is no fault of the course: what its output says, the cause, what to do.
CAUSES = (
    (r"No space left on device|enough free space|Disk quota exceeded", "its disk is full",
     "./lab status --deep   says how full; make room, then "),
    (r"Network is unreachable|No route to host|Temporary failure (in name resolution|resolving)|Could not resolve"
     r"|Name or service not known|Failed to establish a new connection|[Cc]onnection timed out",
     "it does not get through to the network", "./lab doctor   looks at this computer's; then "),
)
SHOWN_LINES = 3              # of what was said of a cause that is known

OnEvent = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, kw_only=True)
class Converged:
    """How a converge ended.

    Attributes:
        changed: operations that changed something; 0 when the machine was as it should be.
        failed: operations that failed; a failure raises, so this is 0.
        seconds: from beginning to end.
        changes: names of the operations that changed something, in order.
    """

    stage: str
    changed: int
    failed: int
    n_operations: int
    seconds: float
    changes: tuple[str, ...]


def to_stage(machine: Machine, course: Course, stage_name: str, *, variants: Iterable[str] = (),
             on_event: OnEvent = lambda event: None) -> Converged:
    """Bring the machine to a stage. What other stages and variants have there stays.

    Args:
        stage_name: a stage of the course, CALIBRATION or GROUND.
        variants: the stage's variants that shall stand too, by their own names.
        on_event: called with each event: planned (n), start (name, i, n), done (name, changed),
            failed (name, lines), end (changed, failed).

    Raises:
        ConvergeError: an operation failed; the message holds its last lines and where the log lies.
        CourseError: there is no such stage, or it has no deploy.
        HostError: the application could not be packed.

    Example:
        converge(machine, course.load(), "nginx").changed
    """
    started = time.monotonic()
    spec = specification(machine, course, stage_name, variants)
    ended: dict[str, Any] = {}
    changes = []
    with _process(spec) as process, cancel.ended_by(process.stdin.close):
        for line in process.stdout or ():
            event = json.loads(line)
            on_event(event)
            if event["event"] == "done" and event["changed"]:
                changes.append(event["name"])
            elif event["event"] in ("failed", "end"):
                ended = event
    if ended.get("event") != "end":
        raise _failure(stage_name, ended, process.returncode)
    return Converged(stage=stage_name, changed=ended["changed"], failed=ended["failed"], n_operations=ended["n"],
                     seconds=round(time.monotonic() - started, 1), changes=tuple(changes))


def specification(machine: Machine, course: Course, stage_name: str, variants: Iterable[str] = (),
                  pip: dict[str, str] | None = None) -> dict[str, Any]:
    """What `deploylab.provision.worker` needs to know: how to reach the machine, and the fields of a `Lab`.

    Args:
        pip: settings for the machine's pip; by default the host's, which takes half a second to ask.
    """
    if stage_name not in NO_STAGE:
        for name in ("", *variants):
            course.target(f"{stage_name}:{name}" if name else stage_name)
    if not deploy_path(course, stage_name).exists():
        raise CourseError(f"Stage {stage_name} has no deploy.", f"write {deploy_path(course, stage_name)}")
    revision, bundle = app_code.bundle(course)
    inventory = machine.inventory()
    return {
        "inventory": asdict(inventory),
        "deploy": _deploy_of(course, stage_name) or f"provisioning.deploys.{stage_name}",
        "lab": {
            "stage": stage_name, "variants": list(variants),
            "ports": {CALIBRATION: CALIBRATION_PORT} | {target.name: target.port for target in course.all_targets},
            "environments": {target.name: target.environment for target in course.all_targets},
            "sleepers": [target.name for target in course.all_targets if target.start],
            "app": {**asdict(course.app), "views": {}},
            "revision": revision, "bundle": str(bundle), "mark": uuid.uuid4().hex[:12],
            "hosts": list(dict.fromkeys([machine.host, "localhost", "127.0.0.1"])),
            "pip": network.pip_settings() if pip is None else pip, "apt_proxy": network.proxies().get("http", ""),
            "certificates": {} if inventory.name == "@local" else network.certificates(),  # here they are already
        },
    }


def deploy_path(course: Course, stage_name: str) -> Path:
    """Where a stage's deploy lies: in deploys/ under its name, or where its table says."""
    module = _deploy_of(course, stage_name)
    if module:
        return paths.ROOT.joinpath(*module.split(".")).with_suffix(".py")
    return paths.PROVISIONING / "deploys" / f"{stage_name}.py"


def app_revision(course: Course) -> str:
    """The revision of the application that a converge would deploy now."""
    return app_code.revision(course)


def config_hash(course: Course, stage_name: str) -> str:
    """Twelve hexadecimal digits over the stage's table, its deploy and its configuration files.

    A file that is other stages' alone is left out, and so is a deploy that this one does not import.
    """
    stage = course.stage(stage_name)
    sha = hashlib.sha256(json.dumps(asdict(stage), sort_keys=True).encode())
    for path in _files_of(course, stage_name):
        sha.update(os.path.relpath(path, paths.PROVISIONING).encode() + b"\0" + path.read_bytes() + b"\0")
    return sha.hexdigest()[:12]


def log_path() -> Path:
    """Where everything that a converge said is kept; the newest converge only."""
    return paths.state_dir() / "log" / "converge.log"


def _deploy_of(course: Course, stage_name: str) -> str:
    """The module that the stage's table names, "" where it names none."""
    return "" if stage_name in NO_STAGE else course.stage(stage_name).deploy


def _files_of(course: Course, stage_name: str) -> list[Path]:
    """The deploys and files that make a stage: its deploy with all that it imports, and its configuration.

    A file that targets list as `configuration` is of their stages; one that none lists is everybody's.
    """
    own = deploy_path(course, stage_name)
    found = {(path, "/" + path.relative_to(folder).as_posix().removesuffix(".j2"))
             for folder in (paths.PROVISIONING / "files", own.parent / "files") for path in folder.rglob("*")
             if path.is_file() and "__pycache__" not in path.parts}
    listed: dict[str, set[str]] = {}
    for target in course.all_targets:
        for on_guest in target.configuration:
            listed.setdefault(on_guest, set()).add(target.stage)
    files = {path for path, on_guest in found if stage_name in listed.get(on_guest, {stage_name})}
    return sorted(files | _with_imports(own))


def _with_imports(module: Path) -> set[Path]:
    """The module's file, and those of all modules of `provisioning` that it imports, and they in turn."""
    found: set[Path] = set()
    to_read = [module]
    while to_read:
        path = to_read.pop()
        if path in found or not path.is_file():
            continue
        found.add(path)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == paths.PROVISIONING.name:
                folder = paths.PROVISIONING.parent.joinpath(*(node.module or "").split("."))
                # What is imported from a package may be a module or a package of its own, or a name in its __init__.py.
                names = ["__init__", *(one.name for one in node.names)]
                to_read += [folder.with_suffix(".py"), *(folder / f"{name}.py" for name in names),
                            *(folder / name / "__init__.py" for name in names)]
    return found


@contextmanager
def _process(spec: dict[str, Any]) -> Iterator[subprocess.Popen[str]]:
    """The running converge. When the block is left early, it ends, and its commands on the machine with it."""
    log_path().parent.mkdir(parents=True, exist_ok=True)
    with log_path().open("w", encoding="utf-8") as log:
        process = subprocess.Popen([sys.executable, "-m", "deploylab.provision.worker"], cwd=paths.ROOT, text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True)
        try:
            _send(process.stdin, spec)
            yield process
            process.wait()
        finally:
            if process.stdin:
                process.stdin.close()  # its end means stop
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout:
                process.stdout.close()


def _send(stdin: IO[str] | None, spec: dict[str, Any]) -> None:
    assert stdin is not None
    stdin.write(json.dumps(spec) + "\n")
    stdin.flush()


def _failure(stage_name: str, event: dict[str, Any], status: int) -> ConvergeError:
    again = {CALIBRATION: "./lab run", GROUND: "the same command again"}.get(stage_name, f"./lab goto {stage_name}")
    if event:
        lines = event["lines"]
        for pattern, cause, cure in CAUSES:
            if telling := [line for line in dict.fromkeys(lines) if re.search(pattern, line)]:
                lines, again, stage_name = telling[:SHOWN_LINES], cure + again, f"{stage_name}, because {cause}"
                break
        said = "\n".join(f"  {line}" for line in lines)
        what = f"'{event['name']}' failed:\n{said}"
    else:
        end = log_path().read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
        what = f"its process ended with status {status}:\n" + "\n".join(f"  {line}" for line in end)
    return ConvergeError(f"The machine could not be brought to {stage_name}: {what}\nThe full log: {log_path()}", again)
