"""The form of every notebook, without running one."""

import re
import signal
import subprocess
import sys

import nbformat
import pytest

from deploylab import course as courses
from deploylab.core import paths
from deploylab.lessons import notebooks
from tests.waiting import runs, until

FILES = sorted(notebooks.folder().glob("*.ipynb"))
MOST_LINES = 10  # of Python in a cell: the logic is in the package


def cells(path, kind: str) -> list:
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


each_notebook = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


@each_notebook
def test_a_notebook_is_valid_and_keeps_no_output(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    ids = [cell.id for cell in notebook.cells]
    assert len(ids) == len(set(ids))
    assert not any(cell.outputs or cell.execution_count for cell in cells(path, "code"))


@each_notebook
def test_a_cell_of_python_is_short(path):
    for cell in cells(path, "code"):
        lines = [line for line in cell.source.splitlines() if line.strip() and not line.startswith("%%")]
        assert cell.source.startswith("%%guest") or len(lines) <= MOST_LINES, cell.source


@each_notebook
def test_a_picture_is_a_file_and_has_an_alternative(path):
    """JupyterLab removes SVG from Markdown cells but leaves its words; a picture in a file is shown."""
    for cell in cells(path, "markdown"):
        assert "<svg" not in cell.source, "put the picture into notebooks/pictures/ and refer to it: ![words](file)"
        for words, file in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", cell.source):
            assert words and (path.parent / file).is_file(), file


@each_notebook
def test_a_notebook_is_a_lesson_of_the_course_and_begins_it(path):
    assert courses.load().lesson(path.stem)
    assert any(f'lab.begin("{path.stem}")' in cell.source for cell in cells(path, "code"))


@each_notebook
def test_the_next_lesson_is_one_of_the_course(path):
    names = [lesson.name for lesson in courses.load().lessons]
    for cell in cells(path, "markdown"):
        for file in re.findall(r"\]\((\w+)\.ipynb\)", cell.source):
            assert file in names


def test_a_picture_is_readable_on_light_and_on_dark():
    """A picture in a file does not know the page's colours, so it has a background of its own."""
    for file in sorted((notebooks.folder() / "pictures").glob("*.svg")):
        text = file.read_text(encoding="utf-8")
        assert "currentColor" not in text and "<rect" in text and 'role="img"' in text and "aria-label=" in text


@pytest.mark.slow
def test_ctrl_c_ends_a_notebook_and_its_kernel(tmp_path):
    cells = [nbformat.v4.new_code_cell(f"import os, pathlib, time\npathlib.Path({str(tmp_path)!r}, 'pid').write_text("
                                       "str(os.getpid()))\ntime.sleep(60)")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "long.ipynb")
    program = ("import pathlib, sys\nfrom deploylab.lessons import notebooks\n"
               "try: notebooks.execute(pathlib.Path(sys.argv[1]))\nexcept KeyboardInterrupt: sys.exit(130)")
    work = subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "long.ipynb")], cwd=paths.ROOT,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text(), "the cell has not begun",
          seconds=90)  # the kernel starts first
    work.send_signal(signal.SIGINT)
    output, _ = work.communicate(timeout=60)
    assert work.returncode == 130 and "Traceback" not in output, output
    until(lambda: not runs(int((tmp_path / "pid").read_text())), "the kernel lives on")
