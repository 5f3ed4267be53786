"""Reasons to doubt a number. A flag is a word, or a word with a figure: `client_cpu=93%`."""

from math import sqrt

from deploylab.results.describe import INFORMATION
from deploylab.results.record import LoadResult

CPU_SHARE = 0.8       # of one core; above it, the generator itself may be too slow
WAIT_SHARE = 0.1      # of the window; above it, the generator often noticed a response late
STALL_SHARE = 0.05    # of the window; above it, the generator's own pauses are in the latency
LAG_SHARE = 0.25      # of the median latency; above it, the generator's lag distorts the latency
CEILING_SHARE = 0.7   # of what this generator reaches against a server that does nothing
FAILED_SHARE = 0.01   # above it, there is no 99th percentile
UNSENT_SHARE = 0.01
RATE_SHARE = 0.9      # of the requested rate; below it, a queue was growing

SENTENCES = {
    "client_cpu": "The load generator used {} of its core, so it may have been the bottleneck: "
                  "use fewer clients, or a view that costs the server more.",
    "client_wait": "For {} of the time the load generator was ready but had no processor, so it noticed answers late. "
                   "Close other programs, or give the load its own core.",
    "client_stall": "For {} of the time the load generator stood still, so it noticed answers late, and its pauses "
                    "look like the server's. Close other programs, give the load its own core, or use fewer clients.",
    "sender_lag": "The generator sent late: its lag was {} of the median latency. "
                  "Close other programs, give the load its own core, or lower the rate.",
    "ceiling": "This is {} of the most that this generator reaches against a server that does nothing; "
               "the server may be faster than this number. Compare the server's CPU per request instead.",
    "not_pinned": "This system cannot bind the load to a core of its own, so it shared the server's: "
                  "compare ratios within one run, not figures.",
    "shared_core": "The load and the server shared the only core, so each slowed the other: "
                   "compare ratios within one run, not figures.",
    "shared_cores": "The load ran on the server's own cores and used {} of them: compare ratios within one run, "
                    "or take a computer with a third core.",
    "other_programs": "Other programs used {} of the cores meanwhile: close them, and measure again.",
    "cache_misses": "The cache was to be full, but {} of the answers did not come from it: pages may have expired "
                    "during a long load, or it is too small. `./lab check` says whether it keeps what it should.",
    "many_failures": "{} of the attempts failed: look at the errors before the latency. "
                     "`./lab check` says what is wrong with the server.",
    "no_answers": "Not one good answer came back. `./lab check` says what is wrong with the server.",
    "unsent": "{} of the requests that were due were never sent: the server did not keep up with this rate, "
              "or there were too few connections. Lower the rate, or raise the connections.",
    "behind": "Good answers came at {} of the requested rate, so a queue was growing, and the latency "
              "depends on how long the load lasts. Lower the rate.",
    "stopped": "This load was stopped before its end: measure again.",
    "unfinished": "{} requests were in progress when the load was stopped; they are not counted.",
    "slow_clients": "{} half-sent requests were held open during the load, as requested.",
}


def explain(flag: str) -> str:
    """What a flag means, its likely cause and what to try, in one or two sentences.

    Example:
        >>> explain("client_cpu=93%")[:43]
        'The load generator used 93 % of its core, s'
    """
    word, _, figure = flag.partition("=")
    figure = figure.replace("%", " %") or "a part"
    return SENTENCES.get(word, "The engine raised the flag " + flag + ".").replace("{}", figure)


def in_doubt(flags: list[str]) -> bool:
    """True if the flags put the number in doubt, so that a plot draws it hollow.

    Example:
        >>> in_doubt(["slow_clients=40"]), in_doubt(["client_cpu=93 %"])
        (False, True)
    """
    return any(flag.partition("=")[0] not in INFORMATION for flag in flags)


def raise_flags(result: LoadResult, *, stopped: bool = False, n_unfinished: int = 0, pinned: bool | None = None,
                shared_core: bool = False, slow_clients: int = 0, n_slow_held: int = 0) -> list[str]:
    """The flags of a result.

    Args:
        result: without its flags.
        stopped: a person stopped the load; n_unfinished attempts were in progress then.
        pinned: whether the load got its cores; None if none were requested.
        shared_core: one core for the load and a server on this computer.
        slow_clients, n_slow_held: how many were requested, and the fewest that were held at once.
    """
    raised = []
    cpu = result.client_cpu_s / result.duration_s if result.duration_s else 0.0
    if result.n_ok and cpu > CPU_SHARE:  # without a good answer there is no number to doubt
        raised.append(f"client_cpu={cpu:.0%}")
    wait = (result.client_wait_s or 0.0) / result.duration_s if result.duration_s else 0.0
    if result.n_ok and wait > WAIT_SHARE:
        raised.append(f"client_wait={wait:.0%}")
    stalled = (result.client_stalled_s or 0.0) / result.duration_s if result.duration_s else 0.0
    if result.n_ok and stalled > STALL_SHARE:
        raised.append(f"client_stall={stalled:.0%}")
    p50 = result.latency_ns.get("p50")
    # With fewer than 1,000 requests there is no 99th percentile, but a late generator must still be noticed.
    lag = next((ns for p in ("p99", "p90") if (ns := result.sender_lag_ns.get(p)) is not None), None)
    if lag is not None and p50 is not None and lag > LAG_SHARE * p50:
        raised.append(f"sender_lag={lag / p50:.0%}")
    requests_per_s = result.rps * result.notes.get("requests_per_visit", 1)
    if result.ceiling_rps and requests_per_s > CEILING_SHARE * result.ceiling_rps:
        raised.append(f"ceiling={requests_per_s / result.ceiling_rps:.0%}")
    if pinned is False:
        raised.append("not_pinned")
    elif shared_core:
        raised.append("shared_core")
    if result.n_sent and not result.n_ok:
        raised.append("no_answers")
    elif result.n_errors > FAILED_SHARE * result.n_sent:
        raised.append(f"many_failures={result.n_errors / result.n_sent:.1%}")
    if result.n_unsent and result.n_unsent > UNSENT_SHARE * result.n_due:
        raised.append(f"unsent={result.n_unsent / result.n_due:.1%}")
    if not stopped and _behind(result):
        raised.append(f"behind={result.rps / result.target_rps:.0%}")
    if stopped:
        raised.append("stopped")
    if n_unfinished:
        raised.append(f"unfinished={n_unfinished}")
    if slow_clients:
        held = f"{n_slow_held} of {slow_clients}" if n_slow_held < slow_clients else str(slow_clients)
        raised.append(f"slow_clients={held}")
    return raised


def _behind(result: LoadResult) -> bool:
    """Whether an open loop's good answers came at less than the requested rate, by more than chance and failures.

    Source: the number of Poisson arrivals in a window has the square root of its mean as standard deviation.
    """
    if not result.target_rps or not result.n_ok or not result.duration_s:
        return False
    wanted_rps = result.target_rps * result.n_ok / result.n_sent
    chance_rps = 3 * sqrt(wanted_rps / result.duration_s)
    return result.rps < min(RATE_SHARE * wanted_rps, wanted_rps - chance_rps)
