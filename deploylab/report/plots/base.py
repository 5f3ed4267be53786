"""What all plots share: their look, one colour and marker per stage, and the class `Plot`."""

import base64
import hashlib
import html
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from deploylab.core import units
from deploylab.course import Course
from deploylab.load import in_doubt
from deploylab.results import describe
from deploylab.results.record import Run

INK = "#1b1b1f"    # in the SVG it becomes the colour of the text around it, light or dark
GRID = "#c9c9cf"   # in the SVG it becomes --grid, where the page sets one
PANEL_WIDTH_IN = 4.7
# A notebook shows every plot as wide as its cell. All are drawn 9 inches wide for that, so their letters have one size:
# of ten points, 11 pixels in a cell of 700, 19 in one of 1200. 220 dots per inch are two for each pixel of a wide cell.
CELL_WIDTH_IN = 9.0
CELL_DPI = 220
CELL_WIDTH_PX = round(CELL_WIDTH_IN * CELL_DPI)  # no wider than this, or the picture would be blurred
LOOK = {
    "font.size": 10, "axes.titlesize": 11,
    "axes.edgecolor": GRID, "axes.labelcolor": INK, "axes.spines.top": False, "axes.spines.right": False,
    "axes.spines.left": False, "axes.grid": True, "axes.grid.axis": "x", "axes.axisbelow": True,
    "grid.color": GRID, "grid.linewidth": 0.6, "text.color": INK, "xtick.color": INK, "ytick.color": INK,
    "axes.facecolor": "none", "legend.frameon": False, "svg.fonttype": "none", "figure.dpi": 100,
}
# Okabe and Ito's colours, told apart by people who see red and green alike.
# Source: M. Okabe, K. Ito, "Color Universal Design", 2008. Their yellow and black vanish on white or on dark.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C8C8C")
# The lengths of the two have no common divisor: 7 x 13 = 91 pairs before one comes again.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", "p", ">", "d", "h")
STYLES = tuple(zip(COLOURS, MARKERS, strict=False))  # for what has no more than seven of its kind
UNKNOWN = (COLOURS[-1], ".")                          # a stage that this course does not have


@dataclass(frozen=True)
class Plot:
    """A plot. `svg` and `png` are rendered on first use.

    Args:
        name: a word for file names and identifiers.
        title: what it shows, without numbers.
        how_to_read: what the marks mean.
        measured: the load, the number of runs, the machine, and what is in doubt.
        alt: what it shows, with numbers, for people who cannot see it.
        data: the same numbers as a table; the first row has the column heads; () for none.
    """

    name: str
    title: str
    how_to_read: str
    measured: str
    alt: str
    figure: Figure
    data: tuple[tuple[str, ...], ...] = ()

    @property
    def caption(self) -> str:
        return f"{self.how_to_read} {self.measured}"

    @property
    def folded_caption(self) -> str:
        """The caption as HTML: its first sentence, the rest folded behind it."""
        first, _, rest = self.how_to_read.partition(". ")
        details = html.escape(sentence(rest, self.measured))
        return (f"{html.escape(first.removesuffix('.'))}."
                f"<details><summary>How to read it, how it was measured</summary>{details}</details>")

    @property
    def table(self) -> str:
        """The data as a folded HTML table; empty if there are none."""
        if not self.data:
            return ""
        rows = ["".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row)
                for tag, row in zip(["th", *["td"] * len(self.data)], self.data, strict=False)]
        return f"<details><summary>The numbers</summary><table><tr>{'</tr><tr>'.join(rows)}</tr></table></details>"

    @property
    def markdown_table(self) -> str:
        """The data as a Markdown table; empty if there are none."""
        if not self.data:
            return ""
        head, *rows = (f"| {' | '.join(row)} |" for row in self.data)
        return "\n".join([head, f"|{' --- |' * len(self.data[0])}", *rows])

    @cached_property
    def svg(self) -> str:
        """An `<svg>` element for an HTML page; several of them on one page do not conflict."""
        return _inline(_render(self.figure, "svg").decode(), self.name, self.alt)

    @cached_property
    def png(self) -> bytes:
        """The same as PNG on white, drawn for the width of a notebook's cell: `CELL_WIDTH_PX` pixels."""
        return _render(self.figure, "png")

    def _repr_html_(self) -> str:
        """How a notebook shows it: the picture with its alternative text and its caption."""
        data = base64.b64encode(self.png).decode()
        # The styles stand in the element: JupyterLab and the site both keep them. A browser's own margin of a figure is
        # 40 pixels on each side.
        return (f'<figure style="margin:.5rem 0"><img style="width:100%;max-width:{CELL_WIDTH_PX}px" '
                f'alt="{html.escape(self.alt, quote=True)}" src="data:image/png;base64,{data}">'
                f"<figcaption>{self.folded_caption}</figcaption></figure>{self.table}")


def style(course: Course, stage: str) -> tuple[str, str]:
    """The colour and the marker of a stage: by its place in the course, so they never depend on the data.

    No other of the first 91 stages and references has the same two.
    """
    names = [each.stage for each in (*course.stages, *course.references)]
    if stage not in names:
        return UNKNOWN
    place = names.index(stage)
    return COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]


def panels(n: int, n_rows: Sequence[int], columns: int, extra_in: float = 0.95) -> tuple[Figure, list[Axes]]:
    """A figure of n panels, side by side in columns, each as tall as its rows need.

    Args:
        n_rows: how many rows each panel has, shape (n,).
        extra_in: height of title and axis in inches.
    """
    columns = max(1, min(columns, n))
    lines = -(-n // columns)
    heights = [max(n_rows[i * columns:(i + 1) * columns]) * 0.42 + extra_in for i in range(lines)]
    with matplotlib.rc_context(LOOK):
        figure = Figure(figsize=(PANEL_WIDTH_IN * columns, sum(heights)), layout="constrained")
        grid = figure.subplots(lines, columns, squeeze=False, gridspec_kw={"height_ratios": heights})
    axes = [ax for row in grid for ax in row]
    for ax in axes[n:]:
        ax.set_visible(False)
    return figure, axes[:n]


def rows(ax: Axes, left: Sequence[str], right: Sequence[str]) -> None:
    """Label the rows of a panel, from the top: the name on the left, the figure on the right."""
    ax.set_ylim(len(left) - 0.5, -0.5)
    ax.set_yticks(range(len(left)), left)
    ax.tick_params(axis="y", length=0, pad=9)
    beside = ax.secondary_yaxis("right")
    beside.set_yticks(range(len(right)), right)
    beside.tick_params(axis="y", length=0, labelcolor=INK)
    beside.spines["right"].set_visible(False)


def label(ax: Axes, title: str, x: str) -> None:
    """Set the panel's title and the label of its axis, with the unit."""
    ax.set_title(title, loc="left", weight="bold", pad=8)
    ax.set_xlabel(f"{x} (log scale)" if ax.get_xscale() == "log" else x)


def plain_ticks(ax: Axes) -> None:
    """Plain numbers along the axis, never in scientific notation."""
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.10g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())


def plain_log_y(ax: Axes) -> None:
    """A logarithmic y axis with plain numbers; also at 2 and 5, so that a short axis has numbers too."""
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:,.10g}"))


def dots(ax: Axes, x: Sequence[float], y: Sequence[float], runs: Sequence[Run], colour: str, marker: str) -> None:
    """One small mark per run; hollow if the load generator put the run in doubt."""
    for hollow in (False, True):
        mine = [(a, b) for a, b, run in zip(x, y, runs, strict=True) if in_doubt(run.flags) == hollow]
        if mine:
            ax.plot(*zip(*mine, strict=True), marker, ms=4.5, mec=colour, mew=0.9, ls="none", alpha=0.8,
                    mfc="none" if hollow else colour)


def mean(ax: Axes, x: float, ci95: tuple[float, float] | None, y: float, colour: str, marker: str,
         hollow: bool = False) -> None:
    """One large mark for all runs, with the interval of their mean; hollow if most runs are in doubt."""
    if ci95:
        ax.plot(ci95, (y, y), color=INK, lw=1.6, solid_capstyle="butt", marker="|", ms=7, zorder=3)
    ax.plot(x, y, marker, ms=8, mfc="none" if hollow else colour, mec=colour if hollow else INK, mew=0.8, ls="none",
            zorder=4, clip_on=False)


def mostly_doubtful(runs: Sequence[Run]) -> bool:
    """Whether at least half of the runs are in doubt; then their mean is drawn hollow too."""
    return 2 * sum(in_doubt(run.flags) for run in runs) >= len(runs) > 0


def hollow_note(runs: Sequence[Run]) -> str:
    """Why some runs are drawn hollow, in words; empty if none is."""
    by_target: dict[str, list[Run]] = {}
    for run in runs:
        if in_doubt(run.flags):
            by_target.setdefault(describe.target(run.stage, run.variant), []).append(run)
    if not by_target:
        return ""
    reasons = "; ".join(f"{name}: {', '.join(_reasons(group))}" for name, group in by_target.items())
    return f"Hollow marks are in doubt ({reasons})."


def _reasons(runs: Sequence[Run]) -> list[str]:
    return list(dict.fromkeys(describe.flag(flag) for run in runs for flag in run.flags if in_doubt([flag])))


def n_cpu(runs: Sequence[Run]) -> int:
    """The processors of the machine that the runs are of; 1 where they do not say."""
    return runs[0].machine.get("n_cpu") or 1


def measured_as(runs: Sequence[Run], recorded: bool = False) -> str:
    """The end of a caption: load, number of runs, machine."""
    machines = " and ".join(dict.fromkeys(describe.machine(run.machine) for run in runs))
    mark = "RECORDED, not measured here. " if recorded else ""
    return f"{mark}Load: {describe.loads(runs)}. {units.count(len(runs), 'run')}. Machine: {machines}."


def mark_recorded(figure: Figure) -> None:
    """Write on the figure itself that it was not measured here, because it may be shown without its caption."""
    figure.text(0.985, 0.975, "RECORDED", ha="right", va="top", fontsize=9, weight="bold", color=INK,
                bbox={"facecolor": "none", "edgecolor": INK, "lw": 0.8, "pad": 2.5})


def sentence(*parts: str) -> str:
    """The parts that are not empty, as one text."""
    return " ".join(part for part in parts if part)


def _render(figure: Figure, kind: str) -> bytes:
    out, width_in = io.BytesIO(), figure.get_figwidth()
    with matplotlib.rc_context({**LOOK, "svg.hashsalt": "deploylab"}):
        if kind == "svg":
            figure.savefig(out, format="svg", transparent=True,
                           metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
        else:
            figure.set_figwidth(CELL_WIDTH_IN)
            figure.savefig(out, format="png", dpi=CELL_DPI, facecolor="white")
            figure.set_figwidth(width_in)
    return out.getvalue()


def _inline(svg: str, name: str, alt: str) -> str:
    """A matplotlib SVG prepared for an HTML page: small, in the page's colours, with unique ids."""
    svg = svg[svg.index("<svg"):]
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg, flags=re.S)
    svg = svg.replace("xlink:href=", "href=")
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', svg))
    svg = re.sub(r' id="([^"]+)"', lambda match: match[0] if match[1] in used else "", svg)
    own = f"{name}-{hashlib.sha256((svg + alt).encode()).hexdigest()[:6]}-"
    svg = re.sub(r' id="', f' id="{own}', svg)
    svg = re.sub(r'(href="|url\()#', rf"\1#{own}", svg)
    svg = re.sub(r"<[^>]+>", lambda tag: re.sub(r"(\d+\.\d\d)\d+", r"\1", tag[0]), svg)  # coordinates, never the text
    svg = re.sub(r"(\d+(?:\.\d+)?px) (?:'[^']*',? ?)+[^;\"]*", r"\1 system-ui, sans-serif", svg)
    svg = svg.replace(INK, "currentColor").replace(GRID, f"var(--grid, {GRID})")
    svg = re.sub(r"\s*\n\s*", "\n", svg).replace("<defs/>\n", "").strip()
    width, height = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg).groups()
    label = html.escape(alt, quote=True)
    return re.sub(r"<svg[^>]*>", f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
                                 f'role="img" aria-label="{label}">', svg, count=1)
