"""How a notebook shows measurements: a table, a plot, and warnings."""

import html
from dataclasses import replace

from deploylab.core import units
from deploylab.course import Course
from deploylab.lessons.answers import Compared, Measured, MeasuredDuring, PastContrast
from deploylab.lessons.display import output
from deploylab.lessons.display.output import Shown
from deploylab.measure import compare
from deploylab.report import contrasts, plots
from deploylab.results import describe
from deploylab.results.record import Run
from deploylab.results.stats import Summary, cell_of, contrast_result, differing, summarise

HEADINGS = ("", "throughput", "p50", "p99", "failed", "server CPU", "memory")
CACHED, VISIT, BEHIND = "from a cache", "each visit", "database, cache"  # columns only if there are values for them


def measured(answer: Measured, course: Course, label: str = "") -> Shown:
    """A row for each target and view, with failures beside the latency; a plot if there are several stages."""
    runs = answer.runs
    summaries = summarise(runs)
    ratios = [summary.hit_ratio for summary in summaries.values()]
    columns = {CACHED: [None if ratio is None else units.percent(ratio) for ratio in ratios],
               VISIT: [_visit([run for run in runs if cell_of(run) == cell]) for cell in summaries],
               BEHIND: [_behind([run for run in runs if cell_of(run) == cell]) for cell in summaries]}
    more = {name: cells for name, cells in columns.items() if any(cell is not None for cell in cells)}
    heads = (*HEADINGS, *more)
    rows = [(*_row(summary), *("–" if cells[i] is None else cells[i] for cells in more.values()))
            for i, summary in enumerate(summaries.values())]
    warnings = list(dict.fromkeys(text for summary in summaries.values() for text in summary.warnings))
    has_plot = len({run.stage for run in runs if run.variant is None}) > 1
    plot = plots.ladder(runs, course, recorded=bool(label))._repr_html_() if has_plot else ""
    text = "\n".join("  ".join(f"{cell:>14}" for cell in row) for row in [heads, *rows])
    return Shown("\n".join([text, *(f"Beware: {warning}" for warning in warnings)]),
                 f"{_table(heads, rows)}{plot}{_beware(warnings)}", label, answer)


def compared(answer: Compared, course: Course, label: str = "") -> Shown:
    """A comparison of two sides: the verdict, the figures of both, and everything that differs between them."""
    contrast, runs = answer.contrast, answer.runs
    result = contrast_result(contrast, answer.differences, runs)
    if result is None:
        return Shown("Nothing was measured.", "<p>Nothing was measured.</p>", label, answer, ok=False)
    rows = [(figure.name, figure.a, figure.b, figure.ratio) for figure in contrasts.figures(result)]
    sides = (contrast.a, contrast.b) if contrast.a != contrast.b else (contrast.view, contrast.b_view or contrast.view)
    heads = ("", *sides, "ratio (95 % interval)")
    differences = [contrasts.shown(difference) for difference in answer.differences]
    plot = plots.forest([result], runs, course, recorded=bool(label))._repr_html_()
    items = "".join(f"<li><code>{html.escape(difference)}</code></li>" for difference in differences)
    summary = differing(contrast, answer.differences)
    body = (f"<p><strong>{html.escape(result.main.verdict)}</strong></p>{_table(heads, rows)}{plot}"
            f"<details><summary>{html.escape(summary)}</summary><ul>{items}</ul></details>{_beware(result.warnings)}")
    text = "\n".join([result.main.verdict, *("  ".join(f"{cell:>22}" for cell in row) for row in [heads, *rows]),
                      summary, *(f"  {difference}" for difference in differences),
                      *(f"Beware: {warning}" for warning in result.warnings)])
    return Shown(text, body, label, answer)


def past_contrast(answer: PastContrast, course: Course, label: str = "") -> Shown:
    """A contrast that was measured before, with its title and the day; if it was not, how to measure it."""
    contrast = answer.contrast
    title = f"{contrast.title}: {compare.described(contrast)}."
    if not answer.runs:
        b_view = f" --b-view {contrast.b_view}" if contrast.b_view else ""
        b_view += f" --state {contrast.state}" if contrast.state else ""
        return output.text(f"{title} It has not been measured yet. In a terminal, once both are running:\n"
                          f"./lab compare {contrast.a} {contrast.b} --view {contrast.view}{b_view}", label, answer)
    title = f"{title} Measured on {answer.when}, in session {answer.session}."
    shown = compared(answer, course, label or answer.label)
    return replace(shown, text=f"{title}\n{shown.text}", body=f"<p>{html.escape(title)}</p>{shown.body}")


def during(answer: MeasuredDuring, label: str = "") -> Shown:
    """A load with a command in the middle of it: the failures by kind, the longest wait, and both over time."""
    run, done = answer.run, answer.done
    longest = max((each for each in answer.bins if each.longest_ms), key=lambda each: each.longest_ms or 0.0,
                  default=None)
    rows = [("failed", describe.failures(run.errors, run.n_sent)),
            ("never sent", f"{run.n_unsent:,} of {run.n_due:,} that were due") if run.n_unsent else None,
            ("p50, p99", f"{units.ms(run.latency_ns['p50'])}, {units.ms(run.latency_ns['p99'])}"),
            ("the longest wait", f"{units.three_figures(longest.longest_ms)} ms, for a request made after "
                                 f"{units.seconds(longest.from_s)}") if longest else None,
            ("the command", answer.command),
            ("it ran", f"from {units.seconds(answer.began_s)} to {units.seconds(answer.ended_s)}, "
                       f"exit {done.status}")]
    lines = [row for row in rows if row]
    plot = plots.during(run, answer.bins, answer.began_s, answer.ended_s, recorded=bool(label))
    cells = "".join(f'<tr><th style="text-align:left">{name}</th><td style="text-align:left">{html.escape(value)}</td>'
                    "</tr>" for name, value in lines)
    out = f"<pre>{html.escape(done.out.rstrip())}</pre>" if done.out.strip() else ""
    text = "\n".join([*(f"{name + ':':18} {value}" for name, value in lines), *done.out.rstrip().splitlines()])
    return Shown(text, f"<table>{cells}</table>{out}{plot._repr_html_()}", label, answer, done.ok)


def _row(summary: Summary) -> tuple[str, ...]:
    cell, of, latency_ns = summary.cell, summary.rps_range, summary.latency_ns
    spread = f" ({units.three_figures(of[0])} to {units.three_figures(of[1])})" if of else ""
    cpu, unit = summary.server_cpu_per_request_s, "visits" if summary.requests_per_visit is not None else "requests"
    return (f"{describe.target(cell.stage, cell.variant)}, {cell.view} c={cell.concurrency}",
            f"{units.rate(summary.rps, unit)}{spread}", units.ms(latency_ns["p50"]), units.ms(latency_ns["p99"]),
            f"{summary.n_failed:,} of {summary.n_sent:,}",
            "–" if cpu is None else f"{cpu * 1000:.2f} ms per {unit[:-1]}",
            units.size(summary.server_pss_bytes) if summary.server_pss_bytes else "–")


def _visit(runs: list[Run]) -> str | None:
    """What a visit consists of, in words; None if the runs are of single requests."""
    return describe.noted(runs) if runs[0].unit == "visits" else None


def _behind(runs: list[Run]) -> str | None:
    """The database queries and cache lookups, in words; None if not counted, or if the visit's column has them."""
    return None if runs[0].unit == "visits" else describe.behind(runs) or None


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    def line(cells, tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    return f"<table><thead>{line(heads, 'th')}</thead><tbody>{''.join(line(row, 'td') for row in rows)}</tbody></table>"


def _beware(texts: list[str]) -> str:
    """One sign for all doubts, with the sentences folded behind it."""
    if not texts:
        return ""
    rows = "".join(f"<li>{html.escape(text)}</li>" for text in texts)
    head = f"⚑ Beware: {units.count(len(texts), 'reason')} for doubt"
    return f"<details><summary>{head}</summary><ul>{rows}</ul></details>"
