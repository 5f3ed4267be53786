"""The contrasts of a session: what differs between two sides, and how much difference that one thing makes."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from deploylab.core import units
from deploylab.course import COLD, STATES, STEADY, Contrast, Course
from deploylab.report import plots, sentences
from deploylab.report.plots import Plot
from deploylab.results import describe
from deploylab.results.record import Comparison, Difference, Run
from deploylab.results.stats import ContrastResult, Summary, contrast_result, differing

FAILED = "failed"
CACHES = {None: "none", COLD: "empty", STEADY: "full"}
UNSAID = {FAILED, *(describe.METRICS[name][0] for name in ("rps", "p95_ns"))}  # in the short line of a contrast


@dataclass(frozen=True)
class Figure:
    """One figure of both sides, in words."""

    name: str
    a: str
    b: str
    ratio: str                      # B over A with its interval; "" if there is none

    @property
    def short(self) -> str:
        """Both sides, with the unit once if it is the same: 'p50 latency 98.6 → 91.1 ms'."""
        a, unit = self.a.rpartition(" ")[::2]
        return f"{self.name} {a if a and self.b.endswith(f' {unit}') else self.a} → {self.b}"


@dataclass(frozen=True)
class Wording:
    """One contrast in words, for a template."""

    name: str
    contrast: Contrast
    load: str
    kind: str                       # the outcome: see `sentences.outcome`
    heads: tuple[str, str | None]   # of the columns of its figures
    titles: list[str]
    brief: list[str]                # its figures in short lines
    differing: str
    differences: list[str]
    main: Comparison
    failed: list[str]
    verdict: str
    figures: list[Figure]
    warnings: list[str]


@dataclass(frozen=True)
class Overview:
    """What the report shows of a session's contrasts."""

    plot: Plot | None               # None if there is no result
    each: list[Wording]


def collect(plan: dict[str, Any], runs: Sequence[Run], course: Course, recorded: bool) -> Overview:
    """What the report shows of a session's contrasts.

    Args:
        plan: of the session; it contains the contrasts as they were when they were measured.
        runs: the runs of pairs.
    """
    results = contrast_results(plan, runs)
    return Overview(plot=plots.forest(results, runs, course, recorded=recorded) if results else None,
                    each=[in_words(result, course) for result in results])


def contrast_results(plan: dict[str, Any], runs: Sequence[Run]) -> list[ContrastResult]:
    """The results of a session's contrasts, in its order. Args: as `collect`."""
    return [result for table in plan.get("contrasts") or [] if (result := _raced(table, plan, runs)) is not None]


def figures(result: ContrastResult) -> list[Figure]:
    """Throughput, latency, costs and failures of both sides; figures of visits and caches if there are any."""
    def row(metric: str, show) -> Figure:
        comparison, name = result.ratios[metric], metric if metric in Summary.__dataclass_fields__ else None
        a, b = (show(getattr(side, name) if name else side.latency_ns[metric.removesuffix("_ns")])
                for side in (result.a, result.b))
        return Figure(describe.metric_name(metric, comparison.unit), a, b, describe.ratio(comparison))

    out = [row("rps", lambda x: units.rate(x, result.main.unit)), row("p50_ns", units.ms), row("p95_ns", units.ms),
           row("server_cpu_per_request_s", units.cpu), row("server_pss_bytes", units.size)]
    visits = result.a.requests_per_visit is not None or result.b.requests_per_visit is not None
    out += [row("requests_per_visit", _plain), row("bytes_per_visit", units.size)] if visits \
        else [row("bytes_per_answer", units.size)]
    if result.a.cache_state or result.b.cache_state:
        out.append(Figure("cache at first", *(CACHES[side.cache_state] for side in (result.a, result.b)), ""))
    if result.a.hit_ratio is not None or result.b.hit_ratio is not None:
        out.append(Figure("from a cache", *(_share(side.hit_ratio) for side in (result.a, result.b)), ""))
    return [*out, Figure(FAILED, *(f"{side.n_failed:,} of {side.n_sent:,}" for side in (result.a, result.b)), "")]


def shown(difference: Difference) -> str:
    """One difference: 'gunicorn worker_class: 'sync' → 'gthread''."""
    return f"{difference.name}: {difference.a or 'not there'} → {difference.b or 'not there'}"


def load(contrast: Contrast) -> str:
    """The load of a contrast: 'wait, 32 clients'."""
    if contrast.state:
        return f"{contrast.view}, the same load {STATES[contrast.state]}"
    views = f"{contrast.view} against {contrast.b_view}" if contrast.b_view else contrast.view
    slow = f", {contrast.slow_clients} slow ones" if contrast.slow_clients else ""
    new = ", a new connection for each request" if contrast.new_connections else ""
    return f"{views}, {units.count(contrast.concurrency, 'client')}{slow}{new}"


def contrast_of(table: dict[str, Any]) -> Contrast:
    """A contrast from its plain data, as a session's plan and a lesson's recording contain it."""
    known = {field.name for field in fields(Contrast)}  # a recording may be older than this version
    return Contrast(**{key: tuple(value) if isinstance(value, list) else value
                       for key, value in table.items() if key in known})


def _raced(table: dict[str, Any], plan: dict[str, Any], runs: Sequence[Run]) -> ContrastResult | None:
    contrast = contrast_of(table)
    differences = (plan.get("differences") or {}).get(contrast.name, [])
    return contrast_result(contrast, [Difference(**row) for row in differences], runs)


def in_words(result: ContrastResult, course: Course) -> Wording:
    """One contrast in words."""
    contrast, rows, main = result.contrast, figures(result), result.main
    sides = dict.fromkeys((contrast.a, contrast.b))
    return Wording(
        name=contrast.name, contrast=contrast, load=load(contrast), kind=sentences.outcome(result),
        heads=(contrast.a, contrast.b) if contrast.a != contrast.b else (contrast.view, contrast.b_view),
        titles=[f"{name}: {course.target(name).title}" for name in sides if name in _names(course)],
        brief=[row.short for row in rows if row.name not in UNSAID],
        differing=differing(result.contrast, result.differences),
        differences=[shown(difference) for difference in result.differences], main=main,
        failed=[f"{side.cell.target}: {describe.failures(side.errors, side.n_sent)}"
                for side in (result.a, result.b) if side.n_failed],
        verdict=describe.change(main.ratio, main.ci95, main.metric, main.unit) if main.ratio is not None
        else f"No ratio: {main.verdict.partition('because ')[2]}",
        figures=rows, warnings=result.warnings,
    )


def _names(course: Course) -> set[str]:
    return {target.name for target in course.all_targets}


def _plain(x: float | None) -> str:
    return "–" if x is None else f"{x:g}"


def _share(x: float | None) -> str:
    return "–" if x is None else units.percent(x)
