"""Compares five servers under the same load: each server and path once per round, every second round in reverse order.

    child (a server that answers)  +  load  +  what its processes used  =  a Run;  all runs  =  a Race
"""

import hashlib
import platform
import resource
import runpy
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from deploylab import load
from deploylab.lessons.servers import cores
from deploylab.lessons.servers.cores import Cores
from deploylab.lessons.servers.process import SERVERS, Child, serving
from deploylab.lessons.servers.result import KINDS, Race
from deploylab.machine.guest import facts
from deploylab.machine.guest.sample import sample
from deploylab.machine.usage import between
from deploylab.measure.order import drawn
from deploylab.results.record import LoadResult, Run

PATHS = {"wait": False, "cpu": True}  # {path: whether two cores could do its work at once}
CLIENTS = 10
ROUNDS = 3
SECONDS = 1.5
TIMEOUT_S = 10.0
MARKER = "done"
N_SAMPLES = 3       # of the memory, while the load runs: afterwards a forked copy is gone
MOST_SHARE = 0.1    # of the cores; if other programs used more, they may have changed the result

OnRun = Callable[[Run, int, int], object]


def race(*, rounds: int = ROUNDS, seconds: float = SECONDS, on_run: OnRun | None = None) -> Race:
    """Measure the five servers on this computer under both paths. It ends every server that it starts.

    Args:
        rounds: runs of each server and path.
        seconds: how long each run is measured.
        on_run: called after each run with the run, its number and how many there will be.

    Raises:
        HostError: fewer than two cores, or a system that cannot bind a process to one.
        LoadError: a server did not answer, or a load could not run.

    Example:
        >>> race().plot.png                                          # doctest: +SKIP
    """
    available = cores.available()
    divided = {path: cores.divide(available, parallel=parallel) for path, parallel in PATHS.items()}
    session_id, machine, runs = uuid.uuid4().hex[:12], this_computer(available), []
    plan = [(number, kind, path) for number, forwards in enumerate(drawn(rounds, session_id), start=1)
            for kind, path in order(forwards)]
    for number, kind, path in plan:
        run = measure(kind, path, divided[path], seconds=seconds, machine=machine, session_id=session_id,
                      round_number=number)
        runs.append(run)
        if on_run:
            on_run(run, len(runs), len(plan))
    return Race(runs=tuple(runs), cores=divided, wait_s=wait_s())


def order(forwards: bool) -> list[tuple[str, str]]:
    """(server, path) of each run of one round: all servers of one path, then of the other; or all reversed.

    Example:
        >>> order(True)[0], order(False)[0]
        (('blocking', 'wait'), ('mixed', 'cpu'))
    """
    pairs = [(kind, path) for path in PATHS for kind in KINDS]
    return pairs if forwards else pairs[::-1]


def measure(kind: str, path: str, divided: Cores, *, seconds: float, machine: dict[str, Any], session_id: str,
            round_number: int) -> Run:
    """One run of one server under one path.

    Raises:
        LoadError: the server did not answer, or the load could not run.
    """
    program = SERVERS / f"{kind}.py"
    with serving(program, divided.server) as child:
        spec = load.LoadSpec(url=f"{child.url}/{path}", concurrency=CLIENTS, duration_s=seconds, keepalive=False,
                             timeout_s=TIMEOUT_S, marker=MARKER, cpus=divided.load)
        sampler = ProcessSampler(child, seconds)
        begun_s, busy_s, own_s, before = time.monotonic(), cores.busy_s(divided.all), _own_s(), sampler.used()
        result = load.run(spec, on_progress=sampler)
        used = between(before, sampler.used() | sampler.memory())
        spent_s = cores.busy_s(divided.all) - busy_s - (_own_s() - own_s) - (used["server_cpu_s"] or 0)
        others = spent_s / (time.monotonic() - begun_s) / len(divided.all)
    fields = asdict(result)
    fields["flags"] = [*fields["flags"], *_doubts(result, divided, others)]
    return Run(**fields, **used, run_id=uuid.uuid4().hex[:12], session_id=session_id, purpose="round",
               round=round_number, pair_id=None, stage=kind, variant=None, view=path, machine=machine,
               config_hash=_hash(program, SERVERS / "work.py"), app_rev="")


class ProcessSampler:
    """Samples a server's processes a few times while its load runs.

    Args:
        child: the server.
        seconds: how long the load is measured.
    """

    def __init__(self, child: Child, seconds: float):
        self.pattern = child.pattern
        self.due_s = [seconds * (i + 1) / (N_SAMPLES + 1) for i in range(N_SAMPLES)]
        self.samples: list[dict[str, float]] = []

    def __call__(self, progress: load.LoadProgress) -> None:
        """Sample the memory if a sample is due."""
        if self.due_s and progress.t_s >= self.due_s[0]:
            del self.due_s[0]
            self.samples.append(sample([self.pattern], True))

    def used(self) -> dict[str, float]:
        """What the processes have used so far, without their memory."""
        return sample([self.pattern], False)

    def memory(self) -> dict[str, float]:
        """The median sample of the memory."""
        samples = sorted(self.samples or [sample([self.pattern], True)], key=lambda row: row["pss_bytes"])
        return {name: samples[len(samples) // 2][name] for name in ("rss_bytes", "pss_bytes")}


def wait_s() -> float:
    """How long the path `wait` waits, from the servers' own file."""
    return runpy.run_path(str(SERVERS / "work.py"))["WAIT_S"]


def this_computer(available: list[int]) -> dict[str, Any]:
    """What a Run says about the machine, and whether its Python has a GIL."""
    distro = platform.system()
    with suppress(OSError):
        distro = platform.freedesktop_os_release()["PRETTY_NAME"]
    return {"kind": "this computer", "cpu": facts.cpu_model(), "n_cpu": len(available),
            "memory_bytes": facts.memory_bytes(), "kernel": platform.release(), "distro": distro,
            "versions": {"python": platform.python_version()}, "gil": has_gil()}


def has_gil() -> bool:
    """Whether only one thread at a time can run Python. Builds without that lock exist since 3.13."""
    return getattr(sys, "_is_gil_enabled", lambda: True)()


def _doubts(result: LoadResult, divided: Cores, others: float) -> list[str]:
    """Flags that put a run in doubt: what else used its cores."""
    shares = {"shared_cores": divided.share_of_load(result) if divided.shared else 0.0, "other_programs": others}
    return [f"{name}={share:.0%}" for name, share in shares.items() if share > MOST_SHARE]


def _own_s() -> float:
    """CPU seconds of this process and of its children that have ended: the load, not the server."""
    return sum(used.ru_utime + used.ru_stime
               for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


def _hash(*files: Path) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
