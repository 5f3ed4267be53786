"""What load generators say of a server that knows better: its own record beside ours, ab's and wrk's, in Markdown.

    python -m tests.benchmarks.accuracy
    python -m tests.benchmarks.accuracy --requests 4000 --write guides/accuracy.md

`tests/timed_server.py` takes its time by a seeded script and writes down, at its socket, when each request came and
when its answer left. Every tool has a run of its own, and is held against the record of that run. An open loop counts
from when a request was due: that is the schedule's doing, so there the record says when the answer left, and the
schedule when it should have come. ab and wrk are left out where they are not installed.
"""

import argparse
import os
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploylab.core import units
from deploylab.core.units import NS_PER_MS
from deploylab.load.open_loop import arrivals
from deploylab.results import describe
from tests.benchmarks import marks, others
from tests.load_helpers import FaultyServer, TimedServer, measure

SHARE, LEAST_MS = 0.05, 0.5   # a figure is right within the larger of the two
FIGURES = {"p50": 50, "p90": 90, "p99": 99, "max": 100}
CLOSED, OPEN = "closed", "open"
N = 1050                      # requests: with 1,000 or more, ten lie beyond the 99th percentile
TRIES = 3                     # of a run that is not right
CALM = 0.01
RATE = 1000                   # requests per second of an open loop
Figures = dict[str, float | None]


@dataclass(frozen=True)
class Case:
    """One server under one load."""

    script: str
    loop: str
    clients: int = 32
    n: int = N
    seed: int = 20261124

    @property
    def path(self) -> str:
        query = f"seed={self.seed}&n={self.n}"
        if self.script == "freezing":  # a quarter of an open loop's time, after a quarter of it
            quarter_ms = int(250 * self.n / RATE)
            query += f"&freeze_after_ms={quarter_ms}&freeze_ms={quarter_ms}"
        return f"/{self.script}?{query}"

    @property
    def load(self) -> str:
        if self.loop == OPEN:
            return f"open, {RATE:,} due per second"
        return f"closed, {units.count(self.clients, 'client')}"


# With 32 clients this closed loop would be over before the server freezes.
CASES = tuple(Case(script, loop, 4 if script == "freezing" else 32)
              for script in ("bimodal", "long-tail", "ramping", "freezing") for loop in (CLOSED, OPEN))
FEW = Case("one-in-ten", CLOSED, clients=1, n=100)  # p90 lies where the record jumps: definitions part here


@dataclass(frozen=True)
class Row:
    """What a tool said, and what the server recorded of the same requests; in ms."""

    case: Case
    tool: str
    said: Figures
    recorded: Figures
    flags: tuple[str, ...] = ()
    waited: float = 0.0           # the share of the run in which our engine was ready and had no processor

    @property
    def disturbed(self) -> bool:
        """Whether this computer was too busy to compare: one late look in a hundred moves a p99."""
        return bool(self.flags) or self.waited > CALM

    @property
    def wrong(self) -> list[str]:
        """The figures that are said and are not right."""
        return [name for name, ms in self.said.items() if ms is not None and not right(ms, self.recorded[name])]


def right(said_ms: float, recorded_ms: float) -> bool:
    """Whether a figure is what was recorded, within 5 % or half a millisecond."""
    return abs(said_ms - recorded_ms) <= max(SHARE * recorded_ms, LEAST_MS)


def figures(times_ns: Sequence[int]) -> Figures:
    """The figures of a record, in ms, by the textbook: the p-th percentile is the value at rank ceil(p n).

    Example:
        >>> figures([int(ms * 1e6) for ms in range(1, 101)])
        {'p50': 50.0, 'p90': 90.0, 'p99': 99.0, 'max': 100.0}
    """
    ordered = sorted(times_ns)
    return {name: ordered[-(-p * len(ordered) // 100) - 1] / NS_PER_MS for name, p in FIGURES.items()}


def tried(make: Callable[[], Row]) -> Row:
    """A run. One that is not right is made again, at most twice: this computer may have been busy for a moment."""
    for _ in range(TRIES):
        if not (row := make()).wrong:
            break
    return row


def ours(server: TimedServer, case: Case) -> Row:
    """A run of our engine."""
    return tried(lambda: _ours(server, case))


def _ours(server: TimedServer, case: Case) -> Row:
    url = server.url(case.path)
    opened = {"mode": OPEN, "rate_per_s": RATE, "seed": case.seed}
    how = {"concurrency": case.clients} if case.loop == CLOSED else opened
    result, engine = measure(url, n_requests=case.n, **how)
    record = server.record(url)
    times_ns = [left - came for came, left in record]
    if case.loop == OPEN:
        due = arrivals(RATE, seed=case.seed, n_requests=case.n)
        times_ns = [left - engine.opened_ns - at for at, (_, left) in zip(due, record, strict=True)]
    said = {name: None if (ns := result.latency_ns[name]) is None else ns / NS_PER_MS for name in FIGURES}
    waited = (result.client_wait_s or 0.0) / result.duration_s
    return Row(case, "deploylab", said, figures(times_ns), tuple(result.flags), waited)


def theirs(server: TimedServer, case: Case) -> Iterator[Row]:
    """Runs of ab and of wrk, where they are installed. Neither has an open loop."""
    if others.program("ab"):
        yield tried(lambda: _theirs(server, case, "ab -k", lambda url: others.ab_latency_ms(
            others.ab(url, case.n, case.clients))))
    if others.program("wrk") and case is not FEW:
        yield tried(lambda: _theirs(server, case, "wrk", lambda url: others.wrk_latency_ms(
            others.wrk(url, max(1, round(case.n / RATE)), case.clients))))


def _theirs(server: TimedServer, case: Case, tool: str, run: Callable[[str], Figures]) -> Row:
    url = server.url(case.path)
    said = run(url)
    return Row(case, tool, said, figures([left - came for came, left in server.record(url)]))


# What a server does to one request in 20, its path, whether connections are kept, and the one outcome of ours.
FAULTS = {
    "closes a new connection without an answer": ("/drop", False, "closed_early"),
    "closes a kept connection without an answer": ("/drop", True, "stale"),
    "resets the connection": ("/reset", True, "reset"),
    "answers 503": ("/status?code=503", True, "http_5xx"),
    "stops in the middle of an answer": ("/truncated", True, "closed_early"),
}


@dataclass(frozen=True)
class Counted:
    """How often a fault was made, and what a tool said of it."""

    injected: int
    said: str


def our_count(server: FaultyServer, fault: str, n: int = 400, clients: int = 4) -> tuple[int, dict[str, int]]:
    """How often the server did this to our engine, and the failures that it counted."""
    path, kept, _ = FAULTS[fault]
    url = server.url(f"{path}{'&' if '?' in path else '?'}every=20")
    result, _ = measure(url, n_requests=n, concurrency=clients, keepalive=kept)
    return server.counts(url)["faults"], result.errors


def counts(server: FaultyServer, fault: str) -> Iterator[Counted]:
    """What each tool said of a fault: ours, ab, ab -r, wrk; nothing for one that is not installed."""
    injected, errors = our_count(server, fault)
    yield Counted(injected, ", ".join(f"{n} `{name}`" for name, n in errors.items()) or "none")
    path, kept, _ = FAULTS[fault]
    for tool in ("ab", "ab -r", "wrk"):
        url = server.url(f"{path}{'&' if '?' in path else '?'}every=20")
        if not others.program(tool.split()[0]):
            yield Counted(0, "–")
            continue
        if tool == "wrk":
            said = others.wrk_failures(others.wrk(url, 1, 4, kept=kept))
        else:
            said = others.ab_failures(others.ab(url, 400, 4, *tool.split()[1:], kept=kept))
        yield Counted(server.counts(url)["faults"], said)


WHY = {
    "ab -k": "ab counts whole milliseconds in this list, and its p-th percentile is one rank above the nearest: with "
             "one slow answer in ten it names the slow one the 90th percentile.",
    "wrk": "wrk adds answers that nobody gave: for each one that took longer than the mean time between a client's "
           "requests it puts in those that would have been sent meanwhile. It does so without being asked.",
}


def table(rows: Sequence[Row], faults: dict[str, list[Counted]]) -> str:
    """Both tables in Markdown, with what parts the tools."""
    lines = [f"Measured on {_computer()}. In each cell: what the tool said / what the server recorded of the same "
             f"requests, in ms. ≠: off by more than {units.percent(SHARE)} and by more than {LEAST_MS} ms, in each of "
             f"{TRIES} runs.", "",
             _line(["server", "load", "tool", "p50", "p90", "p99", "longest"]), _line(["---"] * 3 + ["---:"] * 4)]
    lines += [_line([row.case.script, row.case.load, row.tool + (" †" if row.flags else ""),
                     *(_cell(row, name) for name in FIGURES)]) for row in rows]
    missed = [tool for tool in WHY if any(row.wrong and row.tool == tool for row in rows)]
    lines += ["", *(f"- {WHY[tool]}" for tool in missed), *_hidden(rows), *_doubts(rows), "",
              "What was done to one request in 20, what each tool said of it / how often the server did it:", ""]
    lines += [_line(["the server", "deploylab", "ab", "ab -r", "wrk"]), _line(["---"] * 5)]
    return "\n".join(lines + [_line([name, *map(_count, some)]) for name, some in faults.items()])


def _cell(row: Row, name: str) -> str:
    said = row.said[name]
    if said is None:
        return "–"
    places = 0 if row.tool == "ab -k" else 1
    return f"{said:.{places}f} / {row.recorded[name]:.1f}" + (" ≠" if name in row.wrong else "")


def _hidden(rows: Sequence[Row]) -> list[str]:
    """What a closed loop does not see of a freeze, by the two runs of ours."""
    p99 = {row.case.loop: row.said["p99"] for row in rows if (row.case.script, row.tool) == ("freezing", "deploylab")}
    if None in p99.values() or len(p99) < 2:
        return []
    return [f"- The closed loop stops asking while the server is frozen: its p99 is {p99[CLOSED]:.1f} ms, where the "
            f"open loop's is {p99[OPEN]:.0f} ms. Both are right about the requests they sent. Real visitors do "
            "not wait until others are served."]


def _doubts(rows: Sequence[Row]) -> list[str]:
    """Where our engine says of itself that it was the bottleneck."""
    names = list(dict.fromkeys(describe.flag(flag) for row in rows for flag in row.flags))
    return [f"- †: our engine itself puts this run in doubt: {', '.join(names)}."] if names else []


def _count(one: Counted) -> str:
    return one.said if one.said == "–" else f"{one.said} / {one.injected}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _computer() -> str:
    return f"a computer with {units.count(os.cpu_count() or 1, 'processor')}, {platform.system()}, all over loopback"


def main() -> int:
    """Measure, print, write. The exit status: 1 if a figure of ours is wrong, and this computer was not busy."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=4 * N, help="of each run")
    parser.add_argument("--write", type=Path, help="put the tables into this file too, between its two marks")
    options = parser.parse_args()
    rows: list[Row] = []
    with TimedServer() as server:
        for case in (*(Case(one.script, one.loop, one.clients, options.requests) for one in CASES), FEW):
            rows += [ours(server, case), *(theirs(server, case) if case.loop == CLOSED else ())]
            print(f"{case.script}, {case.load}", file=sys.stderr)
    with FaultyServer() as server:
        faults = {name: list(counts(server, name)) for name in FAULTS}
    text = table(rows, faults)
    print(text)
    if options.write:
        marks.write(options.write, text, "accuracy")
    return int(any(row.wrong and not row.disturbed for row in rows if row.tool == "deploylab"))


if __name__ == "__main__":
    sys.exit(main())
