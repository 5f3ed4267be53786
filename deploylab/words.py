"""Figures as plain sentences: ratios, loads, machines and flags, the same in every plot and report."""

from collections.abc import Sequence
from math import sqrt

from deploylab import units
from deploylab.record import LoadResult, Run

# Per metric: its name, then "as many", "more" and "fewer" as its own words.
METRICS = {
    "rps": ("throughput", "as many requests a second", "more requests a second", "fewer requests a second"),
    "p50_ns": ("p50 latency", "the p50 latency", "longer p50 latency", "shorter p50 latency"),
    "p95_ns": ("p95 latency", "the p95 latency", "longer p95 latency", "shorter p95 latency"),
    "p99_ns": ("p99 latency", "the p99 latency", "longer p99 latency", "shorter p99 latency"),
    "server_cpu_per_request_s": ("server CPU a request", "the server CPU a request",
                                 "more server CPU a request", "less server CPU a request"),
    "server_pss_bytes": ("memory (PSS)", "the memory", "more memory", "less memory"),
}


def factor(ratio: float, like: float | None = None) -> str:
    """A ratio with as many figures as a person can use.

    Args:
        ratio: B over A.
        like: give it as many decimals as this ratio would get.

    >>> factor(1.043), factor(2.13), factor(63.7), factor(0.0042), factor(1.93, like=2.13)
    ('1.04', '2.1', '64', '0.0042', '1.9')
    """
    size = ratio if like is None else like
    if size < 0.1:
        return f"{ratio:.2g}"
    return f"{ratio:,.{0 if size >= 10 else 1 if size >= 2 else 2}f}"


def percent(share: float) -> str:
    """A share of 1, in per cent.

    >>> percent(0.062), percent(0.004), percent(0.0)
    ('6 %', '0.4 %', '0 %')
    """
    value = 100 * share
    return f"{value:.0f} %" if value >= 1 or value == 0 else f"{value:.1g} %"


def interval(ci95: tuple[float, float] | None) -> str:
    """An interval of a ratio, both ends with the same decimals.

    >>> interval((1.9, 2.33)), interval(None)
    ('1.9 to 2.3', 'no interval')
    """
    if ci95 is None:
        return "no interval"
    low, high = ci95
    middle = sqrt(low * high)
    return f"{factor(low, like=middle)} to {factor(high, like=middle)}"


def within(width: float) -> str:
    """How far something may be off, given as a factor minus one.

    >>> within(0.06), within(1.5)
    ('within 6 %', 'within a factor of 2.5')
    """
    return f"within {percent(width)}" if width < 1 else f"within a factor of {factor(1 + width)}"


def change(ratio: float, ci95: tuple[float, float] | None, metric: str = "rps") -> str:
    """A ratio of B over A in words, without the two names.

    >>> change(2.1, (1.9, 2.3))
    '2.1 times as many requests a second (1.9 to 2.3)'
    >>> change(0.8, (0.75, 0.85))
    '20 % fewer requests a second (15 to 25 %)'
    >>> change(1.02, (0.97, 1.06))
    'no difference seen (within 6 %)'
    """
    _, as_many, more, fewer = METRICS[metric]
    if ci95 and ci95[0] <= 1 <= ci95[1]:
        return f"no difference seen ({within(max(ci95[1], 1 / ci95[0]) - 1)})"
    if not 0.5 < ratio < 1.5:
        return f"{factor(ratio)} times {as_many} ({interval(ci95)})"
    return f"{percent(abs(ratio - 1))} {more if ratio > 1 else fewer} ({_percent_interval(ci95)})"


def _percent_interval(ci95: tuple[float, float] | None) -> str:
    if ci95 is None:
        return "no interval"
    low, high = sorted(abs(end - 1) for end in ci95)
    return f"{percent(low).removesuffix(' %')} to {percent(high)}"


def count(n: int, noun: str) -> str:
    """A number with its noun.

    >>> count(1, "run"), count(1200, "request")
    ('1 run', '1,200 requests')
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def target(stage: str, variant: str | None) -> str:
    """The name a person types.

    >>> target("nginx", "sync"), target("nginx", None)
    ('nginx:sync', 'nginx')
    """
    return f"{stage}:{variant}" if variant else stage


def load(run: LoadResult) -> str:
    """The load of a run: who asks, how often, on which connections."""
    kept = "kept connections" if run.keepalive else "a new connection for each request"
    who = (f"{run.target_rps:g} requests due a second" if run.mode == "open"
           else count(run.concurrency, "client"))
    return f"{who}, {kept}, {units.seconds(run.duration_s)} a run"


def loads(runs: Sequence[LoadResult]) -> str:
    """The loads of several runs: '10 or 32 clients, kept connections, 3.0 s a run'."""
    first = {load(run).partition(" client")[0]: run for run in runs}
    rest = {load(run).partition(",")[2] for run in runs}
    if len(rest) > 1 or any(run.mode == "open" for run in runs):
        return "; ".join(dict.fromkeys(load(run) for run in runs))
    many = " or ".join(first)
    return f"{many} client{'' if many == '1' else 's'},{rest.pop()}" if rest else "none"


def machine(facts: dict) -> str:
    """The machine under load, on one line; what is not known is left out."""
    kind = facts.get("kind", "machine unknown")
    if facts.get("provider"):
        kind += f" ({facts['provider']})"
    parts = [kind, facts.get("cpu"), facts.get("distro")]
    if facts.get("n_cpu"):
        parts.append(count(facts["n_cpu"], "processor"))
    if facts.get("memory_bytes"):
        parts.append(f"{units.size(facts['memory_bytes'])} memory")
    return ", ".join(str(part) for part in parts if part)


# A flag of the load generator in a few words; `deploylab.load.explain` has the whole sentence.
FLAGS = {
    "client_cpu": "the load generator was short of processor",
    "sender_lag": "the load generator sent late",
    "ceiling": "near the most this load generator reaches",
    "not_pinned": "load and server were not kept on cores of their own",
    "shared_core": "load and server shared one core",
    "many_failures": "many requests failed",
    "no_answers": "no good answer",
    "unsent": "requests due were never sent",
    "stopped": "stopped before its end",
    "unfinished": "requests were on their way at the end",
    "slow_clients": "slow clients held beside the load, as asked",
}


def flag_name(flag: str) -> str:
    """The flag without its figure.

    >>> flag_name("client_cpu=93 %")
    'client_cpu'
    """
    return flag.partition("=")[0]


def flag(flag: str) -> str:
    """A flag of the load generator in a few words.

    >>> flag("client_cpu=93 %"), flag("some_new_one")
    ('the load generator was short of processor', 'some new one')
    """
    name = flag_name(flag)
    return FLAGS.get(name, name.replace("_", " "))


def failures(errors: dict[str, int], n_sent: int) -> str:
    """What failed of what was sent: '12 of 1,200 failed (1 %): 10 timeout, 2 reset'."""
    failed = sum(errors.values())
    if not failed:
        return "none failed"
    kinds = ", ".join(f"{n:,} {kind}" for kind, n in sorted(errors.items(), key=lambda item: -item[1]) if n)
    return f"{failed:,} of {n_sent:,} failed ({percent(failed / n_sent)}): {kinds}"


def flags_in(runs: Sequence[Run]) -> list[str]:
    """Each flag with how many of the runs carry it, in words; empty is good."""
    carried = [{flag_name(one) for one in run.flags} for run in runs]
    names = dict.fromkeys(flag_name(one) for run in runs for one in run.flags)
    return [f"{flag(name)} ({sum(name in one for one in carried)} of {count(len(runs), 'run')})" for name in names]
