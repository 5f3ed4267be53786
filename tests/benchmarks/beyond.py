"""Locust's distributed mode beside our engine: what a request costs each, and what each says of the same server.

    python -m tests.benchmarks.beyond --write guides/beyond_one_machine.md

Locust is started as the guide says: master and workers are the guide's own lines, with this server's address in them.
"""

import argparse
import contextlib
import os
import re
import shlex
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from deploylab import load
from deploylab.core import paths, units
from tests.benchmarks import engine_cost, marks
from tests.load_helpers import FaultyServer

GUIDE = paths.ROOT / "guides" / "beyond_one_machine.md"
LONGEST_S = 120
CLIENTS = 20          # as the guide's line has them
SLOW_MS = 123         # a page whose time Locust has to round
SLOW, DROP = f"/ok?ms={SLOW_MS}", "/drop?every=7"


@dataclass(frozen=True)
class Seen:
    """What a master of Locust printed in the end, and what its processes did.

    Attributes:
        sent, failed: requests of each worker.
        p50_ms, p99_ms: of all of them, as printed.
        listened: the addresses at which the master listened.
        worker_cpu_s: of all workers, from their start to their end.
    """

    sent: dict[str, int]
    failed: dict[str, int]
    p50_ms: int
    p99_ms: int
    listened: frozenset[str]
    worker_cpu_s: float


def lines(text: str) -> tuple[str, str]:
    """The guide's first command for a master and its first one for a worker.

    >>> lines("$ locust -f a --master \\\\\\n    -u 2\\n$ locust -f - --worker\\n$ locust --worker --master-host b\\n")
    ('locust -f a --master -u 2', 'locust -f - --worker')
    """
    commands = re.findall(r"^\$ (locust .*)$", re.sub(r"\\\n +", "", text), re.MULTILINE)
    return tuple(next(line for line in commands if role in line.split()) for role in ("--master", "--worker"))


def locust(site: str, *more: str) -> Seen:
    """What Locust said of a load, with the guide's lines.

    Args:
        site: stands for the guide's http://MACHINE:8003.
        more: further options for the master; the last one of a name counts.
    """
    master, worker = lines(GUIDE.read_text(encoding="utf-8"))
    master = shlex.join([*shlex.split(master.replace("http://MACHINE:8003", site)), *more])
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    with tempfile.TemporaryFile("w+") as out, started([master, worker, worker], out, port) as processes:
        listened = listening(processes[0])
        cpu_s = [ended(one) for one in processes]
        out.seek(0)
        return told(out.read(), listened, sum(cpu_s[1:]))


@contextlib.contextmanager
def started(commands: list[str], out, port: str) -> Iterator[list[subprocess.Popen]]:
    """Processes of these commands, of which the first writes to `out`; none of them outlives the block."""
    environ = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
               "LOCUST_MASTER_NODE_PORT": port, "LOCUST_MASTER_BIND_PORT": port}
    streams = [out, *[subprocess.DEVNULL] * (len(commands) - 1)]
    processes = [subprocess.Popen(["sh", "-c", f"exec {command}"], cwd=paths.ROOT, env=environ,
                                  stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT)
                 for command, stream in zip(commands, streams, strict=True)]
    try:
        yield processes
    finally:
        for one in processes:
            if one.returncode is None:
                one.kill()
                one.wait()


def listening(process: subprocess.Popen) -> frozenset[str]:
    """The addresses at which a process listens until it ends."""
    found, deadline_s = set(), time.monotonic() + LONGEST_S
    seen = psutil.Process(process.pid)
    while seen.status() != psutil.STATUS_ZOMBIE:  # it stays one until `ended` waits for it
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"{process.args[-1]} still runs after {LONGEST_S} s")
        with contextlib.suppress(psutil.Error):
            found |= {one.laddr.ip for one in seen.net_connections("tcp") if one.status == psutil.CONN_LISTEN}
        time.sleep(0.1)
    return frozenset(found)


def ended(process: subprocess.Popen) -> float:
    """CPU seconds of a process that has ended or is about to."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime


def told(text: str, listened: frozenset[str], worker_cpu_s: float) -> Seen:
    """What stands in a master's printout: its two rows `Aggregated`, and the line of each worker."""
    workers = re.findall(r"^(\S+): (\d+) requests, (\d+) failed$", text, re.MULTILINE)
    rows = [row.split() for row in re.findall(r"^ +Aggregated +(.*)$", text, re.MULTILINE)]
    if not workers or len(rows) != 2:
        raise SystemExit(f"Locust did not say what it did:\n{text[-2000:]}")
    return Seen({name: int(n) for name, n, _ in workers}, {name: int(n) for name, _, n in workers},
                int(rows[1][0]), int(rows[1][7]), listened, worker_cpu_s)


# ------------------------------------------------------------------ the table


@dataclass(frozen=True)
class Row:
    """One generator: CPU seconds a request, what it says of a slow page, what it tells of dropped connections."""

    name: str
    cpu_s: float
    p50: str
    failed: int
    dropped: int


def our_row(page: str, faulty: FaultyServer, n: int) -> Row:
    how = {"concurrency": CLIENTS, "marker": "</html>"}
    cost_s = load.run(load.LoadSpec(url=page, n_requests=n, **how)).client_cpu_s / n
    slow = load.run(load.LoadSpec(url=faulty.url(SLOW), n_requests=400, **how))
    url = faulty.url(DROP)
    drops = load.run(load.LoadSpec(url=url, n_requests=400, **how))
    return Row("`./lab ab -k`", cost_s, units.ms(slow.latency_ns["p50"]), drops.n_errors, faulty.counts(url)["faults"])


def their_row(page: str, faulty: FaultyServer, n: int) -> Row:
    def run(url: str, each: int) -> Seen:
        site, _, path = url.removeprefix("http://").partition("/")
        return locust(f"http://{site}", "--path", f"/{path}", "--each", str(each))

    each, url = n // CLIENTS, faulty.url(DROP)
    start, whole = run(page, 1), run(page, each)  # the first one pays for little but the start
    slow, drops = run(faulty.url(SLOW), 20), run(url, 20)
    cost_s = (whole.worker_cpu_s - start.worker_cpu_s) / (sum(whole.sent.values()) - sum(start.sent.values()))
    return Row("Locust, 2 workers", cost_s, f"{slow.p50_ms} ms", sum(drops.failed.values()),
               faulty.counts(url)["faults"])


def table(rounds: list[list[Row]]) -> str:
    """The Markdown; medians over the rounds, ratios made round by round."""
    out = [f"Measured in {len(rounds)} rounds, each generator once in each; the costs are the middle ones.", "",
           f"| | processor time per request | compared with ours | p50 of a page that takes {SLOW_MS} ms "
           "| failures reported, of connections dropped |", "|---|---:|---:|---:|---:|"]
    for row in zip(*rounds, strict=True):
        cost_s = statistics.median(one.cpu_s for one in row)
        beside = statistics.median(one.cpu_s / both[0].cpu_s for one, both in zip(row, rounds, strict=True))
        last = row[-1]
        out.append(f"| {last.name} | {cost_s * 1e6:.0f} µs | {units.factor(beside)} | {last.p50} | "
                   f"{last.failed} of {last.dropped} |")
    return "\n".join(out)


def measured(n_rounds: int, n: int) -> list[list[Row]]:
    """Each generator once a round, against nginx for its cost and against a server that takes its time and drops."""
    rounds = []
    with (tempfile.TemporaryDirectory() as folder, FaultyServer() as faulty,
          engine_cost.server(folder, min(os.sched_getaffinity(0))) as page):
        for _ in range(n_rounds):
            rounds.append([our_row(page, faulty, n), their_row(page, faulty, n)])
            print(*rounds[-1], sep="\n", flush=True)
    return rounds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=10_000, help="of each load that finds out what a request costs")
    parser.add_argument("--write", type=Path, help="a file with the marks of the table")
    options = parser.parse_args()
    text = table(measured(options.rounds, options.requests))
    print(text)
    if options.write:
        marks.write(options.write, text, "beyond")


if __name__ == "__main__":
    main()
