"""How much one target carries: more and more clients, then arrival rates up to where the latency explodes.

    closed   1, 2, 4 … 128 clients: where does throughput stop growing?
    open     rates around that: which one is still answered in time?

Each run is on disk before the next begins; the same sweep goes on where it stopped. Every second round takes the levels
from behind, so that a drift of the machine is not taken for the server's.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from deploylab.core.progress import Progress
from deploylab.core.units import NS_PER_MS
from deploylab.course import Course, Target, View
from deploylab.load.spec import CLOSED, OPEN_CONNECTIONS
from deploylab.machine import Machine
from deploylab.measure import load_test
from deploylab.measure.bench import Bench, LoadSettings, Scenario, machine_fields, opened
from deploylab.measure.measure import chosen_targets
from deploylab.provision import prepare
from deploylab.results import Session, describe, lines, stats
from deploylab.results.record import SWEEP, Run

CLIENTS = (1, 2, 4, 8, 16, 32, 64, 128)
SHARES = (0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.15)  # of the best closed throughput: the rates, if none are given
FOR_P99 = 1100        # requests of a window: a 99th percentile needs 1,000 good answers
FOR_P95 = 230         # and a 95th 200: what is held against the limit where the window would become too long
LONGEST_S = 25.0      # of a window for a 99th percentile
LONGEST_P95_S = 40.0
EXPLODED = 5          # times the limit: this rate is far too much
ENOUGH = 2            # rates far too much, one after the other; then no higher one is tried


def sweep(machine: Machine, course: Course, name: str, view_name: str, progress: Progress, *, seconds: float,
          repeats: int, limit_ms: float, rates: Sequence[float] = ()) -> Session:
    """The finished session that says how much load a target can handle: see `deploylab.report.sweep`.

    Args:
        name: of the target.
        seconds: of a window at least; one of an open loop is longer where its 99th percentile needs it.
        repeats: runs of each load.
        limit_ms: of the 99th percentile, or of the 95th where a rate is too low for that.
        rates: requests due a second; if none, they are chosen by what the closed loop reached.

    Raises:
        CourseError, CheckError: the target has no such view, does not stand, or is not what it claims to be.
    """
    view = course.view(view_name)
    target, = chosen_targets(course, view, [name], [name])  # whether it stands, `verify` asks
    plan = {"kind": SWEEP, "stages": [target.stage], "target": target.name, "view": view.name, "seconds": seconds,
            "n_rounds": repeats, "limit_ms": limit_ms, "wanted_rates": list(rates), "clients": list(CLIENTS)}
    with opened(machine, course, [target], progress, LoadSettings(seconds=seconds), resume=True, **plan) as bench:
        prepare.calibration_stub(machine, course, progress)
        bench.session.update(machine=machine_fields(bench.facts))
        levels(load_test.calibrated(bench, seconds, progress), target, view, progress)
    return bench.session


def levels(bench: Bench, target: Target, view: View, progress: Progress) -> None:
    """Every load of the session's plan that is not measured yet."""
    plan = bench.session.plan
    with progress.phase("load", f"{target.name} {view.name}: {plan['clients'][0]} to {plan['clients'][-1]} clients"):
        for number in range(1, plan["n_rounds"] + 1):
            for clients in _turned(plan["clients"], number):
                _measure(bench, Scenario(target, view, clients), number, progress)
    if view.visitor:
        progress.say("    no arrival rates: a visitor waits for each page and its files")
        return
    rates = _rates(bench.session)
    with progress.phase("load", f"{target.name} {view.name}: {rates[0]:g} to at most {rates[-1]:g} due a second"):
        upwards = [run.target_rps for run in _up(bench, Scenario(target, view, OPEN_CONNECTIONS), rates, progress)]
        for number in range(2, plan["n_rounds"] + 1):
            for rate in _turned(upwards, number):
                _measure(_at(bench, rate), Scenario(target, view, OPEN_CONNECTIONS), number, progress)


def _rates(session: Session) -> list[float]:
    """The arrival rates of a session, ascending; chosen once, and kept in its plan."""
    if not session.plan.get("rates"):
        wanted = session.plan["wanted_rates"]
        best = stats.knee(stats.levels(session.runs(SWEEP), CLOSED)).best
        chosen = wanted or [float(f"{share * best.summary.rps:.2g}") for share in SHARES if best] or [1.0]
        session.update(rates=sorted(set(chosen)))
    return session.plan["rates"]


def _up(bench: Bench, cell: Scenario, rates: Iterable[float], progress: Progress) -> Iterator[Run]:
    """The first run of each rate, from the lowest up to where it explodes."""
    n_exploded = 0
    for rate in rates:
        run = _measure(_at(bench, rate), cell, 1, progress)
        yield run
        n_exploded = n_exploded + 1 if _exploded(run, bench.session.plan["limit_ms"] * NS_PER_MS) else 0
        if n_exploded == ENOUGH:
            return


def _exploded(run: Run, limit_ns: float) -> bool:
    """Whether a rate was far too much."""
    p = run.latency_ns.get("p99") or run.latency_ns.get("p50")
    flags = {describe.flag_name(flag) for flag in run.flags}
    return not p or p > EXPLODED * limit_ns or bool(flags & set(stats.TOO_MUCH))


def _at(bench: Bench, rate: float) -> Bench:
    """The bench with an open loop of this rate, its window long enough for a 99th percentile, or else for a 95th."""
    needed_s = FOR_P99 / rate if FOR_P99 / rate <= LONGEST_S else min(FOR_P95 / rate, LONGEST_P95_S)
    seconds = max(round(needed_s, 1), bench.how.seconds)
    return replace(bench, how=replace(bench.how, rate_per_s=rate, seconds=seconds))


def _turned(loads: Sequence[Any], number: int) -> Sequence[Any]:
    """The loads in the order of one round: every second one from behind."""
    return loads if number % 2 else loads[::-1]


def _measure(bench: Bench, cell: Scenario, number: int, progress: Progress) -> Run:
    """The run of this load and round: the one that is there, or a new one."""
    rate = bench.how.rate_per_s
    for run in bench.session.runs(SWEEP):
        if (run.round, run.concurrency, run.target_rps) == (number, cell.concurrency, rate):
            return run
    label = f"{cell.target.name} {cell.view.name} " + (f"{rate:g}/s due" if rate else f"c={cell.concurrency}")
    run = load_test.measure(bench, cell, purpose=SWEEP, round_number=number,
                             on_progress=load_test.on_load(progress, label, bench.how.seconds))
    progress.say(f"    {lines.line(run)}")
    return run
