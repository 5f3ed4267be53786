"""How measured answers look in a notebook: a table, the plot beside it, and what to beware of."""

import html
from dataclasses import replace

from deploylab.core import units
from deploylab.course import Course
from deploylab.lessons.answers import Compared, Measured, MeasuredDuring, PastContrast
from deploylab.lessons.display import output
from deploylab.lessons.display.output import Shown
from deploylab.measure import compare
from deploylab.report import contrasts as told
from deploylab.report import plots
from deploylab.results import describe
from deploylab.results.record import Run
from deploylab.results.stats import Summary, cell_of, contrast_result, differing, summarise

HEADINGS = ("", "throughput", "p50", "p99", "failed", "server CPU", "memory")
CACHED, VISIT, BEHIND = "from a cache", "a visit", "behind it"  # columns that stand where there is something to say


def measured(answer: Measured, course: Course, label: str = "") -> Shown:
    """What was measured: a row for each target, each view, failures beside the latency; the ladder too."""
    runs = answer.runs
    found = summarise(runs)
    columns = {CACHED: [None if one.hit_ratio is None else units.percent(one.hit_ratio) for one in found.values()],
               VISIT: [_visit([run for run in runs if cell_of(run) == cell]) for cell in found],
               BEHIND: [_behind([run for run in runs if cell_of(run) == cell]) for cell in found]}
    more = {name: said for name, said in columns.items() if any(one is not None for one in said)}
    heads = (*HEADINGS, *more)
    rows = [(*_row(one), *("–" if cells[i] is None else cells[i] for cells in more.values()))
            for i, one in enumerate(found.values())]
    beware = list(dict.fromkeys(text for one in found.values() for text in one.warnings))
    drawn = len({run.stage for run in runs if run.variant is None}) > 1
    picture = plots.ladder(runs, course, recorded=bool(label))._repr_html_() if drawn else ""
    text = "\n".join("  ".join(f"{cell:>14}" for cell in row) for row in [heads, *rows])
    return Shown("\n".join([text, *(f"Beware: {one}" for one in beware)]),
                 f"{_table(heads, rows)}{picture}{_beware(beware)}", label, answer)


def compared(answer: Compared, course: Course, label: str = "") -> Shown:
    """What a race of two sides came to: the verdict, both sides' figures, everything in which they differ."""
    contrast, found, runs = answer.contrast, answer.differences, answer.runs
    one = contrast_result(contrast, found, runs)
    if one is None:
        return Shown("Nothing was measured.", "<p>Nothing was measured.</p>", label, answer, ok=False)
    rows = [(row.name, row.a, row.b, row.ratio) for row in told.figures(one)]
    sides = (contrast.a, contrast.b) if contrast.a != contrast.b else (contrast.view, contrast.b_view or contrast.view)
    heads = ("", *sides, "ratio (95 % interval)")
    differences = [told.shown(each) for each in found]
    picture = plots.forest([one], runs, course, recorded=bool(label))._repr_html_()
    items = "".join(f"<li><code>{html.escape(each)}</code></li>" for each in differences)
    said = differing(contrast, found)
    body = (f"<p><strong>{html.escape(one.rps.verdict)}</strong></p>{_table(heads, rows)}{picture}"
            f"<details><summary>{html.escape(said)}</summary><ul>{items}</ul></details>{_beware(one.warnings)}")
    text = "\n".join([one.rps.verdict, *("  ".join(f"{cell:>22}" for cell in row) for row in [heads, *rows]), said,
                      *(f"  {each}" for each in differences), *(f"Beware: {each}" for each in one.warnings)])
    return Shown(text, body, label, answer)


def known(answer: PastContrast, course: Course, label: str = "") -> Shown:
    """A contrast that was measured before, with its title and the day; without any run, how to make some."""
    one = answer.contrast
    said = f"{one.title}: {compare.described(one)}."
    if not answer.runs:
        other = f" --b-view {one.b_view}" if one.b_view else ""
        return output.text(f"{said} Nobody has measured it yet. In a terminal, once both are there:\n"
                          f"./lab compare {one.a} {one.b} --view {one.view}{other}", label, answer)
    said = f"{said} Measured on {answer.when}, in session {answer.session}."
    found = compared(answer, course, label or answer.label)
    return replace(found, text=f"{said}\n{found.text}", body=f"<p>{html.escape(said)}</p>{found.body}")


def during(answer: MeasuredDuring, label: str = "") -> Shown:
    """A load with a command in the middle of it: what failed by name, the longest wait, and both over time."""
    run, done = answer.run, answer.done
    longest = max((one for one in answer.bins if one.longest_ms), key=lambda one: one.longest_ms or 0.0, default=None)
    rows = [("failed", describe.failures(run.errors, run.n_sent)),
            ("never sent", f"{run.n_unsent:,} of {run.n_due:,} that were due") if run.n_unsent else None,
            ("p50, p99", f"{units.ms(run.latency_ns['p50'])}, {units.ms(run.latency_ns['p99'])}"),
            ("the longest wait", f"{units.three_figures(longest.longest_ms)} ms, of who asked after "
                                 f"{units.seconds(longest.from_s)}") if longest else None,
            ("the command", answer.command),
            ("it ran", f"from {units.seconds(answer.began_s)} to {units.seconds(answer.ended_s)}, "
                       f"exit {done.status}")]
    lines = [row for row in rows if row]
    picture = plots.during(run, answer.bins, answer.began_s, answer.ended_s, recorded=bool(label))
    cells = "".join(f'<tr><th style="text-align:left">{name}</th><td style="text-align:left">{html.escape(said)}</td>'
                    "</tr>" for name, said in lines)
    out = f"<pre>{html.escape(done.out.rstrip())}</pre>" if done.out.strip() else ""
    text = "\n".join([*(f"{name + ':':18} {said}" for name, said in lines), *done.out.rstrip().splitlines()])
    return Shown(text, f"<table>{cells}</table>{out}{picture._repr_html_()}", label, answer, done.ok)


def _row(one: Summary) -> tuple[str, ...]:
    spread = f" ({units.three_figures(one.rps_range[0])} to {units.three_figures(one.rps_range[1])})" \
        if one.rps_range else ""
    cpu, unit = one.server_cpu_per_request_s, "visits" if one.requests_per_visit is not None else "requests"
    return (f"{describe.target(one.cell.stage, one.cell.variant)}, {one.cell.view} c={one.cell.concurrency}",
            f"{units.rate(one.rps, unit)}{spread}", units.ms(one.latency_ns["p50"]), units.ms(one.latency_ns["p99"]),
            f"{one.n_failed:,} of {one.n_sent:,}", "–" if cpu is None else f"{cpu * 1000:.2f} ms a {unit[:-1]}",
            units.size(one.server_pss_bytes) if one.server_pss_bytes else "–")


def _visit(runs: list[Run]) -> str | None:
    """What visits were, in words; None where no visitor came."""
    return describe.noted(runs) if runs[0].unit == "visits" else None


def _behind(runs: list[Run]) -> str | None:
    """What database and cache were asked, in words; None where nobody counted, or where it is told with the visit."""
    return None if runs[0].unit == "visits" else describe.behind(runs) or None


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    def line(cells, tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    return f"<table><thead>{line(heads, 'th')}</thead><tbody>{''.join(line(row, 'td') for row in rows)}</tbody></table>"


def _beware(texts: list[str]) -> str:
    return "".join(f"<p>Beware: {html.escape(text)}</p>" for text in texts)
