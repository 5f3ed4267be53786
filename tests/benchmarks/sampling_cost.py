"""Whether sampling the server shows in what is measured: the same load with and without it, in turns.

    python -m tests.benchmarks.sampling_cost cache --view page --pairs 10 --seconds 2
    python -m tests.benchmarks.sampling_cost cache --view page --every 1

A run samples the server's processes twice, just before its load and just after it: processor time, memory, queries of
the database, lookups in the cache. One side of each pair does that, the other does not; both are held to the same outer
look at the server's processor time. With --every it goes on in between, which no run does: that is what it would cost.
It needs the machine, and the target on it.
"""

import argparse
import contextlib
import sys
import threading
from collections.abc import Iterator

from deploylab import course as courses
from deploylab import load
from deploylab.core import units
from deploylab.core.errors import DeployLabError
from deploylab.machine import Machine, current, lock, usage
from deploylab.measure.bench import free_cpus
from deploylab.results import describe
from deploylab.results.stats.basics import log_interval

PLAIN, SAMPLED = "without", "with"
IN_A_ROW = 40  # samples, because the guest counts processor time in hundredths of a second


@contextlib.contextmanager
def sampling(machine: Machine, patterns: tuple[str, ...], every_s: float | None) -> Iterator[None]:
    """Sample as a run does, at the beginning and at the end. Args: every_s: also in between; None: not."""
    over = threading.Event()

    def again() -> None:
        while not over.wait(every_s):
            usage.sample(machine, patterns, memory=True, counters=True)

    between = threading.Thread(target=again)
    usage.sample(machine, patterns, counters=True)
    if every_s is not None:
        between.start()
    yield
    over.set()
    if every_s is not None:
        between.join()
    usage.sample(machine, patterns, memory=True, counters=True)


def of_one_sample(machine: Machine, patterns: tuple[str, ...]) -> float:
    """CPU seconds that the server's own processes spend on one sample with everything in it."""
    before = usage.sample(machine, patterns)
    for _ in range(IN_A_ROW):
        usage.sample(machine, patterns, memory=True, counters=True)
    return (usage.sample(machine, patterns)["cpu_s"] - before["cpu_s"]) / IN_A_ROW


def one(machine: Machine, patterns: tuple[str, ...], spec: load.LoadSpec, side: str,
        every_s: float | None) -> tuple[float, float]:
    """Requests a second, and CPU seconds of the server for one."""
    before = usage.sample(machine, patterns)
    with sampling(machine, patterns, every_s) if side == SAMPLED else contextlib.nullcontext():
        result = load.run(spec)
    spent = usage.between(before, usage.sample(machine, patterns))
    if result.errors or spent["server_cpu_s"] is None:
        raise DeployLabError(f"This run says nothing: {describe.failures(result.errors, result.n_sent)}.",
                             "./lab check")
    return result.rps, spent["server_cpu_s"] / result.n_sent


def main() -> int:
    options = arguments()
    course, machine = courses.load(), current()
    target, view = course.target(options.target), course.view(options.view)
    spec = load.LoadSpec(url=machine.url(target, view.path.format(n=1)), paths=view.paths, seed=1, marker=view.marker,
                         concurrency=view.concurrency[0], duration_s=options.seconds,
                         cpus=free_cpus(machine.facts()), allowed_addresses=(machine.host,))
    ratios: dict[str, list[float]] = {"throughput": [], "server CPU per request": []}
    with lock.held("sampling_cost"):
        print(f"one sample: {of_one_sample(machine, target.processes) * 1000:.2f} ms of the server's processor")
        one(machine, target.processes, spec, PLAIN, None)  # a warm-up
        for n in range(options.pairs):
            sides = (PLAIN, SAMPLED) if n % 2 else (SAMPLED, PLAIN)  # A B, then B A
            seen = {side: one(machine, target.processes, spec, side, options.every) for side in sides}
            for values, plain, sampled in zip(ratios.values(), seen[PLAIN], seen[SAMPLED], strict=True):
                values.append(sampled / plain)
            print(f"pair {n + 1}: " + ", ".join(f"{name} {values[-1]:.3f}" for name, values in ratios.items()),
                  flush=True)
    for name, values in ratios.items():
        mean, interval = log_interval(values)
        seen = "a difference" if interval and not interval[0] <= 1 <= interval[1] else "no difference seen"
        print(f"{name} with sampling, over without: {mean:.3f} ({units.interval(interval)}), "
              f"{units.count(len(values), 'pair')}: {seen}")
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", help="STAGE or STAGE:VARIANT; it has to stand")
    parser.add_argument("--view", default="page")
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=2.0, help="the window of one run")
    parser.add_argument("--every", type=float, help="sample in between too, every so many seconds")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except DeployLabError as error:
        sys.exit(str(error))
