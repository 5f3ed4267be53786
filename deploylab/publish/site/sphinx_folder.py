"""The folder that Sphinx reads. It has the project's own layout, so that paths in guides and lessons are right."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import nbformat

from deploylab.core import paths
from deploylab.lessons import notebooks

OWN = paths.ROOT / "site"
BUILD = "build"  # below OWN: the default output folder of the site
# What guides include, show and link to: whole configuration files, programs, plots.
BESIDE = ("provisioning", "sample_app", "tests", "results", "slides", "deploylab")


def assemble(folder: Path, lessons: Sequence[nbformat.NotebookNode] | None = None) -> Path:
    """Put everything that the site is made of into a folder; its old content is removed.

    Args:
        lessons: with their outputs, in the order of their files; without outputs if None.
    """
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(OWN, folder, ignore=shutil.ignore_patterns(BUILD, "__pycache__"))
    shutil.copytree(paths.ROOT / "guides", folder / "guides")
    shutil.copytree(notebooks.folder(), folder / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    for name in BESIDE:
        if (paths.ROOT / name).exists():
            (folder / name).symlink_to(paths.ROOT / name)
    for file, lesson in zip(sorted(folder.glob("notebooks/*.ipynb")), lessons or (), strict=bool(lessons)):
        nbformat.write(lesson, file)
    return folder
