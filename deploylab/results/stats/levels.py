"""How much load a server can handle: its runs by level of load, from little to too much.

Nothing is said about loads that were not tried. A curve fitted to the levels below the knee may put the peak anywhere:
with levels up to 16 clients and a true peak at 21, such fits gave 15 to 29,876.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from deploylab.core import units
from deploylab.results import describe
from deploylab.results.record import Run
from deploylab.results.stats.summary import Summary, summarise

GROWN = 0.9           # of the best throughput: beyond it, more clients gain almost nothing
PAST = 2              # levels that must be beyond the knee; with fewer it may be chance
FELL = 0.8            # of the best throughput: below it, throughput has dropped at the last level
FAILED_SHARE = 0.01   # above it, there is no 99th percentile
GENERATORS = ("client_cpu", "client_wait", "sender_lag", "ceiling")  # these flags put the generator in doubt
TOO_MUCH = ("behind", "unsent")


@dataclass(frozen=True, kw_only=True)
class Level:
    """The runs with one level of load.

    Attributes:
        load: clients of a closed loop; requests due per second of an open one.
    """

    load: float
    summary: Summary
    runs: tuple[Run, ...] = field(repr=False)

    @property
    def latency_ns(self) -> dict[str, float | None]:
        """p50, p95 and p99: the median over the runs; None if a run has too few answers for it."""
        by_percentile = {name: [run.latency_ns.get(name) for run in self.runs] for name in ("p50", "p95", "p99")}
        return {name: None if None in values else median(values) for name, values in by_percentile.items()}

    @property
    def tail(self) -> tuple[str, float] | None:
        """The highest percentile for which there are enough answers, "p99" or "p95", and its latency, or None."""
        return next(((name, ns) for name in ("p99", "p95") if (ns := self.latency_ns[name]) is not None), None)

    def mostly(self, flags: Sequence[str]) -> list[str]:
        """The flags among these that at least half of the runs have."""
        return [name for name in flags if 2 * self.summary.flags.get(name, 0) >= self.summary.n_runs]


@dataclass(frozen=True, kw_only=True)
class Knee:
    """Where more clients no longer give more throughput.

    Attributes:
        level: the fewest clients that reach nine tenths of the best throughput; None without a good answer.
        observed: whether enough levels beyond it were tried.
        text: the same in a sentence.
        by_round: the clients at the knee by the runs of each round alone: how far they lie apart shows how uncertain
            it is. Empty with one round.
    """

    level: Level | None
    best: Level | None
    observed: bool
    text: str
    by_round: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """The highest arrival rate that a server answers in time.

    Attributes:
        level: of that rate; None if the server sustains none of those tried.
        above: the lowest rate that it does not sustain; None if it sustains all.
        text: the same in a sentence.
    """

    level: Level | None
    above: Level | None
    text: str


def levels(runs: Sequence[Run], mode: str) -> list[Level]:
    """The runs of one target and view by their load, the smallest first.

    Args:
        runs: in order of time.
        mode: "closed" or "open".

    Raises:
        DeployLabError: runs of one load differ in something else.
    """
    by_load: dict[float, list[Run]] = {}
    for run in runs:
        if run.mode == mode:
            by_load.setdefault(run.concurrency if mode == "closed" else run.target_rps, []).append(run)
    return [Level(load=load, summary=next(iter(summarise(by_load[load]).values())), runs=tuple(by_load[load]))
            for load in sorted(by_load)]


def knee(closed: Sequence[Level]) -> Knee:
    """Where throughput stops growing, or that this was not observed.

    Args:
        closed: levels of a closed loop, as `levels` gives them.
    """
    best = max(closed, key=lambda level: level.summary.rps, default=None)
    if best is None or not best.summary.rps:
        return Knee(level=None, best=None, observed=False, text="No knee: there was no good answer.")
    first = next(level for level in closed if level.summary.rps >= GROWN * best.summary.rps)
    past = [level for level in closed if level.load > first.load]
    most = f"{units.rate(best.summary.rps)} with {_clients(best)}"
    if len(past) < PAST:
        tried = _clients(closed[-1])
        text = f"Peak not observed: {most} is the most that was reached, {tried} the most that was tried."
        return Knee(level=first, best=best, observed=False, text=text + _doubt(first))
    by_round = _knee_by_round(closed)
    text = f"Beyond {_clients(first)}, more of them gain almost nothing: {units.rate(first.summary.rps)} there"
    text += "." if first is best else f", at most {most}."
    if closed[-1].summary.rps < FELL * best.summary.rps:
        text += f" With {_clients(closed[-1])} it was only {units.rate(closed[-1].summary.rps)}."
    return Knee(level=first, best=best, observed=True, text=text + _uncertain(by_round) + _doubt(first, *past),
                by_round=by_round)


def _knee_by_round(closed: Sequence[Level]) -> tuple[float, ...]:
    """The clients at the knee by each round's runs alone, of the rounds in which all levels were measured."""
    rates = [{run.round: run.rps for run in level.runs} for level in closed]
    rounds = sorted(set.intersection(*map(set, rates)) - {None})
    if len(rounds) < 2:
        return ()
    return tuple(next(level.load for level, rps in zip(closed, rates, strict=True)
                      if rps[number] >= GROWN * max(other[number] for other in rates)) for number in rounds)


def _uncertain(by_round: Sequence[float]) -> str:
    if not by_round:
        return " One round does not show how uncertain that is."
    if len(set(by_round)) == 1:
        return f" Each of the {len(by_round)} rounds alone says the same."
    return f" The {len(by_round)} rounds alone say {', '.join(f'{load:,.0f}' for load in by_round)}."


def capacity(arrivals: Sequence[Level], limit_ns: int) -> Capacity:
    """The highest rate that the server sustains, as it does all lower ones.

    It sustains a rate if the 99th percentile is within the limit, at most 1 % fails, and the answers keep up with
    what is due. With too few answers for a 99th percentile, the 95th is compared with the limit, and the text
    says so; without a 95th, nothing can be said about the rate.

    Args:
        arrivals: levels of an open loop, as `levels` gives them.
        limit_ns: of the percentile.
    """
    if not arrivals:
        return Capacity(level=None, above=None, text="No arrival rate was tried.")
    judged = [level for level in arrivals if level.tail or _too_much(level, limit_ns)]
    if not judged:
        return Capacity(level=None, above=None, text="Nothing can be said: no rate had enough answers for a p95 or a "
                                                    "p99. Measure longer.")
    n_good = next((n for n, level in enumerate(judged) if _too_much(level, limit_ns)), len(judged))
    last = judged[n_good - 1] if n_good else None
    above = judged[n_good] if n_good < len(judged) else None
    return Capacity(level=last, above=above, text=_answer(last, above, limit_ns) + _doubt(*judged[:n_good + 1]))


def _answer(last: Level | None, above: Level | None, limit_ns: int) -> str:
    """The highest rate that is sustained, and why the next one is not."""
    no = f"at {above.load:,.4g} {_too_much(above, limit_ns)}" if above else "more was not tried"
    if last is None:
        return f"Not even the lowest rate that was tried is answered within {units.ms(limit_ns)}: {no}."
    p, ns = last.tail
    unit = "visits" if last.summary.requests_per_visit else "requests"
    few = "" if p == "p99" else " There were too few answers for a p99."
    return (f"It sustains {'' if above else 'at least '}{last.load:,.4g} {unit} per second with {p} under "
            f"{units.ms(limit_ns)} ({units.ms(ns)}); {no}.{few}")


def _too_much(level: Level, limit_ns: int) -> str:
    """Why a rate is not sustained, in words; empty if it is, or if nothing can be said."""
    if level.summary.failure_share > FAILED_SHARE:
        return f"{units.percent(level.summary.failure_share)} failed"
    if flags := level.mostly(TOO_MUCH):
        return describe.flag(flags[0])
    p, ns = level.tail or ("", 0)
    return f"{p} was {units.ms(ns)}" if ns > limit_ns else ""


def _doubt(*candidates: Level) -> str:
    """From which level on the load generator may have been the bottleneck, as a sentence."""
    known: set[str] = set()
    out = ""
    for level in candidates:
        if new := [name for name in level.mostly(GENERATORS) if name not in known]:
            known.update(new)
            out += f" In doubt from {level.load:,.4g} on: {'; '.join(map(describe.flag, new))}."
    return out


def _clients(level: Level) -> str:
    return units.count(int(level.load), "client")
