"""The result of comparing the small servers: the runs, their cores, the conclusions, and how a notebook shows them."""

import html
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf
from statistics import median

from deploylab.core import units
from deploylab.lessons import predictions
from deploylab.lessons.display.output import Shown
from deploylab.lessons.plain_data import Answer
from deploylab.lessons.servers.cores import Cores
from deploylab.report import plots
from deploylab.results import stats
from deploylab.results.record import Comparison, Run

KINDS = ("blocking", "forking", "threaded", "asynchronous", "mixed")
ONE_AT_A_TIME = "blocking"
PROCESSES = ("forking", "mixed")
PAIRS = (("wait", "blocking", "threaded"), ("wait", "threaded", "asynchronous"),
         ("cpu", "blocking", "threaded"), ("cpu", "threaded", "forking"))  # what is compared


@dataclass(frozen=True, kw_only=True)
class Race(Answer):
    """All runs of the five servers.

    Attributes:
        runs: in order of time; `stage` is the server, `view` the path.
        cores: the cores of the server and of the load, by path.
        wait_s: how long the path `wait` waits.
        recorded: True if it comes from a recording and was not measured here.
    """

    wait_s: float
    runs: tuple[Run, ...]
    cores: dict[str, Cores]
    recorded: bool = False

    def of(self, kind: str, path: str) -> list[Run]:
        """The runs of one server under one path."""
        return [run for run in self.runs if (run.stage, run.view) == (kind, path)]

    def against(self, a: str, b: str, path: str) -> Comparison:
        """Server b compared with server a in requests per second, round by round."""
        return stats.compare(self.of(a, path), self.of(b, path))

    @property
    def ceilings_rps(self) -> dict[str, dict[str, float]]:
        """The highest possible number of requests per second, by path and server.

        A request that waits needs a slot: the server has one, or as many as there are clients. A request that computes
        needs a core: one, or all of the server's if it can compute on several at once. Each request is assumed to take
        as much CPU time as on the simplest server.

        Source: Little's law, throughput = requests in the system / time in the system.
        """
        work_s = median(run.server_cpu_per_request_s or inf for run in self.of(ONE_AT_A_TIME, "cpu"))
        slots = {kind: 1 if kind == ONE_AT_A_TIME else self.runs[0].concurrency for kind in KINDS}
        n_cores = {kind: len(self.cores["cpu"].server) if self._in_parallel(kind) else 1 for kind in KINDS}
        return {"wait": {kind: n / self.wait_s for kind, n in slots.items()},
                "cpu": {kind: n / work_s for kind, n in n_cores.items()}}

    def _in_parallel(self, kind: str) -> bool:
        """Whether this server can run Python on two cores at once."""
        return kind in PROCESSES or kind == "threaded" and not self.runs[0].machine["gil"]

    @cached_property
    def plot(self) -> plots.Plot:
        return plots.servers(self.runs, self.ceilings_rps, note=self.conditions, recorded=self.recorded)

    @property
    def conditions(self) -> str:
        """Which cores were used, how much of the server's the load used, and whether this Python has its GIL."""
        text = f"Cores: {'; '.join(f'{path}: {cores}' for path, cores in self.cores.items())}."
        if shares := [self.cores[run.view].share_of_load(run) for run in self.runs if self.cores[run.view].shared]:
            text += f" On the same cores, the load used at most {units.percent(max(shares))} of them."
        versions = {run.machine["versions"]["python"] for run in self.runs}
        gil = "with" if self.runs[0].machine["gil"] else "without"
        return f"{text} Python {' and '.join(sorted(versions))}, {gil} its GIL."

    @property
    def memory(self) -> str:
        """How much memory the servers used while their visitors waited, in words."""
        waiting = stats.summarise([run for run in self.runs if run.view == "wait"]).values()
        sizes = ", ".join(f"{summary.cell.stage} {units.size(summary.server_pss_bytes)}" for summary in waiting)
        return f"Memory while {units.count(self.runs[0].concurrency, 'visitor')} wait: {sizes}."


def shown_race(answer: Race, label: str = "") -> Shown:
    """How a notebook shows the result: the plot, the conclusions, and the guesses that were made before.

    Args:
        label: "RECORDED …" if it comes from a recording.
    """
    race = replace(answer, recorded=bool(label))
    lines = []
    for path, a, b in PAIRS:
        guess = predictions.about(a, b, view=path)
        lines += [f"{path}: {race.against(a, b, path).verdict}." + (f" Your guess: {guess.sentence}." if guess else "")]
    lines.append(race.memory)
    items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
    return Shown("\n".join([*lines, race.plot.caption]), f"{race.plot._repr_html_()}<ul>{items}</ul>", label, answer)
