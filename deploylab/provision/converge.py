"""Brings a machine to a stage, from any state and as often as you like.

pyinfra does the work in a separate process (`deploylab.provision.worker`), because it needs gevent, and because a
process can be killed. The spec goes in as one JSON line, events come out as JSON lines.
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
from deploylab.course import Course, Target
from deploylab.machine import Machine, network
from deploylab.provision import app_code

CALIBRATION = "calibration"  # not a stage: a static stub on the machine, for the load generator
CALIBRATION_PORT = 8090
ACME, ACME_PORT = "acme", 8017  # plain HTTP beside the stage `tls`
EXTRA_PORTS = {CALIBRATION: CALIBRATION_PORT, ACME: ACME_PORT}  # beside those of the targets
GROUND = "ground"            # not a stage either: what a machine has before the first lesson
NO_STAGE = (CALIBRATION, GROUND)
STOP_S = 20                  # the time that a cancelled converge gets to end its commands on the machine

# Causes of a failure that lie outside the kit: a pattern in the output, the cause, what to do.
CAUSES = (
    (r"No space left on device|enough free space|Disk quota exceeded", "its disk is full",
     "./lab status --deep   shows how full; free some space, then "),
    (r"Network is unreachable|No route to host|Temporary failure (in name resolution|resolving)|Could not resolve"
     r"|Name or service not known|Failed to establish a new connection|[Cc]onnection timed out",
     "it cannot reach the network", "./lab doctor   checks the network of this computer; then "),
)
SHOWN_LINES = 3              # lines of output that are shown for a known cause

OnEvent = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, kw_only=True)
class Converged:
    """The result of a converge.

    Attributes:
        changed: operations that changed something; 0 if everything was in place already.
        failed: operations that failed; always 0, because a failure raises ConvergeError.
        seconds: how long it took.
        changes: names of the operations that changed something, in order.
    """

    stage: str
    changed: int
    failed: int
    n_operations: int
    seconds: float
    changes: tuple[str, ...]


def to_stage(machine: Machine, course: Course, stage_name: str, *, variants: Iterable[str] = (),
             later: Iterable[Target] = (), on_event: OnEvent = lambda event: None) -> Converged:
    """Bring the machine to a stage. Other stages and variants on it are left alone.

    Args:
        stage_name: a stage of the course, CALIBRATION or GROUND.
        variants: the stage's variants to set up too, by their own names.
        later: what is set up after it. The packages of all of these are installed now, in one go with the stage's.
        on_event: called with each event: planned (n), start (name, i, n), done (name, changed),
            failed (name, lines), end (changed, failed).

    Raises:
        ConvergeError: an operation failed; the message contains its last lines and the path of the log.
        CourseError: there is no such stage, or it has no deploy.
        HostError: the application could not be packed.

    Example:
        converge(machine, course.load(), "nginx").changed
    """
    started = time.monotonic()
    spec = specification(machine, course, stage_name, variants, later)
    last_event: dict[str, Any] = {}
    changes = []
    with _process(spec) as process, cancel.ended_by(process.stdin.close):
        for line in process.stdout or ():
            event = json.loads(line)
            on_event(event)
            if event["event"] == "done" and event["changed"]:
                changes.append(event["name"])
            elif event["event"] in ("failed", "end"):
                last_event = event
    if last_event.get("event") != "end":
        raise _failure(stage_name, last_event, process.returncode)
    return Converged(stage=stage_name, changed=last_event["changed"], failed=last_event["failed"],
                     n_operations=last_event["n"], seconds=round(time.monotonic() - started, 1),
                     changes=tuple(changes))


def specification(machine: Machine, course: Course, stage_name: str, variants: Iterable[str] = (),
                  later: Iterable[Target] = (), pip: dict[str, str] | None = None) -> dict[str, Any]:
    """The spec for `deploylab.provision.worker`: how to reach the machine, and the fields of a `Lab`.

    Args:
        variants, later: as for `to_stage`.
        pip: settings for the machine's pip; by default those of this computer's pip, which takes half a second to read.
    """
    if stage_name not in NO_STAGE:
        for name in ("", *variants):
            course.target(f"{stage_name}:{name}" if name else stage_name)
    if not deploy_path(course, stage_name).exists():
        raise CourseError(f"Stage {stage_name} has no deploy.", f"write {deploy_path(course, stage_name)}")
    revision, bundle = app_code.bundle(course)
    inventory = machine.inventory()
    tls_names = {target.tls_name for target in course.all_targets if target.tls_name}
    return {
        "inventory": asdict(inventory),
        "deploy": _deploy_of(course, stage_name),
        "later": _by_stage(course, later),
        "lab": {
            "stage": stage_name, "variants": list(variants),
            "ports": {**EXTRA_PORTS, **{target.name: target.port for target in course.all_targets}},
            "environments": {ACME: {}, **{target.name: target.environment for target in course.all_targets}},
            "sleepers": [target.name for target in course.all_targets if target.start],
            "app": {**asdict(course.app), "views": {}},
            "revision": revision, "bundle": str(bundle), "mark": uuid.uuid4().hex[:12],
            "hosts": list(dict.fromkeys([machine.host, "localhost", "127.0.0.1", *tls_names])),
            "tls_name": "".join(tls_names),
            "pip": network.pip_settings() if pip is None else pip, "apt_proxy": network.proxies().get("http", ""),
            "certificates": {} if inventory.name == "@local" else network.certificates(),  # this computer has them
        },
    }


def deploy_path(course: Course, stage_name: str) -> Path:
    """The path of a stage's deploy: in deploys/ under its name, or the module that its table names."""
    module = _named_deploy(course, stage_name)
    if module:
        return paths.ROOT.joinpath(*module.split(".")).with_suffix(".py")
    return paths.PROVISIONING / "deploys" / f"{stage_name}.py"


def app_revision(course: Course) -> str:
    """The revision of the application that a converge would deploy now."""
    return app_code.revision(course)


def config_hash(course: Course, stage_name: str) -> str:
    """A hash (twelve hexadecimal digits) of the stage's table, its deploy and its configuration files.

    Files that only other stages use are left out, and so are deploys that this one does not import.
    """
    stage = course.stage(stage_name)
    sha = hashlib.sha256(json.dumps(asdict(stage), sort_keys=True).encode())
    for path in _files_of(course, stage_name):
        sha.update(os.path.relpath(path, paths.PROVISIONING).encode() + b"\0" + path.read_bytes() + b"\0")
    return sha.hexdigest()[:12]


def log_path() -> Path:
    """The path of the log with the whole output of the last converge."""
    return paths.state_dir() / "log" / "converge.log"


def _by_stage(course: Course, targets: Iterable[Target]) -> list[tuple[str, str, list[str]]]:
    """The module of its deploy, its name and its variants, for each stage of these targets."""
    variants: dict[str, list[str]] = {}
    for target in targets:
        variants.setdefault(target.stage, []).extend([target.variant] if target.variant else [])
    return [(_deploy_of(course, stage), stage, names) for stage, names in variants.items()]


def _deploy_of(course: Course, stage_name: str) -> str:
    """The module of a stage's deploy."""
    return _named_deploy(course, stage_name) or f"provisioning.deploys.{stage_name}"


def _named_deploy(course: Course, stage_name: str) -> str:
    """The module that the stage's table names as its deploy; "" if it names none."""
    return "" if stage_name in NO_STAGE else course.stage(stage_name).deploy


def _files_of(course: Course, stage_name: str) -> list[Path]:
    """The files that define a stage: its deploy with everything that it imports, and its configuration files.

    A file that targets list as `configuration` belongs to their stages; one that no target lists belongs to all.
    """
    deploy = deploy_path(course, stage_name)
    files = {(path, "/" + path.relative_to(folder).as_posix().removesuffix(".j2"))
             for folder in (paths.PROVISIONING / "files", deploy.parent / "files") for path in folder.rglob("*")
             if path.is_file() and "__pycache__" not in path.parts}
    listed: dict[str, set[str]] = {}
    for target in course.all_targets:
        for on_guest in target.configuration:
            listed.setdefault(on_guest, set()).add(target.stage)
    own_files = {path for path, on_guest in files if stage_name in listed.get(on_guest, {stage_name})}
    return sorted(own_files | _with_imports(deploy))


def _with_imports(module: Path) -> set[Path]:
    """The module's file, and the files of all modules of `provisioning` that it imports, directly or indirectly."""
    files: set[Path] = set()
    to_read = [module]
    while to_read:
        path = to_read.pop()
        if path in files or not path.is_file():
            continue
        files.add(path)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == paths.PROVISIONING.name:
                folder = paths.PROVISIONING.parent.joinpath(*(node.module or "").split("."))
                # A name imported from a package may be a module, a package, or a name in its __init__.py.
                names = ["__init__", *(alias.name for alias in node.names)]
                to_read += [folder.with_suffix(".py"), *(folder / f"{name}.py" for name in names),
                            *(folder / name / "__init__.py" for name in names)]
    return files


@contextmanager
def _process(spec: dict[str, Any]) -> Iterator[subprocess.Popen[str]]:
    """The running converge. If the block is left early, it is ended, and its commands on the machine too."""
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
                process.stdin.close()  # the end of its input means stop
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
            if matches := [line for line in dict.fromkeys(lines) if re.search(pattern, line)]:
                lines, again, stage_name = matches[:SHOWN_LINES], cure + again, f"{stage_name}, because {cause}"
                break
        output = "\n".join(f"  {line}" for line in lines)
        problem = f"'{event['name']}' failed:\n{output}"
    else:
        end = log_path().read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
        problem = f"its process ended with status {status}:\n" + "\n".join(f"  {line}" for line in end)
    message = f"The machine could not be brought to {stage_name}: {problem}\nThe full log: {log_path()}"
    return ConvergeError(message, again)
