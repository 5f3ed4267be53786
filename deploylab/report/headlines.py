"""The first screen of a report: one row for each stage, with what the stage is for, before and now."""

from collections.abc import Sequence
from dataclasses import dataclass

from deploylab.core import units
from deploylab.course import Course, Stage
from deploylab.report import sentences
from deploylab.results import describe, stats
from deploylab.results.stats import Step

# How each metric is shown.
SHOWN = {
    "rps": lambda summary: units.rate(summary.rps, "visits" if summary.requests_per_visit else "requests"),
    "p50_ns": lambda summary: units.ms(summary.latency_ns["p50"]),
    "p95_ns": lambda summary: units.ms(summary.latency_ns["p95"]),
    "server_cpu_per_request_s": lambda summary: units.cpu(summary.server_cpu_per_request_s),
    "server_pss_bytes": lambda summary: units.size(summary.server_pss_bytes),
    "requests_per_visit": lambda summary: "–" if summary.requests_per_visit is None
                           else f"{summary.requests_per_visit:g}",
    "bytes_per_visit": lambda summary: units.size(summary.bytes_per_visit),
    "bytes_per_answer": lambda summary: units.size(summary.bytes_per_answer),
}


NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Measure:
    """One measure of a stage: its name, both sides, their ratio."""

    metric: str
    name: str
    before: str
    now: str
    ratio: str     # with its interval, or its series; "" if there is none; or NOT_MEASURED
    kind: str      # better, worse, no difference seen, unknown: see `sentences.SYMBOLS`


@dataclass(frozen=True)
class Row:
    """A stage on the first screen."""

    stage: Stage
    before: str
    where: str           # the view and its load
    figures: list[Measure]
    hit_share: str       # of the stage, from a cache; "" if no answer mentions one
    failed: str          # "" if nothing failed
    in_doubt: bool


def rows(steps: Sequence[Step], course: Course) -> list[Row]:
    """A row for each stage that was measured, in the order of the course; without figures if its headline was not.

    Args:
        steps: of one session.
        course: says what each stage is judged by, `[stage.headline]`. It was chosen before anything was measured.
    """
    by_cell = {(step.stage.name, step.cell.view, step.cell.concurrency): step for step in steps}
    by_stage = {step.stage.name: step for step in steps}
    judged = [stage for stage in stats.on_ladder(course) if stage.headline and stage.name in by_stage]
    found = ((stage, by_cell.get((stage.name, stage.headline.view, stage.headline.concurrency))) for stage in judged)
    return [_row(stage, step) if step else _unknown(stage, by_stage[stage.name].before, course)
            for stage, step in found]


def _row(stage: Stage, step: Step) -> Row:
    failed = [f"{side.cell.stage}: {describe.failures(side.errors, side.n_sent)}" for side in (step.a, step.b)
              if side.n_failed]
    return Row(stage=stage, before=step.before.stage, where=sentences.where(step),
               figures=[_figure(metric, step) for metric in stage.headline.metrics],
               hit_share="" if step.b.hit_ratio is None else units.percent(step.b.hit_ratio),
               failed="; ".join(failed), in_doubt=sentences.doubtful(step))


def _unknown(stage: Stage, before: Stage, course: Course) -> Row:
    """The row of a stage whose headline a session lacks: it is older than the view, or the view was left out."""
    view = course.view(stage.headline.view)
    return Row(stage=stage, before=before.stage, where=sentences.load_of(view.name, stage.headline.concurrency),
               figures=[Measure(metric=metric, name=describe.metric_name(metric, view.unit), before="–", now="–",
                                ratio=NOT_MEASURED, kind=sentences.UNKNOWN) for metric in stage.headline.metrics],
               hit_share="", failed="", in_doubt=False)


def _figure(metric: str, step: Step) -> Measure:
    show, comparison = SHOWN[metric], step.ratios[metric]
    return Measure(metric=metric, name=describe.metric_name(metric, comparison.unit), before=show(step.a),
                  now=show(step.b), ratio=describe.ratio(comparison), kind=sentences.kind(comparison))


def expected_false(n_intervals: int) -> str:
    """How many of so many 95 % intervals miss the true ratio by chance alone, in words.

    >>> expected_false(27)
    '1 or 2'
    """
    low = n_intervals // 20
    return str(low) if n_intervals % 20 == 0 else f"{low} or {low + 1}"
