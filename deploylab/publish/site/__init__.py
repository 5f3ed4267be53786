"""The website: guides and lessons as pages, in English and Spanish, searchable, loading nothing from elsewhere.

    notebooks ─▶ executed (from their recordings) ─▶ still ─┐
    guides, index, translations ────────────────────────────┴─▶ sphinx_folder ─▶ pages (once per language) ─▶ the folder
"""

import shutil
from pathlib import Path

from deploylab.core import paths
from deploylab.core.errors import SiteError
from deploylab.core.progress import Progress
from deploylab.course import Course
from deploylab.publish.site import executed, pages, sphinx_folder

LANGUAGES = {"en": "", "es": "es"}  # each with its folder in the site
OURS = ".buildinfo"                 # Sphinx leaves this file in each folder that it makes
NOT_READ = (".doctrees", "objects.inv")


def work() -> Path:
    """The folder where the site is built; the lessons' outputs are kept there for the next time."""
    return paths.state_dir() / "site"


def build(out: Path, course: Course, progress: Progress) -> Path:
    """Build the site in a folder and return its first page. An old site there is replaced.

    Args:
        out: the folder; English pages are directly in it, Spanish ones in `es/`.

    Raises:
        SiteError: the folder contains something else, or a page has an error; the message names it.

    Example:
        >>> build(Path("site/build"), course.load(), Progress("site"))          # doctest: +SKIP
        PosixPath('site/build/index.html')
    """
    _refuse_others(out)
    with progress.phase("lessons", "the lessons, from their recordings"):
        lessons = executed.lessons(course, work() / "executed", progress)
    tree = sphinx_folder.assemble(work() / "source", lessons)
    for language in LANGUAGES:
        with progress.phase(language, f"the pages, {language}"):
            pages.build("html", tree, work() / "html" / language, language, progress)
    shutil.rmtree(out, ignore_errors=True)
    for language, folder in LANGUAGES.items():
        shutil.copytree(work() / "html" / language, out / folder, ignore=shutil.ignore_patterns(*NOT_READ))
    return out / "index.html"


def _refuse_others(out: Path) -> None:
    """Raise SiteError unless the folder is empty or contains a site."""
    if out.exists() and not (out / OURS).exists() and (not out.is_dir() or any(out.iterdir())):
        raise SiteError(f"{out} contains something that is not a site, and it would be replaced.",
                        "./lab site --out FOLDER, with a new folder")
