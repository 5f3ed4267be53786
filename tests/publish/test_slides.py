"""slides: both decks say the same things, with a session's own numbers, and every slide fits its stage in a browser."""

import json
import re
import shutil
import tomllib
from html.parser import HTMLParser
from pathlib import Path

import pytest
import synthetic
from typer.testing import CliRunner

from deploylab import course as courses
from deploylab.cli import publishing, with_commands
from deploylab.core import paths, units
from deploylab.core.errors import DeckError, ResultsError
from deploylab.publish import slides
from deploylab.publish.slides import deck as deck_file
from deploylab.publish.slides import language
from deploylab.publish.slides.language import Language
from deploylab.publish.slides.measured import SessionResults
from deploylab.report import contrasts
from deploylab.results import Session, describe
from tests import jupyter

DECKS = {code: deck_file.read(slides.FOLDER / f"deploy.{code}.md") for code in slides.LANGUAGES}
RECORDED = sorted((paths.ROOT / "results" / "recorded").glob("*/session.json"))[-1].parent
STAGE = {"width": 1280, "height": 720}

NUMBERS = {
    "1.06": "1,06", "1,420/s": "1420/s", "12,400/s": "12\u202f400/s", "3.13.5": "3.13.5",
    "26 of 372 failed (7 %): 26 http_5xx": "fallaron 26 de 372 (7 %): 26 http_5xx",
    "20 % fewer requests per second (15 to 25 %)": "un 20 % menos de peticiones por segundo (del 15 al 25 %)",
    "2.1 times as many visits per second (1.9 to 2.3)": "2,1 veces las visitas por segundo (de 1,9 a 2,3)",
    "no difference seen (within 6 %)": "no se ve diferencia (menos de un 6 %)",
}

# What does not fit: beyond the slide's edges, or over the footer. `.page` cuts nothing off, so boxes tell.
WALK = """() => {
const faults = () => {
    const slide = Reveal.getCurrentSlide(), page = slide.querySelector('.page'), out = [];
    const edge = page.getBoundingClientRect(), foot = slide.querySelector('footer').getBoundingClientRect();
    for (const one of page.querySelectorAll('header *, .body, .body *, footer, .not-measured')) {
        if (one.closest('svg') && one.tagName !== 'text') continue;
        const box = one.getBoundingClientRect();
        if (!box.width) continue;
        const bottom = one.tagName === 'FOOTER' || foot.height === 0 ? edge.bottom : foot.top;
        if (box.left < edge.left - 1 || box.right > edge.right + 1 || box.top < edge.top - 1 || box.bottom > bottom + 1)
            out.push(`${one.tagName} to ${box.right}, ${box.bottom}: ${one.textContent.trim()}`);
        if (one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).overflowX !== 'visible')
            out.push(`${one.tagName} is cut off`);
    }
    for (const one of slide.querySelectorAll('figure')) {
        const box = one.querySelector('svg').getBoundingClientRect();
        if (box.width < 300 || box.height < 150) out.push(`a figure of ${box.width} x ${box.height}`);
    }
    for (const one of slide.querySelectorAll('img')) if (!one.naturalWidth) out.push(`${one.src} is missing`);
    return {key: slide.id, out};
};
return Array.from({length: Reveal.getTotalSlides()}, (_, number) => { Reveal.slide(number); return faults(); });
}"""


class Addresses(HTMLParser):
    """Whatever a page may fetch."""

    def __init__(self):
        super().__init__()
        self.all: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.all += [value for name, value in attrs if name in ("src", "href", "xlink:href", "srcset", "data")]


@pytest.fixture(scope="module")
def course():
    return courses.load()


@pytest.fixture(scope="module")
def own_results(tmp_path_factory):
    """A folder of results with the recorded session, for what is written."""
    folder = tmp_path_factory.mktemp("results")
    shutil.copytree(RECORDED, folder / "recorded" / RECORDED.name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEPLOYLAB_RESULTS", str(folder))
        yield folder


@pytest.fixture(scope="module")
def measured(own_results, course):
    return SessionResults(Session.open(RECORDED.name), course)


@pytest.fixture(scope="module")
def said():
    """Every text that a deck of the module asked Spanish for."""
    return set()


@pytest.fixture(scope="module")
def decks(own_results, said):
    """What `./lab slides --json` says: both decks written once, of the recorded session."""
    whole = Language.say

    def say(self, text):
        said.add((self.code, text))
        return whole(self, text)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Language, "say", say)
        return json.loads(CliRunner().invoke(with_commands(), ["slides", "--json"]).stdout)


@pytest.fixture(scope="module")
def pages(decks):
    """Both decks as HTML, by language."""
    return {code: Path(path).read_text(encoding="utf-8") for code, path in decks["decks"].items()}


@pytest.fixture
def deck(tmp_path):
    """Write a deck of one slide with this body; gives back its path."""
    def write(body: str):
        path = tmp_path / "deck.en.md"
        first = "<!-- first -->\n## First\n\nText\n\nNote:\nA word.\n\n---\n"
        path.write_text(f"{first}<!-- one -->\n## A title\n\n{body}\n")
        return path

    return write


def test_both_decks_have_the_same_slides_and_fill_in_the_same():
    for english, spanish in zip(DECKS["en"], DECKS["es"], strict=True):
        assert (english.key, english.kind, english.points) == (spanish.key, spanish.kind, spanish.points)
        assert english.placeholders == spanish.placeholders, english.key
        assert english.notes.strip() and spanish.notes.strip(), f"{english.key}: the speaker has nothing to say"


def test_every_point_of_the_talk_is_made():
    points = tomllib.loads((slides.FOLDER / "points.toml").read_text(encoding="utf-8"))
    assert {point for slide in DECKS["en"] for point in slide.points} == set(points)


@pytest.mark.parametrize(("body", "line", "what"), [
    ("\n{{ rates(1) }}", 14, "there is no 'rates'"),
    ('{{ rate("nowhere", "page", 10) }}', 13, "no stage 'nowhere'"),
    ('{{ rate("runserver", "nothing", 10) }}', 13, "no view 'nothing'"),
    ('{{ rate("runserver") }}', 13, "missing"),
    ("{{ rate(runserver) }}", 13, "malformed"),
    ("{{ rate }}", 13, "no placeholder"),
    ('{{ contrast("luck") }}', 13, "no contrast 'luck'"),
    ('{{ contrast("threads", "beauty") }}', 13, "beauty"),
    ('{{ picture("slides/pictures/none.svg") }}', 13, "No such file"),
    ('{{ code("LICENSE", "no such line") }}', 13, "no line of LICENSE"),
    ('{{ during("09_release", "supervisorctl") }}', 13, "2 answers"),
    ("Text\n\nNote:\n\n{{ rates(1) }}", 17, "there is no 'rates'"),
])
def test_a_wrong_placeholder_is_named_with_its_line(deck, measured, body, line, what):
    with pytest.raises(DeckError, match=rf"deck\.en\.md, line {line}: .*{re.escape(what)}"):
        slides.html("en", measured, deck(body))


@pytest.mark.parametrize(("text", "what"), [
    ("## No key\n", "begins with its key"), ("<!-- one -->\nno title\n", "has no title"),
    ("<!-- one -->\n## A\n---\n<!-- one -->\n## B\n", "line 4: there is a slide 'one' already"),
])
def test_a_slide_needs_a_key_of_its_own_and_a_title(tmp_path, text, what):
    (tmp_path / "deck.md").write_text(text)
    with pytest.raises(DeckError, match=what):
        deck_file.read(tmp_path / "deck.md")


def test_what_a_session_has_not_measured_is_said_in_place_of_a_number(own_results, deck):
    two = synthetic.the_course("runserver", "nginx")
    session = Session.create(kind="run", machine=synthetic.MACHINE)
    for run in synthetic.rounds(two):
        session.append(run)
    measured = SessionResults(session, courses.load())
    for body in ('{{ rate("apache", "page", 10) }} and {{ rate("nginx", "page", 10) }}', '{{ contrast("threads") }}',
                 '{{ bought("edge") }}', '{{ forest("edge", "varnish") }}', '{{ ladder("many", 10) }}'):
        page = slides.html("en", measured, deck(body))
        slide = page[page.index('<section id="one"'):page.index("</section>", page.index('<section id="one"'))]
        assert "Not measured in this session: " in slide and "<footer></footer>" in slide
        assert not re.search(r"\d/s|<figure|<table|class=\"recorded\"", slide), slide
    assert "No se ha medido en esta sesión: apache, page, 10 clientes." in slides.html(
        "es", measured, deck('{{ rate("apache", "page", 10) }}'))
    shown = slides.html("en", measured, deck('{{ rate("nginx", "page", 10) }} {{ order() }}'))
    assert f"Session {session.id}." in shown and 'class="recorded"' not in shown, "it is one's own"


def test_slides_say_what_the_report_says(pages, measured, course):
    in_report = contrasts.collect(measured.session.plan, measured.pairs, course, True).each
    placed = {measured.contrast(name).contrast.name for name in
              re.findall(r'\{\{ contrast\("([\w-]+)"', " ".join(one.body for one in DECKS["en"]))}
    assert placed <= {one.name for one in in_report}
    for one in in_report:
        if one.name in placed:
            assert one.verdict.partition(" (")[0] in pages["en"], one.name
            assert all(row.a in pages["en"] and row.b in pages["en"] for row in one.figures[:1])
    for step in measured.steps:
        if step.main.ratio and step.main.ci95[0] > 1:
            assert f"▲ {units.factor(step.main.ratio)}" in pages["en"]


def test_each_language_writes_numbers_its_own_way(pages, measured):
    rps = measured.cell("runserver", "page", 10).rps
    assert units.rate(rps) in pages["en"]
    assert units.rate(rps).replace(".", ",") in pages["es"] and units.rate(rps) not in pages["es"]
    spanish = language.read("es", slides.FOLDER)
    for text, translation in NUMBERS.items():
        assert spanish.say(text) == translation
        assert language.ENGLISH.say(text) == text


def test_nothing_that_was_measured_stays_english_in_the_spanish_deck(pages, said, course, measured):
    processor = language.WORD.findall(measured.session.plan["machine"]["cpu"])  # as its maker calls it
    spanish = language.read("es", slides.FOLDER, [*slides.own_words(course), *processor])
    assert len(said) > 200
    assert not {text: left for code, text in said if code == "es" and (left := spanish.unsaid(text))}
    assert not set(spanish.texts) & set(slides.own_words(course)), "a name that is typed is the same in each language"


def test_what_another_session_may_say_has_its_spanish_too(course):
    spanish = language.read("es", slides.FOLDER, slides.own_words(course))
    texts = [*describe.FLAGS.values(), "none seen", "no ratio", "one pair: no interval", "within a factor of 2.5",
             "12 % more", "A: all failed", "all 50 failed", "cache: 2 % failed; edge: in doubt", "82 % from a cache",
             describe.change(1.7, None), describe.change(1.2, (1.1, 1.3), unit="visits"),
             describe.failures({"reset": 3}, 900)]
    assert {text: left for text in texts if (left := spanish.unsaid(text))} == {}


def test_a_deck_asks_for_nothing_from_anywhere(pages):
    for page in pages.values():
        addresses = Addresses()
        addresses.feed(page)
        assert addresses.all and all(address.startswith(("data:", "#")) for address in addresses.all)
        style = " ".join(re.findall(r"<style>(.*?)</style>", page, re.DOTALL))
        assert "@import" not in style and not re.search(r"url\((?!['\"]?data:)", style)


def test_the_newest_session_is_asked_for_by_a_word(tmp_path, monkeypatch):
    monkeypatch.setenv("DEPLOYLAB_RESULTS", str(tmp_path))
    Session.create(kind="measure")
    with pytest.raises(ResultsError, match="There are no results of `./lab run` yet"):
        publishing.slides("newest")
    session = Session.create(kind="run")
    Session.create(kind="compare")
    publishing.slides("newest")
    assert {path.parent.name for path in (session.folder / "slides").glob("*/index.html")} == set(slides.LANGUAGES)


def test_the_recorded_session_is_left_as_it_ships(decks, own_results):
    assert decks["session"] == RECORDED.name and set(decks["decks"]) == set(slides.LANGUAGES)
    assert {path.name for path in (own_results / "recorded" / RECORDED.name).iterdir()} == {
        path.name for path in RECORDED.iterdir()}


@pytest.mark.slow
def test_every_slide_fits_and_shows_in_a_browser(decks):
    with jupyter.browser() as page:
        page.set_viewport_size(STAGE)
        requests, failed = [], []
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: failed.append(message.text) if message.type == "error" else None)
        for code, path in decks["decks"].items():
            page.goto(f"file://{path}")
            page.wait_for_function("window.Reveal && Reveal.isReady()")
            shown = page.evaluate(WALK)
            assert [slide["key"] for slide in shown] == [slide.key for slide in DECKS[code]]
            assert [slide for slide in shown if slide["out"]] == [], code
        assert not page.complaints and not failed
        assert {url.partition("//")[0] for url in requests} <= {"file:", "data:,"}
        assert len(requests) >= len(decks["decks"])
