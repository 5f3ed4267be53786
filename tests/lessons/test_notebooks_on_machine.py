"""Every notebook from its first cell to its last: on the real machine, three in a real browser; and recorded."""

import json
import re

import nbformat
import pytest
from conftest import STATE

from deploylab import course as courses
from deploylab.core import paths
from deploylab.lessons import notebooks, recording
from tests import jupyter, secrecy
from tests.notebook_helpers import failures, text_of

COURSE = courses.load()
NAMES = [lesson.name for lesson in COURSE.lessons if (notebooks.folder() / f"{lesson.name}.ipynb").exists()]
IN_BROWSER = ["00_the_lab", "05_nginx_gunicorn", "08_edge"]
ALWAYS = ["00_the_lab"]  # the others only with `./lab test --all`
# The one that builds a new machine comes last: the others would have to set up their stages again.
ORDER = sorted(NAMES, key=lambda name: (name == "09_release", name))
MINUTES = 15  # that a cell or a notebook may take at most


def keep(name: str, notebook) -> None:
    """Save the executed notebook, to find out why a test failed."""
    path = STATE / "notebooks" / f"{name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


@pytest.fixture(autouse=True)
def results(tmp_path, monkeypatch):
    """A folder of the test's own results beside those that ship, as in a fresh clone: lesson 10 uses both."""
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "recorded").symlink_to(paths.ROOT / "results" / "recorded")
    monkeypatch.setenv("DEPLOYLAB_RESULTS", str(tmp_path / "results"))


@pytest.fixture
def brief(monkeypatch):
    """Short loads: these tests are about what the cells do, not about the figures."""
    monkeypatch.setenv("DEPLOYLAB_BRIEF", "1")


def in_browser(name: str, folder) -> list:
    """The cells of a notebook after `run all` in JupyterLab; screenshots of it are saved."""
    with jupyter.opened(folder) as address, jupyter.browser() as page:
        cells = jupyter.run_all(page, address.format(f"{name}.ipynb"), seconds=60 * MINUTES)
        jupyter.picture(page, STATE / "pictures" / name)
    assert page.complaints == []
    return cells


@pytest.mark.machine
@pytest.mark.parametrize("name", [
    pytest.param(name, marks=[] if name in ALWAYS else pytest.mark.thorough) for name in ORDER])
def test_a_notebook_runs_on_the_machine(machine, brief, name, tmp_path):
    before = (notebooks.folder() / f"{name}.ipynb").read_bytes()
    cells = in_browser(name, tmp_path) if name in IN_BROWSER else \
        notebooks.execute(notebooks.folder() / f"{name}.ipynb").notebook.cells
    keep(name, nbformat.from_dict({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    assert failures(cells) == []
    assert not secrecy.told(secrecy.of(machine), json.dumps(cells))
    assert all(cell["execution_count"] for cell in cells if cell["cell_type"] == "code")
    assert (notebooks.folder() / f"{name}.ipynb").read_bytes() == before, "the project's own notebook was written to"


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES[:1])
def test_a_notebook_runs_from_its_recording(name):
    """One is enough here: the site is made from all of them, and its tests check each."""
    done = notebooks.execute(notebooks.folder() / f"{name}.ipynb", environment={"DEPLOYLAB_MACHINE": "recorded"})
    assert failures(done.notebook.cells) == []
    label = recording.read(name).label
    began = next(cell for cell in done.notebook.cells if "lab.begin(" in cell.source)
    assert text_of(began).startswith(label)


@pytest.mark.slow
@pytest.mark.thorough
def test_charts_are_as_wide_as_the_cell(tmp_path):
    """Those that cells show, and those of a comparison panel: its last one, and the one that grew before it."""
    name = "05_nginx_gunicorn"
    with jupyter.opened(tmp_path, name, "--recorded") as address, jupyter.browser() as page:
        cells = jupyter.run_all(page, address.format(f"{name}.ipynb"), seconds=300)
        assert failures(cells) == []
        assert page.evaluate("[...document.querySelectorAll('.widget-image')].map(one => { one.style.display = '' })")
        for width in (800, 1280, 1600):
            page.set_viewport_size({"width": width, "height": 1000})
            page.wait_for_timeout(1000)
            jupyter.assert_charts_are_as_wide_as_their_cells(page)


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_is_whole_and_bears_no_secret(name):
    text = (recording.folder() / f"{name}.jsonl").read_text(encoding="utf-8")
    assert all(json.loads(line) for line in text.splitlines())
    assert not re.search(r"(KEY|PASSWORD|token)=[0-9a-f]{16}|PRIVATE KEY", text)
