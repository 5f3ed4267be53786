"""How far away clients are: what a person may ask for, what is sent to the machine, and what stands in the results.

The line itself: tests/machine/test_guest_line.py.
"""

import io
import json
import subprocess
import sys
import zipfile
from base64 import b64decode
from dataclasses import asdict

import pytest
import synthetic

from deploylab import course as courses
from deploylab.core.errors import DeployLabError, LoadError
from deploylab.measure import distance, schedule
from deploylab.measure.bench import Scenario
from deploylab.measure.distance import Distance
from deploylab.results.record import Run
from deploylab.results.stats import compare

# -- what a person asks for ----------------------------------------------------------


def test_a_rate_alone_says_no_distance():
    assert Distance.of(None, None) is None
    assert Distance.of(100, None) == Distance(100, 10) and Distance.of(40, 2) == Distance(40, 2)
    with pytest.raises(LoadError, match="how long it is"):
        Distance.of(None, 10)


@pytest.mark.parametrize(("rtt_ms", "mbit"), [(0, 10), (-40, 10), (1, 10), (601, 10), (40, 0), (40, 51),
                                                (float("nan"), 1)])
def test_no_line_is_like_that(rtt_ms, mbit):
    with pytest.raises(LoadError, match="No line here can be"):
        Distance.of(rtt_ms, mbit)


@pytest.mark.parametrize("command", [["measure", "nginx"], ["compare", "nginx", "static"], ["sweep", "nginx"]])
def test_every_command_that_measures_refuses_the_same(lab, command):
    done = lab(*command, "--mbit", "5")
    assert done.returncode == 1 and "add a round trip: --rtt-ms 40" in done.stderr


# -- the engine that is sent ---------------------------------------------------------


def test_the_engine_needs_the_standard_library_alone(tmp_path):
    """`-S`: without installed packages; and what is sent is all that there is of ours."""
    archive = tmp_path / "engine.zip"
    archive.write_bytes(b64decode(distance.programs(distance.GUEST)))
    assert "deploylab/load/visit.py" in zipfile.ZipFile(io.BytesIO(archive.read_bytes())).namelist()
    done = subprocess.run([sys.executable, "-S", "-P", "-m", "deploylab.load"], input=b"{}\n", capture_output=True,
                          cwd=tmp_path, env={"PYTHONPATH": str(archive)})
    assert json.loads(done.stdout)["what"] == "The load spec has no url.", done.stderr


# -- in the results ------------------------------------------------------------------

FAR = {"view": "visit_far", "concurrency": 1, "line_rtt_ms": 40.0, "line_mbit_per_s": 10.0, "line_means": "tun",
       "line_connect_ns": 40_700_000, "line_carried_mbit_per_s": 9.98,
       "notes": {"requests_per_visit": 11.0, "bytes_per_visit": 61_000.0}}


def test_near_and_far_are_not_compared():
    near = [synthetic.run(**{**FAR, "line_rtt_ms": None, "line_mbit_per_s": None})]
    with pytest.raises(DeployLabError, match="distance of the clients differs: next to the server and 40 ms away"):
        compare(near, [synthetic.run("static", **FAR)])


def test_a_run_that_knows_no_distance_is_still_read():
    old = asdict(synthetic.run())
    for name in [name for name in old if name.startswith("line_")]:
        del old[name]
    assert Run.from_json(json.dumps(old)).line_rtt_ms is None
    run = synthetic.run(**FAR)
    assert Run.from_json(run.to_json()) == run


def test_the_course_says_how_far_away_a_view_is():
    course = courses.load()
    cell = Scenario(course.target("static"), course.view("visit_far"), 1)
    assert cell.distance == Distance(40, 10) and cell.as_plan()["rtt_ms"] == 40
    assert cell.window_s(3) == course.view("visit_far").least_s and cell.window_s(60) == 60
    assert Scenario(course.target("static"), course.view("visit"), 1).distance is None


def test_long_windows_have_few_rounds():
    course = courses.load()
    judged = schedule.judged(course.stages)
    far, near = (Scenario(course.target("static"), course.view(name), 1) for name in ("visit_far", "visit"))
    assert schedule.n_rounds(far, judged, schedule.USUAL) == schedule.LONG_ROUNDS < schedule.USUAL.n_rounds
    assert schedule.n_rounds(near, judged, schedule.USUAL) == schedule.USUAL.n_rounds_others
