"""The lessons with their outputs, from their recordings. They are executed once for all languages, and kept."""

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import nbformat

from deploylab.core import paths
from deploylab.core.progress import Progress
from deploylab.course import Course, Lesson
from deploylab.lessons import notebooks
from deploylab.publish.site.still import stilled

# In addition to the notebooks' own code: everything that can change what a cell shows.
SHOWN_BY = ("deploylab/**/*.py", "notebooks/*/*", "provisioning/*.toml", "results/recorded/**/*.jsonl",
            "constraints.txt")
NOT_BY = ("deploylab/cli", "deploylab/publish/site")


def lessons(course: Course, folder: Path, progress: Progress) -> list[nbformat.NotebookNode]:
    """Each lesson as it is now, with the outputs of its cells, in the order of the course.

    The executed lessons are in a folder below `folder`, which is named after everything that they depend on. They share
    one state, because a lesson uses the guesses of earlier ones. If only text changes, nothing is executed again.

    Args:
        progress: updated for each cell.
    """
    kept = folder / _key(course)
    for older in set(folder.glob("*")) - {kept}:
        shutil.rmtree(older)
    environment = _environment(kept)
    executed = []
    for number, lesson in enumerate(course.lessons):
        path = kept / f"{lesson.name}.ipynb"
        if not path.exists():
            _execute(lesson, path, environment, lambda cell, of, lesson=lesson, number=number: progress.update(
                f"{lesson.name}, cell {cell}", number + cell / of, len(course.lessons)))
        executed.append(_with_outputs(lesson, path))
    return executed


def _environment(kept: Path) -> dict[str, str]:
    """Environment variables for lessons without a machine: with the recorded results, and no guesses of a person."""
    results = kept / "results"
    results.mkdir(parents=True, exist_ok=True)
    if not (results / "recorded").is_symlink():
        (results / "recorded").symlink_to(paths.ROOT / "results" / "recorded")
    return {"DEPLOYLAB_MACHINE": "recorded", "DEPLOYLAB_STATE": str(kept / "state"), "DEPLOYLAB_RESULTS": str(results)}


def _execute(lesson: Lesson, path: Path, environment: dict[str, str], on_cell) -> None:
    """Run a lesson, and keep it once it is complete."""
    done = notebooks.execute(notebooks.path_of(lesson), environment=environment, on_cell=on_cell)
    aside = path.with_suffix(".part")
    nbformat.write(done.notebook, aside)
    aside.rename(path)


def _with_outputs(lesson: Lesson, path: Path) -> nbformat.NotebookNode:
    """The lesson as it is written now, its code cells with their outputs."""
    notebook, ran = nbformat.read(notebooks.path_of(lesson), 4), stilled(nbformat.read(path, 4))
    notebook.metadata.language_info = ran.metadata.language_info
    for cell, done in zip(_code(notebook), _code(ran), strict=True):
        cell.outputs, cell.execution_count = done.outputs, done.execution_count
    return notebook


def _code(notebook: nbformat.NotebookNode) -> Iterator[nbformat.NotebookNode]:
    return (cell for cell in notebook.cells if cell.cell_type == "code")


def _key(course: Course) -> str:
    """Twelve hexadecimal digits that change whenever an output could change."""
    content = hashlib.sha256()
    for file in sorted(file for pattern in SHOWN_BY for file in paths.ROOT.glob(pattern) if file.is_file()):
        name = str(file.relative_to(paths.ROOT))
        if not name.startswith(NOT_BY):
            content.update(name.encode() + file.read_bytes())
    for lesson in course.lessons:
        for cell in _code(nbformat.read(notebooks.path_of(lesson), 4)):
            content.update(cell.source.encode() + b"\0")
    return content.hexdigest()[:12]
