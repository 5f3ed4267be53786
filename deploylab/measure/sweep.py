"""How much load one target can handle: more and more clients, then arrival rates until the latency explodes.

    closed   1, 2, 4 … 128 clients: where does throughput stop growing?
    open     rates around that: which of them is still answered in time?

Each run is saved before the next one begins; a sweep that was stopped resumes where it stopped. Every second round
takes the levels in reverse order, so that a slow change of the machine does not look like a property of the server.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

from deploylab.core.progress import Progress
from deploylab.core.units import NS_PER_MS
from deploylab.course import Course, Target, View
from deploylab.load.spec import CLOSED, OPEN_CONNECTIONS
from deploylab.machine import Machine
from deploylab.measure import load_test
from deploylab.measure.bench import Bench, LoadSettings, Scenario, machine_fields, opened
from deploylab.measure.distance import Distance
from deploylab.measure.measure import chosen_targets
from deploylab.provision import prepare
from deploylab.results import Session, describe, lines, stats
from deploylab.results.record import SWEEP, Run

CLIENTS = (1, 2, 4, 8, 16, 32, 64, 128)
SHARES = (0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.15)  # default rates, as shares of the best closed-loop throughput
FOR_P99 = 1100        # requests in a window: a 99th percentile needs 1,000 good answers
FOR_P95 = 230         # a 95th needs 200: it is compared with the limit if a window for a 99th would be too long
LONGEST_S = 25.0      # the longest window for a 99th percentile
LONGEST_P95_S = 40.0
EXPLODED = 5          # latency of this many times the limit: the rate is far too high
ENOUGH = 2            # after so many rates in a row that are far too high, no higher rate is tried


def sweep(machine: Machine, course: Course, name: str, view_name: str, progress: Progress, *, seconds: float,
          repeats: int, limit_ms: float, rates: Sequence[float] = (), distance: Distance | None = None) -> Session:
    """The finished session of a sweep; `deploylab.report.sweep` says what came out.

    Args:
        name: the name of the target.
        seconds: the shortest window; an open loop gets a longer one if its 99th percentile needs it.
        repeats: runs of each load.
        limit_ms: limit of the 99th percentile, or of the 95th if a rate is too low for a 99th.
        rates: requests due per second; if none, they are chosen by what the closed loop reached.
        distance: how far away the clients are; None: as the view says, which is right here for most.

    Raises:
        CourseError, CheckError: the target has no such view, is not running, or one of its checks fails.
    """
    view = course.view(view_name)
    target, = chosen_targets(course, view, [name], [name])  # `opened` checks whether it is running
    plan = {"kind": SWEEP, "stages": [target.stage], "target": target.name, "view": view.name, "seconds": seconds,
            "n_rounds": repeats, "limit_ms": limit_ms, "wanted_rates": list(rates), "clients": list(CLIENTS),
            "distance": distance and asdict(distance)}
    settings = LoadSettings(seconds=seconds, distance=distance)
    with opened(machine, course, [target], progress, settings, resume=True, **plan) as bench:
        prepare.calibration_stub(machine, course, progress)
        bench.session.update(machine=machine_fields(bench.facts))
        levels(load_test.calibrated(bench, seconds, progress), target, view, progress)
    return bench.session


def levels(bench: Bench, target: Target, view: View, progress: Progress) -> None:
    """Measure every load of the session's plan; skips what is measured already."""
    plan = bench.session.plan
    with progress.phase("load", f"{target.name} {view.name}: {plan['clients'][0]} to {plan['clients'][-1]} clients"):
        for number in range(1, plan["n_rounds"] + 1):
            for clients in _in_round_order(plan["clients"], number):
                _measure(bench, Scenario(target, view, clients), number, progress)
    if view.visitor:
        progress.say("    no arrival rates: a visitor waits for each page and its files")
        return
    rates = _rates(bench.session)
    with progress.phase("load", f"{target.name} {view.name}: {rates[0]:g} to at most {rates[-1]:g} due per second"):
        cell = Scenario(target, view, OPEN_CONNECTIONS)
        measured = [run.target_rps for run in _first_round(bench, cell, rates, progress)]
        for number in range(2, plan["n_rounds"] + 1):
            for rate in _in_round_order(measured, number):
                _measure(_at_rate(bench, rate), cell, number, progress)


def _rates(session: Session) -> list[float]:
    """The arrival rates of a session, in ascending order; chosen once, and saved in its plan."""
    if not session.plan.get("rates"):
        best = stats.knee(stats.levels(session.runs(SWEEP), CLOSED)).best
        defaults = [float(f"{share * best.summary.rps:.2g}") for share in SHARES if best] or [1.0]
        session.update(rates=sorted(set(session.plan["wanted_rates"] or defaults)))
    return session.plan["rates"]


def _first_round(bench: Bench, cell: Scenario, rates: Iterable[float], progress: Progress) -> Iterator[Run]:
    """The first run of each rate, from the lowest until the latency explodes."""
    n_exploded = 0
    for rate in rates:
        run = _measure(_at_rate(bench, rate), cell, 1, progress)
        yield run
        n_exploded = n_exploded + 1 if _exploded(run, bench.session.plan["limit_ms"] * NS_PER_MS) else 0
        if n_exploded == ENOUGH:
            return


def _exploded(run: Run, limit_ns: float) -> bool:
    """Whether the rate of this run was far too high."""
    p = run.latency_ns.get("p99") or run.latency_ns.get("p50")
    flags = {describe.flag_name(flag) for flag in run.flags}
    return not p or p > EXPLODED * limit_ns or bool(flags & set(stats.TOO_MUCH))


def _at_rate(bench: Bench, rate: float) -> Bench:
    """The bench with an open loop of this rate, and a window long enough for a 99th percentile, or else for a 95th."""
    needed_s = FOR_P99 / rate if FOR_P99 / rate <= LONGEST_S else min(FOR_P95 / rate, LONGEST_P95_S)
    seconds = max(round(needed_s, 1), bench.settings.seconds)
    return replace(bench, settings=replace(bench.settings, rate_per_s=rate, seconds=seconds))


def _in_round_order(loads: Sequence[Any], number: int) -> Sequence[Any]:
    """The loads in the order of one round: reversed in every second round."""
    return loads if number % 2 else loads[::-1]


def _measure(bench: Bench, cell: Scenario, number: int, progress: Progress) -> Run:
    """The run of this load and round: the saved one, or a new one."""
    rate = bench.settings.rate_per_s
    for run in bench.session.runs(SWEEP):
        if (run.round, run.concurrency, run.target_rps) == (number, cell.concurrency, rate):
            return run
    label = f"{cell.target.name} {cell.view.name} " + (f"{rate:g}/s due" if rate else f"c={cell.concurrency}")
    run = load_test.measure(bench, cell, purpose=SWEEP, round_number=number,
                            on_progress=load_test.on_load(progress, label, bench.settings.seconds))
    progress.say(f"    {lines.line(run)}")
    return run
