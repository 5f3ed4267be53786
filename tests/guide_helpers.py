"""The pages that are read, and the course they are held against."""

import json
import re
from pathlib import Path

import pytest

from deploylab import course as courses
from deploylab.core import paths

COURSE = courses.load()
GUIDES = sorted((paths.ROOT / "guides").glob("*.md"))
NOTEBOOKS = sorted((paths.ROOT / "notebooks").glob("*.ipynb"))
PAGES = [*GUIDES, paths.ROOT / "README.md", paths.ROOT / "CONTRIBUTING.md"]
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)

FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def text_of(page: Path) -> str:
    """What stands on a page; of a notebook all its cells, each with its own fence where it is code."""
    if page.suffix != ".ipynb":
        return page.read_text(encoding="utf-8")
    cells = json.loads(page.read_text(encoding="utf-8"))["cells"]
    return "\n\n".join(source if cell["cell_type"] == "markdown" else f"```\n{source}\n```"
                       for cell in cells for source in ["".join(cell["source"])])


def guide(name: str) -> str:
    return text_of(paths.ROOT / f"guides/{name}.md")
