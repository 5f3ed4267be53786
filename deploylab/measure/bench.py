"""What stays the same during a session of load tests: the machine, what is deployed on it, and how it is loaded."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from deploylab import results
from deploylab.core.progress import Progress
from deploylab.course import COLD, STEADY, Course, Target, View
from deploylab.machine import Machine
from deploylab.machine.base import Facts
from deploylab.measure.distance import Distance
from deploylab.provision import converge, prepare
from deploylab.provision.on_demand import awake
from deploylab.results import Session

WARMUP_S = 0.5


@dataclass(frozen=True)
class Scenario:
    """One kind of load test: a target, a view and a number of clients. A cell of the table of results."""

    target: Target
    view: View
    concurrency: int
    cold: bool = False                # whether the load begins with an empty cache

    @property
    def cache_state(self) -> str | None:
        """COLD or STEADY, or None if the target has no cache for this view."""
        if not self.target.caches(self.view.name):
            return None
        return COLD if self.cold else STEADY

    @property
    def label(self) -> str:
        """The text for a progress line.

        Example: `nginx wait c=32`
        """
        return f"{self.target.name} {self.view.name} c={self.concurrency}"

    @property
    def distance(self) -> Distance | None:
        """How far away the clients are; None: right here."""
        view = self.view
        return None if view.rtt_ms is None else Distance(view.rtt_ms, view.mbit_per_s)

    def window_s(self, seconds: float) -> float:
        """The length of the window of one run, in a session with windows of so many seconds."""
        return max(seconds, self.view.least_s or 0)

    def as_plan(self) -> dict[str, Any]:
        return {"stage": self.target.stage, "variant": self.target.variant, "view": self.view.name,
                "concurrency": self.concurrency, **(asdict(self.distance) if self.distance else {})}


@dataclass(frozen=True, kw_only=True)
class LoadSettings:
    """How every load test of a session is run.

    Attributes:
        seconds: the length of the window of one run.
        keepalive: whether clients keep their connections.
        ceiling_rps: the most that the generator reaches against a static stub in the guest.
        cpus: the processors of this host that the guest does not use; None if they are not known.
        rate_per_s: arrival rate of an open loop; None for a closed one.
        slow_clients: half-sent requests that are held open during each load.
        warmup_again_s: the warm-up of every pair in a row but the first, whose servers were under load a moment ago;
            None: as the first.
        distance: how far away the clients are, whatever the view says; None: as it says.
    """

    seconds: float
    keepalive: bool = True
    warmup_s: float = WARMUP_S
    ceiling_rps: float | None = None
    cpus: tuple[int, ...] | None = None
    rate_per_s: float | None = None
    slow_clients: int = 0
    warmup_again_s: float | None = None
    distance: Distance | None = None


def free_cpus(facts: Facts) -> tuple[int, ...] | None:
    """The host's processors that the guest may not use: the load generator runs on those.

    Only a container and this computer itself have the same processor numbers as the host; for other guests the host's
    scheduler decides.
    """
    shares = facts.provider == "lxc" or facts.kind == "local"
    if not shares or not hasattr(os, "sched_getaffinity"):
        return None
    free = os.sched_getaffinity(0) - set(facts.cpus_allowed)
    return tuple(sorted(free)) or None


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A machine, what is deployed on it, how it is loaded, and the session that the runs are saved in.

    Attributes:
        facts: facts about the machine, read once.
        app_rev: the deployed revision of the application.
        settings: how every load test is run.
        config_hashes: by stage, each computed at the first run of that stage.
        filled_s: by target and view, when the cache was filled (`time.monotonic`): see `cache_state`.
    """

    machine: Machine
    course: Course
    session: Session
    facts: Facts
    app_rev: str
    settings: LoadSettings
    config_hashes: dict[str, str] = field(default_factory=dict)
    filled_s: dict[tuple[str, str], float] = field(default_factory=dict)

    @classmethod
    def of(cls, machine: Machine, course: Course, session: Session, settings: LoadSettings) -> "Bench":
        """A bench on this machine; reads the facts and the deployed revision now."""
        facts = machine.facts(course.versions)
        return cls(machine=machine, course=course, session=session, facts=facts,
                   app_rev=converge.app_revision(course), settings=replace(settings, cpus=free_cpus(facts)))

    def config_hash(self, stage: str) -> str:
        """The hash of everything that configures a stage, computed once per session."""
        if stage not in self.config_hashes:
            self.config_hashes[stage] = converge.config_hash(self.course, stage)
        return self.config_hashes[stage]


@contextmanager
def opened(machine: Machine, course: Course, targets: Sequence[Target], progress: Progress,
           settings: LoadSettings, *, resume: bool = False, **plan: Any) -> Iterator[Bench]:
    """A bench for load tests of these targets; every command that measures begins and ends here.

    Sleeping targets are started, and stopped again afterwards. Each target is verified before anything is measured. The
    session is marked as finished at the end of the block, unless an error ended it.

    Args:
        resume: resume an unfinished session with the same plan, if there is one.
        plan: the plan of the session: its kind, and what it should measure.

    Raises:
        CheckError: a target does not answer, or one of its checks fails.

    Example:
        with opened(machine, course, [target], progress, LoadSettings(seconds=3), kind="measure") as bench: ...
    """
    with awake(machine, targets):
        prepare.verify(machine, course, targets, progress)
        session = (results.resumable(plan) if resume else None) or Session.create(**plan)
        yield Bench.of(machine, course, session, settings)
        session.finish()


def machine_fields(facts: Facts) -> dict[str, Any]:
    """The facts about the machine that are saved in a Run."""
    return {key: value for key, value in asdict(facts).items() if key != "cpus_allowed"}
