"""What is deployed is what the manifest names, in every file that a deploy writes."""

import dataclasses
import json
import os
import re
import subprocess
import sys

import pytest

from deploylab import course as courses
from deploylab.core import paths
from deploylab.machine.ssh import Ssh
from deploylab.provision import converge

COURSE = courses.load()
WRITTEN = """
import json, sys
from importlib import import_module
from pyinfra.api import Inventory, State
from pyinfra.context import ctx_host, ctx_state
from provisioning import operations
from provisioning.lab import Lab

found, really = {}, operations.placed

def noted(name, files):
    found.update({path: content.decode(errors="replace") for path, (content, _, _) in files.items()})
    return really(name=name, files=files)

operations.placed = noted
for spec in json.load(sys.stdin):
    state = State(Inventory((["plan"], {})), check_for_changes=False)
    with ctx_state.use(state), ctx_host.use(next(iter(state.inventory))):
        import_module(spec["deploy"]).deploy(Lab(**spec["lab"]))
print(json.dumps(found))
"""
# Files that start or load the application, or say which settings it has.
STARTS = re.compile(r"/etc/deploylab/(runserver|apache|nginx|static|cache)\.env|.*\.wsgi"
                    r"|/etc/supervisor/conf\.d/deploylab-(nginx|static|cache).*")


@pytest.fixture(scope="module")
def written() -> dict[str, str]:
    """The text of every file that the deploys of all stages, with all variants, write for another application."""
    app = dataclasses.replace(COURSE.app, wsgi="shop.web.entry:site", settings="shop.settings.server")
    course = dataclasses.replace(COURSE, app=app)
    specs = [converge.specification(Ssh("192.0.2.1", 22, "nobody", "none"), course, stage.name,
                                    [variant.variant for variant in stage.variants], pip={})
             for stage in (*course.stages, *course.references)]
    done = subprocess.run([sys.executable, "-c", WRITTEN], input=json.dumps(specs), cwd=paths.ROOT, text=True,
                          capture_output=True, env={**os.environ, "PYTHONPATH": str(paths.ROOT)})
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def test_no_file_names_the_sample_in_its_place(written):
    # A reference may bring settings of its own for the sample: that is what it is about.
    named = {f"{path}: {line}" for path, text in written.items() for line in text.splitlines()
             if re.search(r"\bprogramme\.(wsgi|settings)\b", line) and not path.endswith("cookiecutter_settings.py")}
    assert named == set()


def test_every_file_that_starts_it_names_the_manifest_s(written):
    starting = {path: text for path, text in written.items() if STARTS.fullmatch(path)}
    assert len(starting) > 25
    for path, text in starting.items():
        if path.endswith(".env"):
            assert text.count("\nDJANGO_SETTINGS_MODULE=shop.settings.server\n") == 1, path
        elif path.endswith(".wsgi"):
            assert "\nfrom shop.web.entry import site as application" in text, path
        else:
            assert re.search(r"^command=.*shop\.web\.entry:site\b", text, re.MULTILINE), path


def test_with_the_sample_the_files_are_as_they_are_in_the_kit():
    """So that what is copied by hand is what a converge writes."""
    from provisioning.deploys import common
    from provisioning.lab import Lab

    lab = Lab(**converge.specification(Ssh("192.0.2.1", 22, "nobody", "none"), COURSE, "nginx", pip={})["lab"])
    for path in (paths.PROVISIONING / "files").rglob("*"):
        if path.is_file() and path.suffix != ".j2" and path.parent.name != "__pycache__":
            text = path.read_text(encoding="utf-8")
            assert common.of_application(lab, text) == text, path
