"""Bring a machine to a stage: works from any state, any number of times.

pyinfra does the work, in a process of its own (`deploylab.converge`): it needs gevent, and a
process can be ended. The spec goes in as one JSON line, events come out as JSON lines.
"""

import hashlib
import json
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from deploylab import network, paths, source
from deploylab.course import Course
from deploylab.errors import ConvergeError, CourseError
from deploylab.machine import Machine

CALIBRATION = "calibration"  # no stage: a static stub on the machine, for the load generator
CALIBRATION_PORT = 8090
STOP_S = 20                  # what a cancelled converge gets to end its commands on the machine

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


def converge(machine: Machine, course: Course, stage_name: str, *, on_event: OnEvent = lambda event: None) -> Converged:
    """Bring the machine to a stage. What other stages have there stays.

    Args:
        stage_name: a stage of the course, or CALIBRATION.
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
    spec = specification(machine, course, stage_name)
    ended: dict[str, Any] = {}
    changes = []
    with _process(spec) as process:
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


def specification(machine: Machine, course: Course, stage_name: str) -> dict[str, Any]:
    """What `deploylab.converge` needs to know: how to reach the machine, and the fields of a `Lab`."""
    ports = _ports(course, stage_name)
    if not deploy_path(stage_name).exists():
        raise CourseError(f"Stage {stage_name} has no deploy.", f"write {deploy_path(stage_name)}")
    revision, bundle = source.bundle(course)
    name, data = machine.inventory()
    return {
        "inventory": {"name": name, "data": data},
        "lab": {
            "stage": stage_name, "ports": ports, "app": {**asdict(course.app), "views": {}},
            "revision": revision, "bundle": str(bundle), "mark": uuid.uuid4().hex[:12],
            "hosts": list(dict.fromkeys([machine.host, "localhost", "127.0.0.1"])),
            "pip": network.pip_settings(), "apt_proxy": network.proxies().get("http", ""),
            "certificates": network.certificates(),
        },
    }


def deploy_path(stage_name: str) -> Path:
    """Where a stage's deploy lies."""
    return paths.PROVISIONING / "deploys" / f"{stage_name}.py"


def app_revision(course: Course) -> str:
    """The revision of the application that a converge would deploy now."""
    return source.revision(course)


def config_hash(course: Course, stage_name: str) -> str:
    """Twelve hexadecimal digits over the stage's table, its deploy and its configuration files.

    A file that bears another stage's name is not this stage's, unless this stage's deploy imports it.
    """
    stage = course.stage(stage_name)
    sha = hashlib.sha256(json.dumps(asdict(stage), sort_keys=True).encode())
    for path in _files_of(course, stage_name):
        sha.update(str(path.relative_to(paths.PROVISIONING)).encode() + b"\0" + path.read_bytes() + b"\0")
    return sha.hexdigest()[:12]


def log_path() -> Path:
    """Where everything that a converge said is kept; the newest converge only."""
    return paths.state_dir() / "log" / "converge.log"


def _ports(course: Course, stage_name: str) -> dict[str, int]:
    """The port of the stage (key "") and of each variant."""
    if stage_name == CALIBRATION:
        return {"": CALIBRATION_PORT}
    stage = course.stage(stage_name)
    return {target.variant or "": target.port for target in (stage, *stage.variants)}


def _files_of(course: Course, stage_name: str) -> list[Path]:
    """The deploys and files that make a stage."""
    own = deploy_path(stage_name).read_text(encoding="utf-8")
    imported = " ".join(re.findall(r"^(?:from|import) .*$", own, re.MULTILINE))
    others = [name for name in [CALIBRATION, *(s.name for s in course.stages)]
              if name != stage_name and not re.search(rf"\b{name}\b", imported)]
    found = (path for folder in ("deploys", "files") for path in (paths.PROVISIONING / folder).rglob("*")
             if path.is_file() and "__pycache__" not in path.parts)
    return sorted(path for path in [*found, *paths.PROVISIONING.glob("*.py")]
                  if not any(_belongs_to(path, name) for name in others))


def _belongs_to(path: Path, stage_name: str) -> bool:
    """Whether a file bears that stage's name."""
    if path.parent.name == "deploys":
        return path.stem == stage_name
    return f"-{stage_name}" in path.name or path.name.startswith(f"{stage_name}.env")


@contextmanager
def _process(spec: dict[str, Any]) -> Iterator[subprocess.Popen[str]]:
    """The running converge. When the block is left early, it ends, and its commands on the machine with it."""
    log_path().parent.mkdir(parents=True, exist_ok=True)
    with log_path().open("w", encoding="utf-8") as log:
        process = subprocess.Popen([sys.executable, "-m", "deploylab.converge"], cwd=paths.ROOT, text=True,
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
    again = "./lab run" if stage_name == CALIBRATION else f"./lab goto {stage_name}"
    if event:
        said = "\n".join(f"  {line}" for line in event["lines"])
        what = f"'{event['name']}' failed:\n{said}"
    else:
        end = log_path().read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
        what = f"its process ended with status {status}:\n" + "\n".join(f"  {line}" for line in end)
    return ConvergeError(f"The machine could not be brought to {stage_name}: {what}\nThe full log: {log_path()}", again)
