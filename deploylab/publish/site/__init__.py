"""The site: guides and lessons as pages to read, in English and Spanish, searchable, with nothing from elsewhere.

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
    """Where the site is made, and the lessons' outputs, for the next time."""
    return paths.state_dir() / "site"


def build(out: Path, course: Course, progress: Progress) -> Path:
    """Make the site in a folder and give back its first page. What stood there before, if it was a site, goes.

    Args:
        out: the folder; the English pages begin there, the Spanish ones in `es/`.

    Raises:
        SiteError: the folder holds something else, or a page has a fault; the message names it.

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
    """Only what is empty or was a site may be replaced."""
    if out.exists() and not (out / OURS).exists() and (not out.is_dir() or any(out.iterdir())):
        raise SiteError(f"{out} holds something that is no site, and it would be replaced.",
                        "./lab site --out FOLDER, with a new folder")
