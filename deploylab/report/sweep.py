"""What a sweep says: the answer first, then every load it tried, as lines for a terminal and as a page."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deploylab.core import units
from deploylab.core.files import explained
from deploylab.core.files import replace as replace_file
from deploylab.core.units import NS_PER_MS
from deploylab.course import Course
from deploylab.load.spec import CLOSED, OPEN
from deploylab.report import plots
from deploylab.results import Session, stats
from deploylab.results.record import SWEEP


@dataclass(frozen=True, kw_only=True)
class Swept:
    """What a sweep found.

    Attributes:
        closed, arrivals: the levels of both loops, the smallest load first.
    """

    target: str
    view: str
    limit_ns: int
    closed: tuple[stats.Level, ...]
    arrivals: tuple[stats.Level, ...]
    knee: stats.Knee
    carried: stats.Capacity

    def to_json(self) -> dict[str, Any]:
        """What `--json` prints of it."""
        at = self.carried.level
        return {
            "stage": self.target, "view": self.view, "limit_ms": self.limit_ns / NS_PER_MS,
            "carries_per_s": at.load if at else None, "answer": self.carried.text,
            "knee_clients": int(self.knee.level.load) if self.knee.level and self.knee.observed else None,
            "peak_observed": self.knee.observed, "knee": self.knee.text,
            "closed": [_as_json(level, "clients") for level in self.closed],
            "open": [_as_json(level, "rate_per_s") for level in self.arrivals],
        }


def swept(session: Session) -> Swept:
    """What a session of `sweep` says so far."""
    plan, runs = session.plan, session.runs(SWEEP)
    closed, arrivals = (tuple(stats.levels(runs, mode)) for mode in (CLOSED, OPEN))
    limit_ns = int(plan["limit_ms"] * NS_PER_MS)
    return Swept(target=plan["target"], view=plan["view"], limit_ns=limit_ns, closed=closed, arrivals=arrivals,
                 knee=stats.knee(closed), carried=stats.capacity(arrivals, limit_ns))


def lines(found: Swept) -> list[str]:
    """What was found, for a person: the answer first."""
    out = [f"{found.target}, {found.view}: {found.carried.text}", found.knee.text]
    for title, some in (("clients", found.closed), ("due a second", found.arrivals)):
        if some:
            out += ["", f"  {title:>12}  {'answered (range)':>28}  {'p50':>9}  {'p95':>9}  {'p99':>9}  failed"]
            out += [_line(level) for level in some]
    return out


def write(session: Session, course: Course) -> Path:
    """The page of a sweep, `sweep.md` in its folder: the answer, the plots as SVG and PNG, their numbers as tables.

    Raises:
        ResultsError: it cannot be written.
    """
    found, runs = swept(session), session.runs(SWEEP)
    drawn = [plots.over_clients(runs, course, recorded=session.recorded)] if found.closed else []
    drawn += [plots.over_rates(runs, course, found.limit_ns, recorded=session.recorded)] if found.arrivals else []
    text = [f"# {found.target}, {found.view}: how much it carries", found.carried.text, found.knee.text]
    with explained(session.folder):
        for plot in drawn:
            replace_file(session.folder / f"{plot.name}.svg", plot.svg.encode())
            replace_file(session.folder / f"{plot.name}.png", plot.png)
            text += [f"## {plot.title}", f"![{plot.alt}]({plot.name}.png)", plot.caption, plot.markdown_table]
        replace_file(session.folder / "sweep.md", ("\n\n".join(text) + "\n").encode())
    return session.folder / "sweep.md"


def _line(level: stats.Level) -> str:
    one = level.summary
    between = " ({} to {})".format(*map(units.three_figures, one.rps_range)) if one.rps_range else ""
    doubt = f"  [{', '.join(one.flags)}]" if one.flags else ""
    return (f"  {level.load:>12,.4g}  {units.rate(one.rps) + between:>28}  "
            + "".join(f"{units.ms(level.latency_ns[p]):>9}  " for p in ("p50", "p95", "p99"))
            + f"{units.percent(one.failure_share)}{doubt}")


def _as_json(level: stats.Level, name: str) -> dict[str, Any]:
    summary = asdict(level.summary)
    keys = ("n_runs", "rps", "rps_range", "n_sent", "errors", "server_cpu_per_request_s", "flags",
            "warnings")
    return {name: level.load, "latency_ns": level.latency_ns, **{key: summary[key] for key in keys}}
