"""Ratios, loads, machines and flags in words, the same in every plot and report."""

from collections.abc import Sequence
from statistics import fmean

from deploylab.core import units
from deploylab.results.record import Comparison, LoadResult, Run

# By metric: its name, then how to say "as many", "more" and "fewer".
METRICS = {
    "rps": ("throughput", "as many requests per second", "more requests per second", "fewer requests per second"),
    "p50_ns": ("p50 latency", "the p50 latency", "longer p50 latency", "shorter p50 latency"),
    "p95_ns": ("p95 latency", "the p95 latency", "longer p95 latency", "shorter p95 latency"),
    "p99_ns": ("p99 latency", "the p99 latency", "longer p99 latency", "shorter p99 latency"),
    "server_cpu_per_request_s": ("server CPU per request", "the server CPU per request",
                                 "more server CPU per request", "less server CPU per request"),
    "server_pss_bytes": ("memory (PSS)", "the memory", "more memory", "less memory"),
    "bytes_per_answer": ("bytes per answer", "as many bytes per answer", "more bytes per answer",
                         "fewer bytes per answer"),
    "requests_per_visit": ("requests per visit", "as many requests per visit", "more requests per visit",
                           "fewer requests per visit"),
    "bytes_per_visit": ("bytes per visit", "as many bytes per visit", "more bytes per visit", "fewer bytes per visit"),
}


def change(ratio: float, ci95: tuple[float, float] | None, metric: str = "rps", unit: str = "requests") -> str:
    """A ratio of B over A in words, without the two names.

    Args:
        metric: a key of METRICS.
        unit: what was counted, "requests" or "visits".

    >>> change(2.1, (1.9, 2.3))
    '2.1 times as many requests per second (1.9 to 2.3)'
    >>> change(0.8, (0.75, 0.85))
    '20 % fewer requests per second (15 to 25 %)'
    >>> change(0.2, (0.19, 0.21))
    '5.0 times fewer requests per second (4.8 to 5.3)'
    >>> change(1.02, (0.97, 1.06))
    'no difference seen (within 6 %)'
    >>> change(3, (2.5, 3.6), unit="visits")
    '3.0 times as many visits per second (2.5 to 3.6)'
    """
    _, as_many, more, fewer = (_counting(unit, text) for text in METRICS[metric])
    if ci95 and ci95[0] <= 1 <= ci95[1]:
        return f"no difference seen ({units.within(max(ci95[1], 1 / ci95[0]) - 1)})"
    if ratio <= 0.5:
        turned = (1 / ci95[1], 1 / ci95[0]) if ci95 else None
        return f"{units.factor(1 / ratio)} times {fewer} ({units.interval(turned)})"
    if ratio >= 1.5:
        return f"{units.factor(ratio)} times {as_many} ({units.interval(ci95)})"
    return f"{units.percent(abs(ratio - 1))} {more if ratio > 1 else fewer} ({_percent_interval(ci95)})"


def ratio(comparison: Comparison) -> str:
    """A ratio with its interval, in short; from where to where if it moved in one direction; "" if there is nothing.

    >>> ratio(Comparison(a="a", b="b", view="page", metric="rps", n_pairs=5, ratio=2.0, ci95=(1.5, 2.6), half_width=0.3,
    ...                  verdict=""))
    '2.0 (1.50 to 2.60)'
    """
    if comparison.series:
        shown = [units.factor(ratio) for ratio in comparison.series]
        return f"moved: {' → '.join(shown if len(shown) <= 3 else [shown[0], '…', shown[-1]])}"
    if comparison.ratio is None:
        return ""
    ratio, interval = units.factor(comparison.ratio), units.interval(comparison.ci95)
    return ratio if interval == f"{ratio} to {ratio}" else f"{ratio} ({interval})"  # a count is the same in every pair


def metric_name(metric: str, unit: str = "requests") -> str:
    """The name of a metric, with the unit that was counted.

    >>> metric_name("server_cpu_per_request_s", "visits")
    'server CPU per visit'
    """
    return _counting(unit, METRICS[metric][0])


def _counting(unit: str, text: str) -> str:
    """The text with the counted unit instead of requests; the requests within a visit remain requests."""
    single = unit.removesuffix("s")
    return text.replace("requests per second", f"{unit} per second").replace("per request", f"per {single}")


def _percent_interval(ci95: tuple[float, float] | None) -> str:
    if ci95 is None:
        return "no interval"
    low, high = sorted(abs(end - 1) for end in ci95)
    return f"{units.percent(low).removesuffix(' %')} to {units.percent(high)}"


def series(ratios: Sequence[float]) -> str:
    """Ratios in order of time; of many, the first five and the last.

    >>> series([1, 1.5, 2.25, 3.4, 5.1, 7.6, 11.4])
    '1.00 → 1.50 → 2.2 → 3.4 → 5.1 … 11'
    """
    texts = [units.factor(ratio) for ratio in ratios]
    return " → ".join(texts) if len(texts) <= 6 else f"{' → '.join(texts[:5])} … {texts[-1]}"


def target(stage: str, variant: str | None) -> str:
    """The name that a person types.

    >>> target("nginx", "sync"), target("nginx", None)
    ('nginx:sync', 'nginx')
    """
    return f"{stage}:{variant}" if variant else stage


def load(run: LoadResult) -> str:
    """The load of a run: how many clients or requests, and on which connections."""
    kept = ("kept connections" if run.keepalive else "a new connection for each request, its TLS session resumed"
            if run.notes.get("n_resumed") else "a new connection for each request")
    if run.tls:
        kept += f" over {run.tls.partition(',')[0]}"
    who = (f"{run.target_rps:g} requests due per second" if run.mode == "open"
           else units.count(run.concurrency, "client"))
    far = f", {text}" if (text := distance(run)) else ""
    return f"{who}, {kept}, {units.seconds(run.duration_s)} per run{far}"


def distance(run: LoadResult) -> str:
    """How far away the clients of a run were: '40 ms away over 10 Mbit/s'; "" if they were next to the server."""
    return "" if run.line_rtt_ms is None else f"{run.line_rtt_ms:g} ms away over {run.line_mbit_per_s:g} Mbit/s"


def loads(runs: Sequence[LoadResult]) -> str:
    """The loads of several runs: '1, 10 or 32 clients, kept connections, 3.0 s per run'; other kinds of load follow."""
    by_rest: dict[str, dict[str, int]] = {}
    for run in runs:
        who, _, rest = load(run).partition(", ")
        by_rest.setdefault(rest, {})[who] = run.concurrency if run.mode == "closed" else 0
    return "; ".join(f"{_who(who)}, {rest}" for rest, who in by_rest.items()) or "none"


def _who(clients: dict[str, int]) -> str:
    """'1, 10 or 32 clients', from the texts of each with their numbers; the numbers of an open loop are 0."""
    if not all(clients.values()) or len(clients) == 1:
        return " or ".join(clients)
    *few, last = [f"{n:,}" for n in sorted(clients.values())]
    return f"{', '.join(few)} or {last} clients"


def machine(facts: dict) -> str:
    """The machine under load, on one line; unknown facts are left out."""
    kind = facts.get("kind", "machine unknown")
    if facts.get("provider"):
        kind += f" ({facts['provider']})"
    parts = [kind, facts.get("cpu"), facts.get("distro")]
    if facts.get("n_cpu"):
        parts.append(units.count(facts["n_cpu"], "processor"))
    if facts.get("memory_bytes"):
        parts.append(f"{units.size(facts['memory_bytes'])} memory")
    return ", ".join(str(part) for part in parts if part)


# The flags of the load generator in a few words; `deploylab.load.explain` has whole sentences.
FLAGS = {
    "client_cpu": "the load generator was short of CPU",
    "client_wait": "the load generator had to wait for a processor",
    "client_stall": "the load generator stood still for a time",
    "sender_lag": "the load generator sent late",
    "ceiling": "near the most that this load generator reaches",
    "not_pinned": "load and server were not kept on cores of their own",
    "shared_core": "load and server shared one core",
    "shared_cores": "the load took much of the server's cores",
    "other_programs": "other programs used the cores too",
    "cache_misses": "pages were missing from the full cache",
    "many_failures": "many requests failed",
    "no_answers": "no good answer",
    "unsent": "requests that were due were never sent",
    "behind": "the server did not keep up with the rate",
    "stopped": "stopped before its end",
    "unfinished": "requests were still in progress at the end",
    "slow_clients": "slow clients held open during the load, as requested",
}

INFORMATION = ("slow_clients",)  # only describes the load; it puts no number in doubt


def flag_name(flag: str) -> str:
    """The flag without its figure.

    >>> flag_name("client_cpu=93 %")
    'client_cpu'
    """
    return flag.partition("=")[0]


def flag(flag: str) -> str:
    """A flag of the load generator in a few words.

    >>> flag("client_cpu=93 %"), flag("some_new_one")
    ('the load generator was short of CPU', 'some new one')
    """
    name = flag_name(flag)
    return FLAGS.get(name, name.replace("_", " "))


def failures(errors: dict[str, int], n_sent: int) -> str:
    """How many requests failed, and how: '12 of 1,200 failed (1 %): 10 timeout, 2 reset'."""
    failed = sum(errors.values())
    if not failed:
        return "none failed"
    kinds = ", ".join(f"{n:,} {kind}" for kind, n in sorted(errors.items(), key=lambda item: -item[1]) if n)
    return f"{failed:,} of {n_sent:,} failed ({units.percent(failed / n_sent)}): {kinds}"


def noted(runs: Sequence[LoadResult]) -> str:
    """Other figures of runs of one kind, as means; "" if there are none.

    Example: '8 requests and 2.31 kB per visit, 8 answered 304, 4 files from its own cache'
    """
    parts = []
    if visits := [run for run in runs if run.unit == "visits"]:
        requests, n_bytes, same, own = (fmean(run.notes.get(f"{name}_per_visit", 0) for run in visits)
                                        for name in ("requests", "bytes", "not_modified", "from_cache"))
        parts.append(f"{_mean(requests, 'request')} and {units.size(n_bytes)} per visit")
        parts += [f"{_mean(same)} answered 304"] if same else []
        parts += [f"{_mean(own, 'file')} from its own cache"] if own else []
    if ratios := [run.hit_ratio for run in runs if run.hit_ratio is not None]:
        pages = " of its pages" if visits else ""
        parts.append(f"{units.percent(fmean(ratios))}{pages} from the server's cache")
    if far := [run for run in runs if distance(run)]:
        took = units.ms(fmean(run.line_connect_ns for run in far))
        rates = [run.line_carried_mbit_per_s for run in far if run.line_carried_mbit_per_s is not None]
        carried = f" and {fmean(rates):.1f} Mbit/s went through" if rates else ""
        parts.append(f"{distance(far[0])} (made by {far[0].line_means}; a connection took {took}{carried})")
    return ", ".join([*parts, *([text] if (text := behind(runs)) else [])])


def behind(runs: Sequence[LoadResult]) -> str:
    """How the application used its database and its cache, as means; "" if that was not counted.

    Example: '2.4 database queries per request, 44 % of the application's lookups found in its cache'
    """
    parts = []
    if queries := [run.db_queries_per_request for run in runs if run.db_queries_per_request is not None]:
        parts.append(f"{_mean(fmean(queries), 'database query')} per {runs[0].unit[:-1]}")
    if ratios := [run.app_cache_hit_ratio for run in runs if run.app_cache_hit_ratio is not None]:
        parts.append(f"{units.percent(fmean(ratios))} of the application's lookups found in its cache")
    return ", ".join(parts)


def _mean(x: float, noun: str = "") -> str:
    """A mean count with its noun; no decimals if it is a whole number."""
    text = f"{x:.1f}".removesuffix(".0")
    many = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{text} {noun if text == '1' else many}" if noun else text


def flags_in(runs: Sequence[Run], but: Sequence[str] = ()) -> list[str]:
    """Each flag except these in words, with how many of the runs have it; empty is good."""
    carried = [{flag_name(text) for text in run.flags} for run in runs]
    names = [name for name in dict.fromkeys(flag_name(text) for run in runs for text in run.flags) if name not in but]
    of_all = units.count(len(runs), "run")
    return [f"{flag(name)} ({sum(name in flags for flags in carried)} of {of_all})" for name in names]
