"""The layers of the package, the modules' size, and what must not stand in any file."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from deploylab import course as courses
from deploylab import paths

MODULES = sorted((paths.ROOT / "deploylab").rglob("*.py"))
MOST_LINES = 300  # what a learner reads in one sitting


def test_no_layer_imports_what_lies_above_it():
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=paths.ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(paths.ROOT)))
def test_a_module_is_read_in_one_sitting(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def test_the_package_names_no_stage():
    """A stage is a table, a deploy and its files: nothing in the package is about a particular one."""
    names = {stage.name for stage in courses.load().stages}
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "guest" not in path.parts:
                assert node.value not in names, f"{path}: line {node.lineno} names stage {node.value}"


def test_the_code_is_clean():
    done = subprocess.run([sys.executable, "-m", "ruff", "check", "."], cwd=paths.ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_every_version_is_pinned():
    """One place: constraints.txt for this computer, sample_app/requirements*.txt for the guest."""
    for name in ("constraints.txt", "sample_app/requirements.txt", "sample_app/requirements-production.txt"):
        for line in (paths.ROOT / name).read_text().splitlines():
            line = line.split("#")[0].strip()
            assert not line or line.startswith("-r ") or re.fullmatch(r"[\w.-]+==[\w.]+", line), f"{name}: {line}"
