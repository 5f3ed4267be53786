"""Five ways to serve, under the same load: every server and path once a round, the order turned each round.

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
from deploylab.results.record import LoadResult, Run

PATHS = {"wait": False, "cpu": True}  # and whether two cores could do its work at once
CLIENTS = 10
ROUNDS = 3
SECONDS = 1.5
TIMEOUT_S = 10.0
MARKER = "done"
N_LOOKS = 3         # at the memory, while the load runs: after it a copy is gone
MOST_SHARE = 0.1    # of the cores; what other programs used beyond it was part of what is seen

OnRun = Callable[[Run, int, int], object]


def race(*, rounds: int = ROUNDS, seconds: float = SECONDS, on_run: OnRun | None = None) -> Race:
    """The five servers, measured on this computer under both paths. Ends every server that it starts.

    Args:
        rounds: runs of each server and path.
        seconds: the window of one run.
        on_run: called with each run as it ends, its number and how many there will be.

    Raises:
        HostError: fewer than two cores, or a system that cannot bind a process to one.
        LoadError: a server did not answer, or a load could not run.

    Example:
        >>> race().plot.png                                          # doctest: +SKIP
    """
    available = cores.available()
    divided = {path: cores.divide(available, parallel=parallel) for path, parallel in PATHS.items()}
    session_id, machine, runs = uuid.uuid4().hex[:12], this_computer(available), []
    plan = [(number, kind, path) for number in range(1, rounds + 1) for kind, path in order(number)]
    for number, kind, path in plan:
        made = measure(kind, path, divided[path], seconds=seconds, machine=machine, session_id=session_id,
                       round_number=number)
        runs.append(made)
        if on_run:
            on_run(made, len(runs), len(plan))
    return Race(runs=tuple(runs), cores=divided, wait_s=wait_s())


def order(round_number: int) -> list[tuple[str, str]]:
    """(server, path) of each run of one round: all servers of a path side by side, each second round from behind.

    Example:
        >>> order(1)[0], order(2)[0]
        (('blocking', 'wait'), ('mixed', 'cpu'))
    """
    there = [(kind, path) for path in PATHS for kind in KINDS]
    return there if round_number % 2 else there[::-1]


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
        looks = Looks(child, seconds)
        begun_s, busy_s, own_s, before = time.monotonic(), cores.busy_s(divided.all), _own_s(), looks.used()
        result = load.run(spec, on_progress=looks)
        used = between(before, looks.used() | looks.memory())
        spent_s = cores.busy_s(divided.all) - busy_s - (_own_s() - own_s) - (used["server_cpu_s"] or 0)
        others = spent_s / (time.monotonic() - begun_s) / len(divided.all)
    fields = asdict(result)
    fields["flags"] = [*fields["flags"], *_doubts(result, divided, others)]
    return Run(**fields, **used, run_id=uuid.uuid4().hex[:12], session_id=session_id, purpose="round",
               round=round_number, pair_id=None, stage=kind, variant=None, view=path, machine=machine,
               config_hash=_hash(program, SERVERS / "work.py"), app_rev="")


class Looks:
    """Looks at a server's processes, a few times while its load runs.

    Args:
        child: the server.
        seconds: the window of the load.
    """

    def __init__(self, child: Child, seconds: float):
        self.pattern = child.pattern
        self.due_s = [seconds * (i + 1) / (N_LOOKS + 1) for i in range(N_LOOKS)]
        self.seen: list[dict[str, float]] = []

    def __call__(self, progress: load.LoadProgress) -> None:
        """Look at the memory, if it is time to."""
        if self.due_s and progress.t_s >= self.due_s[0]:
            del self.due_s[0]
            self.seen.append(sample([self.pattern], True))

    def used(self) -> dict[str, float]:
        """What the processes have used so far, without their memory."""
        return sample([self.pattern], False)

    def memory(self) -> dict[str, float]:
        """The memory of the look in the middle, by size."""
        seen = sorted(self.seen or [sample([self.pattern], True)], key=lambda one: one["pss_bytes"])
        return {name: seen[len(seen) // 2][name] for name in ("rss_bytes", "pss_bytes")}


def wait_s() -> float:
    """How long the path `wait` waits, as the servers' own file says."""
    return runpy.run_path(str(SERVERS / "work.py"))["WAIT_S"]


def this_computer(available: list[int]) -> dict[str, Any]:
    """What a Run keeps of the machine, and whether its Python has a GIL."""
    distro = platform.system()
    with suppress(OSError):
        distro = platform.freedesktop_os_release()["PRETTY_NAME"]
    return {"kind": "this computer", "cpu": facts.cpu_model(), "n_cpu": len(available),
            "memory_bytes": facts.memory_bytes(), "kernel": platform.release(), "distro": distro,
            "versions": {"python": platform.python_version()}, "gil": has_gil()}


def has_gil() -> bool:
    """Whether one thread at a time can run Python. Builds without that lock exist since 3.13."""
    return getattr(sys, "_is_gil_enabled", lambda: True)()


def _doubts(result: LoadResult, divided: Cores, others: float) -> list[str]:
    """Why a run is in doubt: who else used its cores."""
    shares = {"shared_cores": divided.share_of_load(result) if divided.shared else 0.0, "other_programs": others}
    return [f"{name}={share:.0%}" for name, share in shares.items() if share > MOST_SHARE]


def _own_s() -> float:
    """Processor seconds of this process and of the children that it has waited for: the load, not the server."""
    return sum(used.ru_utime + used.ru_stime
               for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


def _hash(*files: Path) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
