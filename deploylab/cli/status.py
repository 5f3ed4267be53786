"""What is there right now: the machine, its stages, the newest session. Fast: ports are probed, nothing is asked."""

from dataclasses import asdict, dataclass
from typing import Any

from deploylab import results
from deploylab.core import units
from deploylab.course import Course
from deploylab.machine import OwnMachine, choose, copies, open_machine, usage
from deploylab.provision.on_demand import listening

DEEP = ("vagrant", "memory", "disk", "boot", "copies")  # what takes seconds to ask


@dataclass(frozen=True, kw_only=True)
class MachineSeen:
    """The machine of this clone.

    Attributes:
        host, login: its address, and the command that logs in; None while it does not run.
        vagrant, copies, memory, disk, boot: in words; None where nobody asked.
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
class StageSeen:
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
class SessionSeen:
    """The newest session."""

    id: str
    finished: bool
    kind: str | None


@dataclass(frozen=True, kw_only=True)
class Status:
    """The state of things. No machine, no session: None."""

    machine: MachineSeen | None
    stages: tuple[StageSeen, ...]
    session: SessionSeen | None

    def to_json(self) -> dict[str, Any]:
        """What `--json` prints; of the machine, only what was asked."""
        document = asdict(self)
        if self.machine:
            document["machine"] = {name: value for name, value in asdict(self.machine).items()
                                   if name not in DEEP or value is not None}
        return document


def look(course: Course, *, deep: bool = False) -> Status:
    """The state of things.

    Args:
        deep: ask Vagrant for its word, and the guest for its memory and disk; takes seconds.
    """
    saved = choose.saved()
    machine = open_machine(saved) if saved else None
    running = machine is not None and machine.answers()
    newest = results.latest()
    return Status(machine=_machine(machine, running, deep) if machine else None,
                  stages=_stages(course, machine if running else None),
                  session=SessionSeen(id=newest.id, finished=newest.finished, kind=newest.plan.get("kind"))
                  if newest else None)


def lines(seen: Status) -> list[str]:
    """The state of things, for a person."""
    machine = seen.machine
    if machine is None:
        return ["No machine yet.", "Next: ./lab up"]
    word = f"running at {machine.host}" if machine.running else "not running"
    kind = ", ".join(filter(None, (machine.kind, machine.provider)))
    text = [f"Machine {machine.name} ({kind}): {word}"]
    text += [f"  {name}: {word}" for name in DEEP if (word := getattr(machine, name)) is not None]
    if machine.running:
        text.append(f"  log in: {machine.login}")
    width = max(len(stage.name) for stage in seen.stages)
    for stage in seen.stages:
        where = "sleeps until it is needed" if stage.sleeps and stage.open else stage.url or "–"
        text.append(f"  {stage.name:{width}} {stage.port}  {where:26} {stage.title}")
    if seen.session:
        goes_on = "; ./lab run goes on with it" if seen.session.kind == "run" else ""
        text.append(f"Newest session: {seen.session.id}" + ("" if seen.session.finished else f" (unfinished{goes_on})"))
    if not machine.running:
        text.append("Next: ./lab up")
    elif not any(stage.open for stage in seen.stages):
        text.append(f"Next: ./lab goto {seen.stages[0].name}")
    return text


def _machine(machine: OwnMachine, running: bool, deep: bool) -> MachineSeen:
    deeper: dict[str, str] = {}
    if deep:
        deeper["vagrant"] = machine.state()
        if machine.provider == "lxc" and (kept := copies.every()):
            deeper["copies"] = f"{len(kept)} of its disk for ./lab reset, {units.size(sum(c.n_bytes for c in kept))}"
        if running:
            # Not `free`: in a container it may tell the host's memory.
            held_bytes = usage.sample(machine, ["."], memory=True)["pss_bytes"]
            free_bytes = int(machine.check_output("df -B1 --output=avail / | tail -1"))
            all_bytes = machine.facts().memory_bytes
            deeper["memory"] = f"{units.size(held_bytes)} held by processes, of {units.size(all_bytes)}"
            deeper["disk"] = f"{units.size(free_bytes)} free"
            deeper["boot"] = machine.run("systemctl is-system-running").out.strip()
    return MachineSeen(kind=machine.kind, provider=machine.provider, name=machine.name, running=running,
                       host=machine.host if running else None, login=machine.login if running else None, **deeper)


def _stages(course: Course, machine: OwnMachine | None) -> tuple[StageSeen, ...]:
    is_open = listening(machine, course.targets) if machine else set()
    return tuple(StageSeen(name=target.name, port=target.port, title=target.title, open=target.name in is_open,
                           sleeps=bool(target.start), url=f"http://{machine.host}:{target.port}/"
                           if machine and target.name in is_open else None) for target in course.targets)
