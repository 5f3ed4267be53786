"""The talk as slides: a source in each language, its figures and numbers from one session, one HTML file each.

    slides/deploy.LANGUAGE.md ─▶ slides ─▶ placeholders filled ─▶ Markdown ─▶ deck.html.j2 ─▶ …/LANGUAGE/index.html
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt

from deploylab.core import paths
from deploylab.core.files import explained, replace
from deploylab.course import Course
from deploylab.publish.slides import deck, language
from deploylab.publish.slides.deck import NotMeasured, Slide
from deploylab.publish.slides.language import Language
from deploylab.publish.slides.measured import SessionResults
from deploylab.publish.slides.placeholders import Draw, Placeholders
from deploylab.results import Session

LANGUAGES = ("en", "es")
FOLDER = paths.ROOT / "slides"
REVEAL = FOLDER / "reveal"
TEMPLATES = Path(__file__).parent
COLUMN = "\n+++\n"  # in a slide's body: begins the next column


@dataclass(frozen=True)
class Sheet:
    """What the template shows of a slide; its texts are HTML."""

    key: str
    kind: str
    title: str
    missing: str                    # what the session has not measured, in words; "" if nothing is missing
    columns: list[str]
    notes: str
    conditions: list[str]           # under which its figures were measured
    recorded: bool                  # whether one of its figures was not measured here


def write(session: Session, course: Course) -> dict[str, Path]:
    """Write the decks of a session and return their paths, by language.

    They are written into one's own session; those of a recorded session go to `results/slides/`.

    Raises:
        DeckError: a source is wrong; the message names its line.
        ResultsError: the results cannot be read, or a deck not written.

    Example:
        >>> write(results.recorded()[-1], course.load())["es"]         # doctest: +SKIP
        PosixPath('results/slides/es/index.html')
    """
    measured = SessionResults(session, course)
    folder = (paths.results_dir() if session.recorded else session.folder) / "slides"
    written = {code: folder / code / "index.html" for code in LANGUAGES}
    for code, path in written.items():
        with explained(folder):
            path.parent.mkdir(parents=True, exist_ok=True)
            replace(path, html(code, measured).encode())
    return written


def html(code: str, measured: SessionResults, text: Path | None = None) -> str:
    """One deck as the text of an HTML page. It is self-contained, and loads nothing from elsewhere.

    Args:
        code: the language, two letters.
        text: the source; that of the language if None.

    Raises:
        DeckError: see `write`.
    """
    slides = deck.read(text or FOLDER / f"deploy.{code}.md")
    spoken = language.read(code, FOLDER, own_words(measured.course))
    environment = _environment(spoken)
    draw = _draw(environment)
    markdown = MarkdownIt("commonmark", {"html": True}).enable("table")
    shown = [_laid_out(slide, Placeholders(measured, spoken, draw), spoken, markdown) for slide in slides]
    return environment.get_template("deck.html.j2").render(
        code=code, title=slides[0].title.lstrip("# "), slides=shown,
        css=[_style(REVEAL / name) for name in ("reset.css", "reveal.css", "white.css")],
        scripts=[_script(REVEAL / name) for name in ("reveal.js", "notes.js")])


def own_words(course: Course) -> list[str]:
    """Names of stages, variants and views, which are the same in every language."""
    return [*course.app.views, *(part for target in course.all_targets for part in target.name.split(":"))]


def _laid_out(slide: Slide, filler: Placeholders, spoken: Language, markdown: MarkdownIt) -> Sheet:
    """The slide as it is shown. If the session has not measured its figures, it only says so."""
    kind, missing = slide.kind, ""
    try:
        body, notes = (deck.fill(text, filler.names, slide.file, line)
                       for text, line in zip((slide.body, slide.notes), slide.lines, strict=True))
    except NotMeasured as error:
        body, notes, kind = "", "", "missing"
        missing = f"{spoken.say('Not measured in this session')}: {spoken.say(error.what)}."
    return Sheet(key=slide.key, kind=kind, title=markdown.render(slide.title), missing=missing,
                 columns=[markdown.render(column) for column in body.split(COLUMN)], notes=markdown.render(notes),
                 conditions=[] if missing else filler.conditions, recorded=filler.recorded and not missing)


def _environment(spoken: Language) -> Environment:
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined,
                              trim_blocks=True, lstrip_blocks=True)
    environment.filters["say"] = spoken.say
    return environment


def _draw(environment: Environment) -> Draw:
    """A function that renders a part of a slide, without blank lines: one would end HTML in Markdown."""
    def draw(part: str, **shown: Any) -> str:
        text = environment.get_template("deck_parts.html.j2").render(part=part, **shown)
        return "\n".join(line.strip() for line in text.splitlines() if line.strip())

    return draw


def _style(path: Path) -> str:
    """A style sheet without the web fonts that it would load."""
    return re.sub(r"@import[^;]+;", "", path.read_text(encoding="utf-8"))


def _script(path: Path) -> str:
    """A script that can be put into a page: it must not contain the end of its own element."""
    text = re.sub(r"//# sourceMappingURL=\S+", "", path.read_text(encoding="utf-8"))
    return text.replace("</script", r"<\/script").replace("<!--", r"<\!--")
