"""The report of a session: one HTML file that says what each step changed, and how it was measured."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from deploylab.core import paths, units
from deploylab.core.files import explained, replace
from deploylab.course import Course
from deploylab.load import explain
from deploylab.report import content, headlines, sentences
from deploylab.results import Session, describe

TEMPLATES = Path(__file__).parent


def write(session: Session, course: Course) -> Path:
    """Write `report.html` into the session's folder and return its path.

    That of a recorded session is written among one's own results, in a folder of the same name: the clone that it came
    with may be another person's, or read-only.

    The file is self-contained: its style and its plots are in it, and it loads nothing from elsewhere.
    It uses only runs of the interleaved rounds, and says so if the session is not finished.

    Raises:
        ResultsError: the results cannot be read, or the report not written.

    Example:
        >>> write(results.latest(), course.load())                  # doctest: +SKIP
        PosixPath('results/2026-11-23_190512_ab12/report.html')
    """
    folder = paths.results_dir() / "recorded" / session.id if session.recorded else session.folder
    page = html(session, course).encode()
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        replace(folder / "report.html", page)
    return folder / "report.html"


def html(session: Session, course: Course) -> str:
    """The report as text of an HTML page. Args and Raises: as `write`."""
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined,
                              trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(
        ms=units.ms, rate=units.rate, size=units.size, seconds=units.seconds, factor=units.factor,
        interval=units.interval, percent=units.percent, failures=describe.failures, explain=explain,
        half_width=units.half_width, count=units.count, span=sentences.span, cpu=units.cpu, pair=sentences.pair,
        expected_false=headlines.expected_false,
    )
    environment.globals.update(show_ms=units.ms, show_rate=units.rate, show_cpu=units.cpu, show_size=units.size)
    return environment.get_template("report.html.j2").render(vars(content.collect(session, course)))
