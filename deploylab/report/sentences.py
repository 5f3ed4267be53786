"""What a step changed, in plain sentences."""

from collections import Counter
from collections.abc import Callable, Sequence
from statistics import median

from deploylab.core import units
from deploylab.load import in_doubt
from deploylab.results import describe
from deploylab.results.record import Comparison
from deploylab.results.stats import MORE_IS_BETTER, ContrastResult, Step, Summary

GAIN, LOSS, NONE, UNKNOWN = "gain", "loss", "none", "unknown"
SYMBOLS = {GAIN: "▲", LOSS: "▼", NONE: "○", UNKNOWN: "–"}


def outcome(step: Step | ContrastResult) -> str:
    """What a step, or side B of a contrast, did to what it is judged by: see `kind`."""
    return kind(step.main)


def kind(comparison: Comparison) -> str:
    """Whether side B is better in this metric, a gain; worse, a loss; no difference was seen; or nothing is known."""
    if comparison.ratio is None or comparison.ci95 is None:
        return UNKNOWN
    if comparison.ci95[0] <= 1 <= comparison.ci95[1]:
        return NONE
    return GAIN if (comparison.ratio > 1) == (comparison.metric in MORE_IS_BETTER) else LOSS


def doubtful(result: Step | ContrastResult) -> bool:
    """Whether at least half of the runs of one side have the same flag that puts them in doubt."""
    return any(in_doubt([flag]) and 2 * n >= side.n_runs
               for side in (result.a, result.b) for flag, n in side.flags.items())


def where(step: Step) -> str:
    """The view and its load: 'wait, 32 clients'."""
    return load_of(step.cell.view, step.cell.concurrency)


def load_of(view: str, concurrency: int) -> str:
    """A view and its load: 'wait, 32 clients'."""
    return f"{view}, {units.count(concurrency, 'client')}"


def in_short(step: Step) -> tuple[str, str]:
    """Two short lines for a small box: the result, and how certain it is."""
    comparison = step.main
    if comparison.ratio is None:
        return "no ratio", describe.ratio(comparison) or _why_none(step)
    if comparison.ci95 is None:
        return f"{units.factor(comparison.ratio)} times", "one pair: no interval"
    head, _, tail = describe.change(comparison.ratio, comparison.ci95, unit=comparison.unit).partition(" (")
    if outcome(step) == NONE:
        return "none seen", tail.rstrip(")")
    return head.removesuffix(f" {comparison.unit} per second").removesuffix(" as many"), tail.rstrip(")")


def note(step: Step) -> str:
    """Failures of a box; often empty."""
    if step.main.ratio is None:
        return ""
    return "; ".join(f"{side.cell.stage}: {units.percent(side.failure_share)} failed" for side in (step.a, step.b)
                     if side.n_failed)


def beside(step: Step) -> list[str]:
    """More figures for a small box: requests and bytes per visit, else the latency; the share from a cache."""
    a, b = step.a, step.b
    out = [f"p50 {pair(a.latency_ns['p50'], b.latency_ns['p50'], units.ms)}"]
    if a.requests_per_visit is not None and b.requests_per_visit is not None:
        out = [f"{a.requests_per_visit:g} → {b.requests_per_visit:g} requests",
               pair(a.bytes_per_visit, b.bytes_per_visit, units.size)]
    return out if b.hit_ratio is None else [*out, f"{units.percent(b.hit_ratio)} from a cache"]


def headline(steps: Sequence[Step]) -> list[str]:
    """What one stage changed, in a few sentences: the largest gain, then losses, then no difference.

    The other gains are only in the boxes.

    Args:
        steps: all views of one stage, at least one.
    """
    loads = Counter(step.cell.view for step in steps)

    def name(step: Step) -> str:
        many = loads[step.cell.view] > 1
        return f"{step.cell.view} with {units.count(step.cell.concurrency, 'client')}" if many else step.cell.view

    by_outcome = {kind: [step for step in steps if outcome(step) == kind] for kind in SYMBOLS}
    out = _most(by_outcome[GAIN], name)
    losses = sorted(by_outcome[LOSS], key=lambda step: step.main.ratio)
    out += [f"A loss on {name(step)}: {_change(step)}." for step in losses]
    if by_outcome[NONE]:
        views = ", ".join(f"{name(step)} ({in_short(step)[1]})" for step in by_outcome[NONE])
        out.append(("" if out else "No gain in throughput was seen. ")
                   + f"No difference seen on {views}.")
    return out + [f"No verdict on {name(step)}: {_why_none(step)}." for step in by_outcome[UNKNOWN]]


def cost(steps: Sequence[Step]) -> list[str]:
    """What one stage costs the server, and what failed, in a few sentences.

    Args:
        steps: all views of one stage, at least one.
    """
    out = []
    before, now = (_memory([getattr(step, side) for step in steps]) for side in ("a", "b"))
    if before and now:
        out.append(f"Memory (PSS): {units.size(before)} before, {units.size(now)} now.")
    ratios = [comparison.ratio for step in steps if (comparison := step.ratios["server_cpu_per_request_s"]).ratio]
    if ratios:
        low, high = units.factor(min(ratios)), units.factor(max(ratios))
        out.append(f"Server CPU per request: {low if low == high else f'{low} to {high}'} times.")
    return out + [f"Failures: {_failed(steps)}."]


def full(step: Step) -> list[str]:
    """Everything about one view of a step, as sentences: throughput, latency, failures, cost."""
    stage = step.stage.stage
    kind = outcome(step)
    if step.main.ratio is None:
        out = [f"No ratio: {_why_none(step)}."]
    elif kind == NONE:
        out = [f"Throughput: {_change(step)}; a smaller difference could hide."]
    else:
        out = [f"{stage} answers {_change(step)}."]
    out.append(_latency(step))
    out.append(f"Failures: {describe.failures(step.b.errors, step.b.n_sent)} on {stage}, "
               f"{describe.failures(step.a.errors, step.a.n_sent)} on {step.before.stage}.")
    for metric in ("server_cpu_per_request_s", "server_pss_bytes"):
        if (comparison := step.ratios[metric]).ratio is not None:
            text = describe.change(comparison.ratio, comparison.ci95, metric, comparison.unit)
            out.append(f"{_capital(describe.METRICS[metric][0])}: {text}.")
    return out


def pair(before: float | None, now: float | None, show: Callable[[float | None], str]) -> str:
    """Two figures with one unit: '14.7 → 5.30 ms'.

    Args:
        show: writes one figure with its unit, as `units.ms` does.
    """
    first, last = show(before), show(now)
    unit = " ms" if last.endswith(" ms") else "/s" if last.endswith("/s") else ""
    return f"{first.removesuffix(unit) if unit else first} → {last}"


def span(summary: Summary) -> str:
    """The range of a throughput over its runs: '639 to 717'."""
    if summary.rps_range is None:
        return "–"
    return " to ".join(units.three_figures(end) for end in summary.rps_range)


def _most(steps: list[Step], name: Callable[[Step], str]) -> list[str]:
    most = max(steps, key=lambda step: step.main.ratio, default=None)
    return [f"Most on {name(most)}: {_change(most)}."] if most else []


def _memory(summaries: list[Summary]) -> float | None:
    """The median over the views, in bytes."""
    there = [summary.server_pss_bytes for summary in summaries if summary.server_pss_bytes]
    return median(there) if there else None


def _failed(steps: Sequence[Step]) -> str:
    if not any(step.a.n_failed or step.b.n_failed for step in steps):
        return "none, before or now"
    before, now = ((sum(summary.n_failed for summary in side), sum(summary.n_sent for summary in side))
                   for side in ([step.a for step in steps], [step.b for step in steps]))
    return f"{before[0]:,} of {before[1]:,} requests before, {now[0]:,} of {now[1]:,} now"


def _change(step: Step) -> str:
    return describe.change(step.main.ratio, step.main.ci95, unit=step.main.unit)


def _why_none(step: Step) -> str:
    if step.main.ratio is not None:
        return f"one pair only, of {units.factor(step.main.ratio)}; it has no interval"
    return step.main.verdict.partition("because ")[2]


def _latency(step: Step) -> str:
    parts = []
    for name in ("p50", "p95"):
        before, after = step.a.latency_ns[name], step.b.latency_ns[name]
        parts.append(f"{name} {units.ms(before)} before, {units.ms(after)} now")
    return f"Latency: {'; '.join(parts)}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
