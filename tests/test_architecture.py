"""The layers of the package, the modules' size, and what must not stand in any file."""

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import grimp
import pytest

from deploylab import course as courses
from deploylab.core import paths

MODULES = sorted((paths.ROOT / "deploylab").rglob("*.py"))
TESTS = sorted((paths.ROOT / "tests").rglob("*.py"))
WORDS = {"guest", "load"}  # folders where a stage's name, as `cache`, is a plain word: they know no stages
MOST_LINES = 300  # what a learner reads in one sitting
MOST_OF_ANYTHING = 20  # functions that return a dictionary of anything


def test_no_layer_imports_what_lies_above_it():
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=paths.ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_examples_in_docstrings_are_true():
    """In a process of their own, because one module replaces parts of the standard library."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--doctest-modules", "deploylab"]
    done = subprocess.run(command, cwd=paths.ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]


def test_no_two_modules_import_each_other():
    """What both need belongs in a third: so each can be read without the other."""
    graph = grimp.build_graph("deploylab", cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert [f"{a} and {b}" for a in sorted(imports) for b in sorted(imports[a]) if a < b and a in imports[b]] == []


def test_no_class_name_means_two_things():
    classes = [(node.name, str(path.relative_to(paths.ROOT))) for path in MODULES
               for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.ClassDef)]
    names = Counter(name for name, _ in classes)
    assert [(name, file) for name, file in sorted(classes) if names[name] > 1] == []


def test_few_functions_return_a_dictionary_of_anything():
    """Where the keys are fixed a frozen dataclass says what there is. The rest is JSON or TOML as it is written."""
    returned = [(f"{path.relative_to(paths.ROOT)}: {node.name}", ast.unparse(node.returns)) for path in MODULES
                for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.returns]
    found = [name for name, annotation in returned if re.search(r"dict\[str, (Any|object)\]", annotation)]
    assert len(found) <= MOST_OF_ANYTHING, found


@pytest.mark.parametrize("path", [*MODULES, *TESTS], ids=lambda path: str(path.relative_to(paths.ROOT)))
def test_a_module_is_read_in_one_sitting(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def test_the_package_names_no_stage():
    """A stage is a table, a deploy and its files: nothing in the package is about a particular one."""
    course = courses.load()
    names = {stage.name for stage in (*course.stages, *course.references)}
    for path in MODULES:
        if path.parent.name in WORDS:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert node.value not in names, f"{path}: line {node.lineno} names stage {node.value}"


@pytest.mark.parametrize(("library", "folder"), [("matplotlib", "plots"), ("ipywidgets", "widgets")])
def test_a_library_of_one_folder_is_imported_nowhere_else(library, folder):
    """Who imports only what lies below stays quick, and needs neither."""
    importers = {path.parent.name for path in MODULES
                 for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
                 for name in ([one.name for one in node.names] if isinstance(node, ast.Import)
                              else [node.module or ""] if isinstance(node, ast.ImportFrom) else [])
                 if name.partition(".")[0] == library}
    assert importers == {folder}


def test_the_code_is_clean():
    """By ruff's rules, bandit's among them; programs without an ending are code too."""
    found = (path for folder in (paths.ROOT, *(paths.PROVISIONING / "files").rglob("*")) for path in folder.glob("*")
             if path.is_file() and not path.suffix)
    programs = [path for path in found if path.read_bytes().startswith(b"#!/usr/bin/env python3")]
    assert {"lab", "secret"} <= {path.name for path in programs}
    done = subprocess.run([sys.executable, "-m", "ruff", "check", ".", *programs], cwd=paths.ROOT, capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("code", "rule"), [
    ("import subprocess\nsubprocess.run('ls ' + input(), shell=True)\n", "S602"),
    ("password = 'hunter2'\n", "S105"),
    ("import pickle\npickle.loads(input())\n", "S301"),
    ("import socket\nsocket.create_server(('0.0.0.0', 80))\n", "S104"),
    ("import requests\nrequests.get('https://127.0.0.1/', verify=False, timeout=1)\n", "S501"),
])
def test_what_is_dangerous_is_found(code, rule):
    """The settings leave out what is no danger here, and nothing else."""
    done = subprocess.run([sys.executable, "-m", "ruff", "check", "--output-format=concise", "--stdin-filename",
                           "deploylab/some.py", "-"], cwd=paths.ROOT, input=code, capture_output=True, text=True)
    assert done.returncode == 1 and rule in done.stdout


def test_every_version_is_pinned():
    """One place: constraints.txt for this computer, sample_app/requirements*.txt for the guest."""
    files = [paths.ROOT / "constraints.txt", *sorted((paths.ROOT / "sample_app").glob("requirements*.txt"))]
    assert len(files) >= 3
    for name in files:
        for line in name.read_text().splitlines():
            line = line.split("#")[0].strip()
            assert not line or line.startswith("-r ") or re.fullmatch(r"[\w.-]+==[\w.]+", line), f"{name}: {line}"
