"""The main job from the beginning to the report, on the smallest stage; test_full_run.py tests it in depth."""

import json

import pytest

from deploylab import course as courses
from deploylab.results import Session

pytestmark = pytest.mark.machine
STAGE = courses.load().stage("wsgi")


@pytest.fixture(scope="module")
def document(machine, machine_lab):
    done = machine_lab("run", STAGE.name, "--quick", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_check_passes_and_the_report_is_there(document):
    (stage,) = document["stages"]
    assert stage["stage"] == STAGE.name and stage["checks"] and all(check["ok"] for check in stage["checks"])
    session = Session.open(document["session"])
    assert session.finished and (session.folder / "report.html").stat().st_size > 10_000


def test_every_cell_was_measured_in_each_round_and_every_attempt_has_one_outcome(document):
    session = Session.open(document["session"])
    runs = session.runs("round")
    assert len(runs) == sum(cell["n_rounds"] for cell in session.plan["cells"])
    assert all(run.n_sent == run.n_ok + sum(run.errors.values()) and run.n_ok for run in runs)


def test_measure_verifies_and_saves_its_runs(document, machine_lab):
    done = machine_lab("measure", STAGE.name, "--seconds", "1", "--repeats", "2", "--view", STAGE.views[0], "--json")
    assert done.returncode == 0, done.stderr
    assert [run["round"] for run in json.loads(done.stdout)] == [1, 2]
    assert f"{STAGE.name}: check" in done.stderr
