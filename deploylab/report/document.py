"""The report for programs, computed again from the session's runs, as the page is for people."""

from dataclasses import asdict, dataclass
from typing import Any

from deploylab.course import Contrast, Course, Stage
from deploylab.report import content, contrasts, headlines
from deploylab.report.content import Doubt
from deploylab.results import Session, stats
from deploylab.results.record import Comparison, Difference


@dataclass(frozen=True)
class ViewResult:
    """One step in one view under one load."""

    before: str
    view: str
    concurrency: int
    sent: tuple[int, int]           # requests to the stage before, and to the stage
    failed: tuple[int, int]
    hit_share: float | None         # good answers of the stage that came from a cache; None: no answer mentions one
    ratios: list[Comparison]


@dataclass(frozen=True)
class StageResult:
    """One stage against the stage before it."""

    stage: str
    title: str
    headline: list[headlines.Measure]
    views: list[ViewResult]


@dataclass(frozen=True)
class PairedResult:
    """A contrast."""

    contrast: Contrast
    judged_by: str                  # the metric of the ratio that is its verdict
    one_thing: bool
    differences: tuple[Difference, ...]
    ratios: list[Comparison]
    warnings: list[str]


@dataclass(frozen=True, kw_only=True)
class Document:
    """Everything that the report says. `to_json` gives it as plain data."""

    session: str
    finished: bool
    recorded: bool
    machine: str
    problems: list[str]
    stages: list[StageResult]
    contrasts: list[PairedResult]
    flags: list[Doubt]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def document(session: Session, course: Course) -> Document:
    """Stages with their headlines and views, contrasts, verdicts and warnings of a session.

    Raises:
        ResultsError: the results cannot be read.

    Example:
        >>> document(results.latest(), course.load()).stages[1].headline   # doctest: +SKIP
    """
    collected = content.read(session)
    steps = stats.steps(collected.runs, course)
    rows = {row.stage.name: row for row in headlines.rows(steps, course)}
    return Document(
        session=session.id, finished=session.finished, recorded=session.recorded, machine=collected.machine_line,
        problems=collected.problems,
        stages=[_stage(stage, rows[stage.name].figures if stage.name in rows else [], steps)
                for stage in course.stages],
        contrasts=[PairedResult(result.contrast, result.contrast.metric, result.one_thing, result.differences,
                                _known(result.ratios), result.warnings)
                   for result in contrasts.contrast_results(session.plan, collected.pairs)],
        flags=content.doubts([*collected.runs, *collected.pairs]),
    )


def _stage(stage: Stage, figures: list[headlines.Measure], steps: list[stats.Step]) -> StageResult:
    views = [ViewResult(before=step.before.name, view=step.cell.view, concurrency=step.cell.concurrency,
                        sent=(step.a.n_sent, step.b.n_sent), failed=(step.a.n_failed, step.b.n_failed),
                        hit_share=step.b.hit_ratio, ratios=_known(step.ratios))
             for step in steps if step.stage.name == stage.name]
    return StageResult(stage.name, stage.title, figures, views)


def _known(ratios: dict[str, Comparison]) -> list[Comparison]:
    """Throughput, and every other ratio that both sides have a figure for."""
    return [comparison for metric, comparison in ratios.items()
            if metric == "rps" or comparison.ratio is not None or comparison.series]
