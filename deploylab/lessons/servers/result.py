"""What a race of servers found: its runs, who had which cores, what they say together, and how a notebook shows it."""

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
    """All runs of one race.

    Attributes:
        runs: in order of time; `stage` is the server, `view` the path.
        cores: who had which cores, by path.
        wait_s: how long the path `wait` waits.
        recorded: whether it ships with the course, and was not measured here.
    """

    wait_s: float
    runs: tuple[Run, ...]
    cores: dict[str, Cores]
    recorded: bool = False

    def of(self, kind: str, path: str) -> list[Run]:
        """The runs of one server under one path."""
        return [run for run in self.runs if (run.stage, run.view) == (kind, path)]

    def against(self, a: str, b: str, path: str) -> Comparison:
        """How server b stands to server a in requests a second, round by round."""
        return stats.compare(self.of(a, path), self.of(b, path))

    @property
    def ceilings_rps(self) -> dict[str, dict[str, float]]:
        """The most requests a second, by path and server.

        Who waits needs a place: one, or as many as there are clients. Who computes needs a core: one, or all of the
        server's where several processes may compute at once; a request costs what it costs the simplest server.

        Source: Little's law, throughput = requests in the system / time in the system.
        """
        work_s = median(run.server_cpu_per_request_s or inf for run in self.of(ONE_AT_A_TIME, "cpu"))
        places = {kind: 1 if kind == ONE_AT_A_TIME else self.runs[0].concurrency for kind in KINDS}
        n_cores = {kind: len(self.cores["cpu"].server) if self._in_parallel(kind) else 1 for kind in KINDS}
        return {"wait": {kind: n / self.wait_s for kind, n in places.items()},
                "cpu": {kind: n / work_s for kind, n in n_cores.items()}}

    def _in_parallel(self, kind: str) -> bool:
        """Whether this server can run Python on two cores at once."""
        return kind in PROCESSES or kind == "threaded" and not self.runs[0].machine["gil"]

    @cached_property
    def plot(self) -> plots.Plot:
        return plots.servers(self.runs, self.ceilings_rps, note=self.conditions, recorded=self.recorded)

    @property
    def conditions(self) -> str:
        """Who had which cores, what the load took of the server's, and whether this Python has its GIL."""
        said = f"Cores: {'; '.join(f'{path}: {one}' for path, one in self.cores.items())}."
        if shares := [self.cores[run.view].share_of_load(run) for run in self.runs if self.cores[run.view].shared]:
            said += f" On the same cores, the load used at most {units.percent(max(shares))} of them."
        versions = {run.machine["versions"]["python"] for run in self.runs}
        gil = "with" if self.runs[0].machine["gil"] else "without"
        return f"{said} Python {' and '.join(sorted(versions))}, {gil} its GIL."

    @property
    def memory(self) -> str:
        """What the servers held while their visitors waited, in words."""
        waiting = stats.summarise([run for run in self.runs if run.view == "wait"]).values()
        shown = ", ".join(f"{one.cell.stage} {units.size(one.server_pss_bytes)}" for one in waiting)
        return f"Memory while {units.count(self.runs[0].concurrency, 'visitor')} wait: {shown}."


def shown_race(answer: Race, label: str = "") -> Shown:
    """How a race looks in a notebook: the plot, what it says, and the guesses that were made before.

    Args:
        label: "RECORDED …" where it did not happen here.
    """
    race = replace(answer, recorded=bool(label))
    said = []
    for path, a, b in PAIRS:
        guess = predictions.about(a, b, view=path)
        said += [f"{path}: {race.against(a, b, path).verdict}." + (f" Your guess: {guess.spoken}." if guess else "")]
    said.append(race.memory)
    items = "".join(f"<li>{html.escape(one)}</li>" for one in said)
    return Shown("\n".join([*said, race.plot.caption]), f"{race.plot._repr_html_()}<ul>{items}</ul>", label, answer)
