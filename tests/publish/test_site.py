"""The site: whole in both languages, nothing in it from elsewhere, and a browser's view of it."""

import functools
import http.server
import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import nbformat
import pytest
from bs4 import BeautifulSoup
from conftest import STATE

from deploylab import course as courses
from deploylab.core import paths
from deploylab.core.errors import SiteError
from deploylab.lessons import recording
from deploylab.publish import site
from deploylab.publish.site.still import picture
from tests import jupyter
from tests.notebook_helpers import failures, text_of

PAGES = ["index", *(f"guides/{file.stem}" for file in sorted((paths.ROOT / "guides").glob("*.md"))),
         *(f"notebooks/{lesson.name}" for lesson in courses.load().lessons)]
# What a browser asks for by itself, as soon as it sees the element.
ASKED_FOR = {"script": "src", "img": "src", "source": "src", "iframe": "src", "link": "href", "video": "src",
             "audio": "src", "embed": "src", "object": "data"}
IN_CSS = re.compile(r"""url\(\s*(?:'([^']*)'|"([^"]*)"|([^'")]*))\s*\)|@import\s+["']([^"']+)""")
# Of each chart, its width and that of the cell's output, in pixels.
CHARTS = """[...document.querySelectorAll('.cell_output figure img')].map(
    one => [one.offsetWidth, one.closest('.cell_output').clientWidth])"""
LOOKED_AT = ["index", "guides/guide_II", "notebooks/05_nginx_gunicorn"]

thorough = pytest.mark.thorough  # it executes every lesson, and builds every page in two languages


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """The site, by the command; what was executed for it is kept for the next time."""
    out = tmp_path_factory.mktemp("site") / "site"
    done = subprocess.run([sys.executable, "-m", "deploylab.cli", "site", "--json", "--out", str(out)], cwd=paths.ROOT,
                          capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=900,
                          env={**os.environ, "PYTHONPATH": str(paths.ROOT), "DEPLOYLAB_STATE": str(STATE / "of-site")})
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"site": str(out)}
    return out


@pytest.fixture(scope="module")
def soups(built) -> dict[Path, BeautifulSoup]:
    """Every page of the site, read."""
    return {file: BeautifulSoup(file.read_text(encoding="utf-8"), "html.parser") for file in built.rglob("*.html")}


def lessons_of(soups):
    return {file: soup for file, soup in soups.items() if file.parent.name == "notebooks"}


@thorough
def test_every_guide_and_lesson_is_there_in_both_languages(built, soups):
    for language, folder in site.LANGUAGES.items():
        for page in PAGES:
            soup = soups[built / folder / f"{page}.html"]
            assert soup.html["lang"] == language
            other = soup.select_one(".sidebar-language a")
            assert other["lang"] != language and soup.select_one("article").text.strip()
        listed = {urldefrag(link["href"])[0] for link in soups[built / folder / "index.html"].select(".sidebar-tree a")}
        assert {f"{page}.html" for page in PAGES if page != "index"} == listed
        index = (built / folder / "searchindex.js").read_text(encoding="utf-8")
        assert all(f'"{page}"' in index for page in PAGES)


@thorough
def test_nothing_is_asked_from_elsewhere_and_all_that_is_asked_is_there(built, soups):
    addresses = [(file, element[ASKED_FOR[element.name]]) for file, soup in soups.items()
                 for element in soup.find_all(list(ASKED_FOR)) if element.has_attr(ASKED_FOR[element.name])
                 if "canonical" not in element.get("rel", ())]
    sheets = {file: file.read_text(encoding="utf-8") for file in built.rglob("*.css")}
    sheets |= {file: "\n".join([*(element.text for element in soup.find_all("style")),
                                *(element["style"] for element in soup.find_all(style=True))])
               for file, soup in soups.items()}
    addresses += [(file, next(filter(None, match.groups()), "")) for file, text in sheets.items()
                  for match in IN_CSS.finditer(text)]
    assert len(addresses) > 100
    for file, address in addresses:
        parts = urlsplit(address)
        if parts.scheme == "data" or not (parts.path or parts.netloc):
            continue
        assert not parts.scheme and not parts.netloc, f"{file} asks for {address}"
        assert (file.parent / unquote(parts.path)).is_file(), f"{file} asks for {address}, which is not there"


@thorough
def test_every_link_within_the_site_leads_somewhere(soups):
    for file, soup in soups.items():
        for link in soup.find_all("a", href=True):
            parts = urlsplit(link["href"])
            if parts.scheme or parts.netloc:
                continue
            there = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            assert there.is_file(), f"{file} links to {link['href']}"
            if parts.fragment and there in soups:
                assert soups[there].find(id=unquote(parts.fragment)), f"{file} links to {link['href']}"


@thorough
@pytest.mark.parametrize("lesson", [page.removeprefix("notebooks/") for page in PAGES if page.startswith("notebooks/")])
def test_a_lesson_runs_from_its_recording(built, lesson):
    """The recording has an answer to all that it asks, and an exercise is not solved as it begins."""
    (executed,) = (STATE / "of-site" / "site" / "executed").glob(f"*/{lesson}.ipynb")
    cells = nbformat.read(executed, as_version=4).cells
    assert failures(cells) == []
    began = next(cell for cell in cells if "lab.begin(" in cell.source)
    assert text_of(began).startswith(recording.read(lesson).label)


@thorough
def test_what_a_lesson_shows_is_recorded_and_says_so(soups):
    for file, soup in lessons_of(soups).items():
        assert "RECORDED on " in soup.select_one(".cell_output").text, file
        captions = [figure.figcaption.text for figure in soup.select(".cell_output figure")]
        assert captions and all("RECORDED, not measured here." in caption for caption in captions), file


@thorough
def test_an_error_is_shown_only_where_an_exercise_begins_with_one(soups):
    for file, soup in lessons_of(soups).items():
        for cell in soup.select(".cell"):
            for output in cell.select(".traceback, .stderr"):  # of the notebook itself; a server's log may have its own
                assert "%%exercise" in cell.select_one(".cell_input").text, f"{file}: {output.text[:300]}"


@thorough
def test_a_race_is_shown_as_it_ended_and_no_widget_is_left(soups):
    n_races = 0
    for file, soup in lessons_of(soups).items():
        assert not soup.find("script", type=re.compile("widget")), file
        for cell in soup.select(".cell"):
            if re.search(r"^race = lab\.race\(", cell.select_one(".cell_input").text, re.M):
                n_races += 1
                assert cell.select_one(".cell_output figure img"), file
    assert n_races > 5


@thorough
def test_every_picture_has_words(soups):
    for file, soup in soups.items():
        assert all(image.get("alt") for image in soup.find_all("img")), file


@thorough
def test_no_page_tells_where_it_was_made(built):
    for file in built.rglob("*.html"):
        assert str(paths.ROOT) not in file.read_text(encoding="utf-8"), file


@thorough
def test_a_site_takes_the_place_of_a_site_and_of_nothing_else(built, tmp_path):
    (tmp_path / "mine.txt").write_text("not a site")
    with pytest.raises(SiteError, match="contains something that is not a site"):
        site.build(tmp_path, courses.load(), None)
    assert (tmp_path / "mine.txt").exists() and (built / site.OURS).exists()


@pytest.fixture
def served(built):
    """The site's address on this computer."""
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=str(built))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@thorough
def test_a_browser_shows_it_and_asks_nobody_else(built, served):
    with jupyter.browser() as page:
        requests = []
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: page.complaints.append(message.text) if message.type == "error" else None)
        for root in (served, built.as_uri()):
            for folder in ("", "/es"):
                for name in LOOKED_AT:
                    page.goto(f"{root}{folder}/{name}.html")
                    for wide in (1280, 390):
                        page.set_viewport_size({"width": wide, "height": 900})
                        there = page.evaluate("document.documentElement.scrollWidth")
                        assert there <= wide, f"{folder}/{name} is cut off"
                        charts = page.evaluate(CHARTS)
                        assert bool(charts) == name.startswith("notebooks/") and all(a == b for a, b in charts), charts
                    shown = page.evaluate("[...document.images].map(one => [one.complete, one.naturalWidth])")
                    assert all(complete and width for complete, width in shown)
                page.goto(f"{root}{folder}/search.html?q=gunicorn")
                page.wait_for_selector("#search-results li a")
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(f"{served}/{LOOKED_AT[2]}.html")
        page.click(".sidebar-language a")
        assert page.url == f"{served}/es/{LOOKED_AT[2]}.html" and page.locator("html").get_attribute("lang") == "es"
        page.fill(".sidebar-search", "gunicorn")
        page.press(".sidebar-search", "Enter")
        page.click("#search-results li a")
        assert page.url.startswith(f"{served}/es/") and "gunicorn" in page.inner_text("article")
        assert page.complaints == []
        assert all(address.startswith((f"{served}/", f"{built.as_uri()}/", "data:")) for address in requests)


def widget(kind: str, **state) -> dict:
    return {"model_name": f"{kind}Model", "state": state}


def test_a_widget_leaves_what_it_showed_and_no_more():
    states = {
        "panel": widget("VBox", children=["IPY_MODEL_work", "IPY_MODEL_sketch", "IPY_MODEL_final"]),
        "work": widget("VBox", children=["IPY_MODEL_bars", "IPY_MODEL_label"]),
        "bars": widget("HBox", children=["IPY_MODEL_bar"]), "bar": widget("FloatProgress", value=1.0),
        "label": widget("HTML", value="running"),
        "sketch": widget("Image", format="png", layout="IPY_MODEL_hidden"), "hidden": widget("Layout", display="none"),
        "final": widget("HTML", value="<p>done</p>"),
        "picture": {**widget("Image", format="png"), "buffers": [{"path": ["value"], "data": "aGVsbG8="}]},
    }
    assert picture("panel", states) == "<p>done</p>"
    assert picture("picture", states) == '<img alt="" style="width:100%" src="data:image/png;base64,aGVsbG8=">'
