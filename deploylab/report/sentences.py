"""What a step bought, in plain sentences."""

from collections.abc import Sequence

from deploylab import units, words
from deploylab.load import in_doubt
from deploylab.stats import Step, Summary

GAIN, LOSS, NONE, UNKNOWN = "gain", "loss", "none", "unknown"
SYMBOLS = {GAIN: "▲", LOSS: "▼", NONE: "○", UNKNOWN: "–"}


def outcome(step: Step) -> str:
    """What a step did to throughput: a gain, a loss, no difference seen, or unknown."""
    found = step.rps
    if found.ratio is None or found.ci95 is None:
        return UNKNOWN
    if found.ci95[0] <= 1 <= found.ci95[1]:
        return NONE
    return GAIN if found.ratio > 1 else LOSS


def where(step: Step) -> str:
    """The view and its load: 'wait, 32 clients'."""
    return f"{step.cell.view}, {words.count(step.cell.concurrency, 'client')}"


def in_short(step: Step) -> tuple[str, str]:
    """Two short lines for a small box: what came out, and how sure it is."""
    found = step.rps
    if found.ratio is None:
        return "no ratio", _why_none(step)
    if found.ci95 is None:
        return f"{words.factor(found.ratio)} times", "one pair: no interval"
    said = words.change(found.ratio, found.ci95)
    if outcome(step) == NONE:
        return "no difference seen", said.partition("(")[2].rstrip(")")
    head, _, tail = said.partition(" (")
    for ending in (" as many requests a second", " requests a second"):
        head = head.removesuffix(ending)
    return head, tail.rstrip(")")


def note(step: Step) -> str:
    """What to keep in mind about a box: failures and doubts; often empty."""
    parts = []
    for summary in (step.a, step.b):
        if summary.n_failed:
            parts.append(f"{summary.cell.stage}: {words.percent(summary.failure_share)} failed")
        if in_doubt(list(summary.flags)):
            parts.append(f"{summary.cell.stage}: in doubt")
    return "; ".join(parts)


def headline(steps: Sequence[Step]) -> list[str]:
    """What one stage bought, in a few sentences: gains first, then losses, then nothing.

    Args:
        steps: all views of one stage, at least one.
    """
    found = {kind: [step for step in steps if outcome(step) == kind] for kind in SYMBOLS}
    out = _gains(sorted(found[GAIN], key=lambda step: -step.rps.ratio))
    out += [f"A loss on {where(step)}: {_change(step)}." for step in sorted(found[LOSS], key=lambda s: s.rps.ratio)]
    if found[NONE]:
        views = "; ".join(f"{where(step)} ({in_short(step)[1]})" for step in found[NONE])
        out.append(("" if out else "It bought no throughput that this session could see. ")
                   + f"No difference seen on {views}.")
    out += [f"No verdict on {where(step)}: {_why_none(step)}." for step in found[UNKNOWN]]
    return out


def full(step: Step) -> list[str]:
    """Everything about one view of a step, a sentence each: throughput, latency, failures, cost, doubts."""
    stage = step.stage.stage
    kind = outcome(step)
    if step.rps.ratio is None:
        out = [f"No ratio: {_why_none(step)}."]
    elif kind == NONE:
        out = [f"Throughput: {_change(step)}; a smaller difference could hide."]
    else:
        out = [f"{stage} answers {_change(step)}."]
    out.append(_latency(step))
    out.append(f"Failures: {words.failures(step.b.errors, step.b.n_sent)} on {stage}, "
               f"{words.failures(step.a.errors, step.a.n_sent)} on {step.before.stage}.")
    for metric in ("server_cpu_per_request_s", "server_pss_bytes"):
        if (found := step.ratios[metric]).ratio is not None:
            out.append(f"{_capital(words.METRICS[metric][0])}: {words.change(found.ratio, found.ci95, metric)}.")
    return out


def cpu(seconds: float | None) -> str:
    """CPU a request as milliseconds."""
    return units.ms(None if seconds is None else seconds * units.NS_PER_S)


def span(summary: Summary) -> str:
    """The interval of a throughput: '639 to 717'."""
    if summary.rps_ci95 is None:
        return "no interval"
    return " to ".join(units.three_figures(end) for end in summary.rps_ci95)


def _gains(steps: list[Step]) -> list[str]:
    if not steps:
        return []
    most, *others = steps
    out = [f"Most on {where(most)}: {_change(most)}."]
    if others:
        out.append("Gains also on " + "; ".join(f"{where(step)} ({in_short(step)[0]})" for step in others) + ".")
    return out


def _change(step: Step) -> str:
    return words.change(step.rps.ratio, step.rps.ci95)


def _why_none(step: Step) -> str:
    if step.rps.ratio is not None:
        return f"one pair only, of {words.factor(step.rps.ratio)}; it has no interval"
    return step.rps.verdict.partition("because ")[2]


def _latency(step: Step) -> str:
    parts = []
    for name in ("p50", "p95"):
        before, after = step.a.latency_ns[name], step.b.latency_ns[name]
        parts.append(f"{name} {units.ms(before)} before, {units.ms(after)} now")
    return f"Latency: {'; '.join(parts)}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
