"""`./lab run` on the real machine: killed half-way, resumed, reported.

Two stages are enough to show it, and all of them would take half an hour; each stage has its own tests.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from deploylab import course as courses
from deploylab import results
from deploylab.core import paths
from deploylab.core.progress import Progress
from deploylab.measure import full_run
from deploylab.measure.schedule import QUICK
from deploylab.results import stats
from deploylab.results.record import Run
from tests import secrecy

pytestmark = [pytest.mark.machine, pytest.mark.thorough]
STAGES = ("runserver", "nginx")
RUN = [sys.executable, "-m", "deploylab.cli", "run", *STAGES, "--quick", "--yes"]
ENOUGH = 8  # runs of the rounds that must be saved before the process is killed


@pytest.fixture(scope="module")
def killed(machine):
    """A `./lab run --quick` that was killed after some runs of its rounds were saved: (session id, its run ids)."""
    process = subprocess.Popen(RUN, cwd=paths.ROOT, env={**os.environ, "PYTHONPATH": str(paths.ROOT)},
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    deadline_s = time.monotonic() + 1800
    session = None
    while session is None or len(session.runs("round")) < ENOUGH:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline_s, "no rounds in half an hour"
        time.sleep(0.5)
        session = results.latest()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stderr.close()
    return session.id, [run.run_id for run in session.runs()]


@pytest.fixture(scope="module")
def finished(killed):
    """The same command again, until it is finished: (its JSON, its standard error, its seconds)."""
    began_s = time.monotonic()
    done = subprocess.run([*RUN, "--json"], cwd=paths.ROOT, env={**os.environ, "PYTHONPATH": str(paths.ROOT)},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=3600)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr, time.monotonic() - began_s


def test_a_killed_run_leaves_no_load_and_no_lock(killed, lab):
    ours = f"DEPLOYLAB_STATE={os.environ['DEPLOYLAB_STATE']}".encode()  # another machine may be under load too
    for _ in range(300):
        orphans = [p for p in Path("/proc").glob("[0-9]*") if b"deploylab.load" in _read(p / "cmdline")
                   and ours in _read(p / "environ").split(b"\0")]
        if not orphans:
            break
        time.sleep(0.1)
    assert not orphans
    assert lab("up").returncode == 0  # takes the lock


def test_the_next_run_resumes_the_same_session(killed, finished):
    document, stderr, _ = finished
    session_id, run_ids = killed
    assert document["session"] == session_id
    assert "resuming session" in stderr
    saved = [run.run_id for run in results.Session.open(session_id).runs()]
    assert saved[:len(run_ids)] == run_ids
    assert len(set(saved)) == len(saved)


def test_the_second_time_nothing_changes(finished):
    document, _, _ = finished
    assert [stage["changed"] for stage in document["stages"]] == [0] * len(STAGES)
    assert all(check["ok"] for stage in document["stages"] for check in stage["checks"])


def test_nothing_that_the_run_wrote_has_a_secret_of_the_machine(machine, finished):
    document, stderr, _ = finished
    secrets = secrecy.of(machine)
    assert not secrecy.told(secrets, json.dumps(document), stderr)
    assert Path(document["report"]).is_relative_to(paths.results_dir())
    assert secrecy.holders(secrets, paths.results_dir(), paths.state_dir() / "log") == []


def test_every_attempt_has_one_outcome_and_none_failed(finished):
    for run in rounds(finished):
        assert run.n_sent == run.n_ok + sum(run.errors.values())
        assert run.errors == {}, f"{run.stage} {run.view}: {run.errors}"


def test_every_cell_has_as_many_runs_as_the_plan_says(finished):
    plan = results.Session.open(finished[0]["session"]).plan
    cells = sorted((r.stage, r.view, r.concurrency, r.round) for r in rounds(finished))
    assert cells == sorted((c["stage"], c["view"], c["concurrency"], n)
                           for c in plan["cells"] for n in range(1, c["n_rounds"] + 1))


def test_every_contrast_of_these_stages_has_its_pairs(finished):
    session = results.Session.open(finished[0]["session"])
    pairs = Counter(run.pair_id for run in session.runs("pair"))
    contrasts = full_run.contrasts_among(courses.load(), [courses.load().stage(name) for name in STAGES],
                                          thorough=False)
    assert len(contrasts) >= 5
    assert pairs == {f"{contrast.name}/{n}": 2 for contrast in contrasts for n in range(1, QUICK.n_pairs + 1)}


def test_a_contrast_is_of_one_thing_and_the_report_says_so(finished):
    plan = results.Session.open(finished[0]["session"]).plan
    for contrast in plan["contrasts"]:
        assert sorted(row["name"] for row in plan["differences"][contrast["name"]]) == sorted(contrast["parts"])
    text = Path(finished[0]["report"]).read_text(encoding="utf-8")
    assert all(f'id="contrast-{contrast["name"]}"' in text for contrast in plan["contrasts"])
    assert "They differ in one thing" in text and "not for its parts" not in text


def test_with_threads_a_waiting_page_is_served_faster(finished):
    """Eight or more slots against two, or one: at least twice as many requests per second.

    The best run of each side counts: other work on this computer can only make a run slower.
    """
    runs = results.Session.open(finished[0]["session"]).runs("pair")
    for name in ("threads", "slots"):
        contrast = next(contrast for contrast in courses.load().contrasts if contrast.name == name)
        few, many = ([run.rps for run in side] for side in stats.sides(contrast, runs))
        assert max(many) > 2 * max(few), stats.contrast_result(contrast, [], runs).main.verdict


def test_what_was_asleep_before_is_asleep_again(finished, machine):
    from deploylab.provision.on_demand import answers

    sleepers = [target for target in courses.load().targets if target.start and target.stage in STAGES]
    assert sleepers and not any(answers(machine, target) for target in sleepers)


def test_waiting_is_bounded_by_the_slots(finished):
    """Little's law: 16 slots and 50 ms give at most 320 requests per second; more than a third of that is needed."""
    course = courses.load()
    for stage in map(course.stage, STAGES):
        if stage.slots and "wait" in stage.views:
            ceiling_rps = course.view("wait").ceiling_rps(32, stage.slots)
            rps = [r.rps for r in rounds(finished) if (r.stage, r.view, r.concurrency) == (stage.name, "wait", 32)]
            assert ceiling_rps / 3 < max(rps) <= 1.05 * ceiling_rps


def test_a_real_server_serves_at_least_three_times_as_many_files_per_second(finished):
    asset = {stage: [r.rps for r in rounds(finished) if (r.stage, r.view) == (stage, "asset")]
             for stage in ("runserver", "nginx")}
    pairs = [b / a for a, b in zip(asset["runserver"], asset["nginx"], strict=True)]
    assert min(pairs) >= 3


def test_the_report_began_with_the_second_stage_and_its_address_was_told(finished):
    assert finished[1].count("The report begins here, and grows: file://") == 1
    assert "So far:" not in Path(finished[0]["report"]).read_text(encoding="utf-8")


def test_the_report_is_there_and_loads_nothing_from_elsewhere(finished):
    text = Path(finished[0]["report"]).read_text(encoding="utf-8")
    assert finished[0]["session"] in text
    assert "src=\"http" not in text


def test_the_report_can_be_written_again(finished, lab):
    done = lab("report", "--json", "--session", finished[0]["session"])
    assert json.loads(done.stdout)["report"] == finished[0]["report"]


def test_a_second_command_at_the_same_time_is_refused(machine, lab):
    from deploylab.machine import lock

    with lock.held("run"):
        done = lab("goto", courses.load().stages[0].name)
    assert done.returncode == 1
    assert "`./lab run`" in done.stderr


def test_measure_saves_its_runs_and_takes_the_targets_in_turns(finished, lab):
    done = lab("measure", *STAGES, "--view", "hello", "--seconds", "0.5", "--repeats", "2", "--json")
    assert done.returncode == 0, done.stderr
    runs = json.loads(done.stdout)
    assert [run["stage"] for run in runs] != sorted(run["stage"] for run in runs)
    assert {run["server_cpu_s"] is not None for run in runs} == {True}


def test_compare_reports_the_ratio_and_everything_that_differs(finished, lab):
    sides = ("nginx:sync", "nginx", "--view", "wait", "-c", "32", "--pairs", "3", "--seconds", "0.5")
    document = json.loads(lab("compare", *sides, "--json").stdout)
    assert (document["a"], document["b"], document["view"], document["pairs"]) == ("nginx:sync", "nginx", "wait", 3)
    assert document["ratio"] > 2 and document["ci95"][0] <= document["ratio"] <= document["ci95"][1]
    assert "gunicorn worker_class" in {row["name"] for row in document["differences"]} and document["one_thing"]
    assert document["metrics"]["server_cpu_per_request_s"]["n_pairs"] == 3
    assert [run.purpose for run in results.Session.open(document["session"]).runs()] == ["pair"] * 6
    done = lab("compare", *STAGES, "--pairs", "1", "--seconds", "0.3")
    assert "for the whole step, not for its parts" in done.stdout and "environment DJANGO_DEBUG: 1 → 0" in done.stdout


def test_compare_of_a_target_that_is_not_running_says_how_to_start_it(machine, lab):
    machine.check_output("supervisorctl stop deploylab-nginx-sync", sudo=True)
    try:
        done = lab("compare", "nginx:sync", "nginx", "--pairs", "1")
    finally:
        machine.check_output("supervisorctl start deploylab-nginx-sync", sudo=True)
    assert done.returncode == 1 and "./lab goto nginx:sync" in done.stderr and "Traceback" not in done.stderr


def test_the_time_of_a_run_is_shown_by_kind_of_work(finished):
    progress = Progress("test")
    progress.seconds.update(box=31.0, boot=13.2)
    assert progress.spent() == ["Time: 44 s in all (box 31 s, boot 13 s)"]
    assert "Time:" in finished[1]


def rounds(finished) -> list[Run]:
    return results.Session.open(finished[0]["session"]).runs("round")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
