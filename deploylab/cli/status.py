"""The current status: the machine, its stages, the newest session. Fast, because it only tries the ports."""

from dataclasses import asdict, dataclass
from typing import Any

from deploylab import results
from deploylab.core import units
from deploylab.course import Course
from deploylab.machine import OwnMachine, choose, copies, open_machine, usage
from deploylab.provision.on_demand import listening

DEEP = ("vagrant", "memory", "disk", "boot", "copies")  # takes seconds to find out


@dataclass(frozen=True, kw_only=True)
class MachineStatus:
    """The machine of this clone.

    Attributes:
        host, login: its address, and the command that logs in; None while it does not run.
        vagrant, copies, memory, disk, boot: in words; None without `--deep`.
    """

    kind: str
    provider: str
    name: str
    running: bool
    host: str | None
    login: str | None
    vagrant: str | None = None
    copies: str | None = None
    memory: str | None = None
    disk: str | None = None
    boot: str | None = None


@dataclass(frozen=True, kw_only=True)
class StageStatus:
    """A stage or variant.

    Attributes:
        open: its port answers.
        sleeps: it starts only when it is needed.
        url: None while the port does not answer.
    """

    name: str
    port: int
    title: str
    open: bool
    sleeps: bool
    url: str | None


@dataclass(frozen=True, kw_only=True)
class SessionStatus:
    """The newest session."""

    id: str
    finished: bool
    kind: str | None


@dataclass(frozen=True, kw_only=True)
class Status:
    """The machine, the stages and the newest session; None for a machine or session that does not exist."""

    machine: MachineStatus | None
    stages: tuple[StageStatus, ...]
    session: SessionStatus | None

    def to_json(self) -> dict[str, Any]:
        """What `--json` prints; of the machine only what is known."""
        document = asdict(self)
        if self.machine:
            document["machine"] = {name: value for name, value in asdict(self.machine).items()
                                   if name not in DEEP or value is not None}
        return document


def look(course: Course, *, deep: bool = False) -> Status:
    """The current status.

    Args:
        deep: also ask Vagrant for the machine's state, and the guest for its memory and disk; takes seconds.
    """
    saved = choose.saved()
    machine = open_machine(saved) if saved else None
    running = machine is not None and machine.answers()
    newest = results.latest()
    return Status(machine=_machine(machine, running, deep) if machine else None,
                  stages=_stages(course, machine if running else None),
                  session=SessionStatus(id=newest.id, finished=newest.finished, kind=newest.plan.get("kind"))
                  if newest else None)


def lines(status: Status) -> list[str]:
    """The status as text."""
    machine = status.machine
    if machine is None:
        return ["No machine yet.", "Next: ./lab up"]
    state = f"running at {machine.host}" if machine.running else "not running"
    kind = ", ".join(filter(None, (machine.kind, machine.provider)))
    text = [f"Machine {machine.name} ({kind}): {state}"]
    text += [f"  {name}: {value}" for name in DEEP if (value := getattr(machine, name)) is not None]
    if machine.running:
        text.append(f"  log in: {machine.login}")
    width = max(len(stage.name) for stage in status.stages)
    for stage in status.stages:
        where = "sleeps until it is needed" if stage.sleeps and stage.open else stage.url or "–"
        text.append(f"  {stage.name:{width}} {stage.port}  {where:26} {stage.title}")
    if session := status.session:
        hint = "; ./lab run continues it" if session.kind == "run" else ""
        text.append(f"Newest session: {session.id}" + ("" if session.finished else f" (unfinished{hint})"))
    if not machine.running:
        text.append("Next: ./lab up")
    elif not any(stage.open for stage in status.stages):
        text.append(f"Next: ./lab goto {status.stages[0].name}")
    return text


def _machine(machine: OwnMachine, running: bool, deep: bool) -> MachineStatus:
    details: dict[str, str] = {}
    if deep:
        details["vagrant"] = machine.state()
        if machine.provider == "lxc" and (disks := copies.every()):
            details["copies"] = f"{len(disks)} of its disk for ./lab reset, {units.size(sum(c.n_bytes for c in disks))}"
        if running:
            # Not `free`: in a container it may show the host's memory.
            used_bytes = usage.sample(machine, ["."], memory=True)["pss_bytes"]
            free_bytes = int(machine.check_output("df -B1 --output=avail / | tail -1"))
            all_bytes = machine.facts().memory_bytes
            details["memory"] = f"{units.size(used_bytes)} used by processes, of {units.size(all_bytes)}"
            details["disk"] = f"{units.size(free_bytes)} free"
            details["boot"] = machine.run("systemctl is-system-running").out.strip()
    return MachineStatus(kind=machine.kind, provider=machine.provider, name=machine.name, running=running,
                         host=machine.host if running else None, login=machine.login if running else None, **details)


def _stages(course: Course, machine: OwnMachine | None) -> tuple[StageStatus, ...]:
    is_open = listening(machine, course.targets) if machine else set()
    return tuple(StageStatus(name=target.name, port=target.port, title=target.title, open=target.name in is_open,
                           sleeps=bool(target.start), url=machine.url(target)
                           if machine and target.name in is_open else None) for target in course.targets)
