"""A bad day, on a real machine: most rows of that table in guides/troubleshooting.md. Other files test the rest."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import packages
import pytest
from check_helpers import comes_back
from interrupted import interrupted
from load_helpers import FaultyServer
from typer.testing import CliRunner
from waiting import once, until

from deploylab import cli, report, results
from deploylab import course as courses
from deploylab.core import paths
from deploylab.core.errors import MachineError
from deploylab.core.progress import Progress
from deploylab.load import LoadSpec
from deploylab.machine import lock, lxc
from deploylab.measure import full_run, load_test
from deploylab.measure.bench import Bench, LoadSettings, Scenario
from deploylab.provision import checks, converge, on_demand

COURSE = courses.load()
STAGE = COURSE.stage("nginx")
WORKERS = "[g]unicorn-nginx.py"  # the master and its workers, by their command line; [g] excludes the search itself
MEASURE = ("measure", STAGE.name, "--view", "hello", "--seconds", "0.5", "--repeats", "2")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")


def one_message(done: subprocess.CompletedProcess, what: str, next_step: str, status: int = 1) -> None:
    """The command failed with one message that says this, and the next thing to type."""
    assert done.returncode == status, done.stderr
    assert re.search(what, done.stderr), done.stderr
    assert re.search(rf"\nNext: .*{next_step}", done.stderr), done.stderr
    assert done.stderr.count("\nlab: ") == 1 and "Traceback" not in done.stderr


def mounted(how: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """Run `./lab ARGUMENTS` with other mounts, which only this command sees."""
    command = [sys.executable, "-m", "deploylab.cli", *arguments]
    return subprocess.run(["unshare", "-m", "sh", "-c", f'{how} && exec "$@"', "sh", *command], cwd=paths.ROOT,
                          capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300,
                          env={**os.environ, "PYTHONPATH": str(paths.ROOT), **environment})


# ------------------------------------------------------------------ this computer


def test_without_vagrant_in_path_it_says_so(lab, tmp_path):
    """A machine is known, but its Vagrant has been removed."""
    (programs := tmp_path / "bin").mkdir()
    for name in ("sh", "env", "ssh", "dpkg-query"):
        if program := shutil.which(name):
            (programs / name).symlink_to(program)
    state = tmp_path / "state"
    state.mkdir()
    (state / "machine.json").write_text('{"kind": "vagrant", "provider": "virtualbox"}')
    for words in (("halt",), ("status", "--deep"), ("destroy", "--yes"), ("up", "--yes")):
        done = lab(*words, PATH=str(programs), DEPLOYLAB_STATE=str(state))
        one_message(done, "no `vagrant` command in PATH", "./lab up --yes .*PATH")


def test_results_of_another_version_are_named_and_left_alone(lab, tmp_path, monkeypatch):
    monkeypatch.setenv("DEPLOYLAB_RESULTS", str(tmp_path))
    session = results.Session.create(kind="run")
    plan = session.folder / "session.json"
    plan.write_text(plan.read_text().replace('"schema": 1', '"schema": 99'))
    before = plan.read_bytes()
    one_message(lab("report", "--session", session.id), "has schema 99; this version reads schema 1", "./lab run")
    newest = lab("report")
    assert newest.returncode == 1 and "Next: ./lab run" in newest.stderr
    assert f"lab: Session {session.id} has schema 99" in newest.stderr and ".py" not in newest.stderr
    assert plan.read_bytes() == before


def test_ctrl_c_in_the_report_does_not_send_anybody_to_measure_again(tmp_path, monkeypatch):
    def broken_off(*_):
        raise KeyboardInterrupt

    monkeypatch.setenv("DEPLOYLAB_STATE", str(tmp_path))
    monkeypatch.setattr("deploylab.cli.stages.ensure_machine", lambda *_: None)
    monkeypatch.setattr(full_run, "run", lambda *_, **__: (None, []))
    monkeypatch.setattr(report, "write", broken_off)
    stopped = CliRunner().invoke(cli.with_commands(), ["run", "--yes"]).exception
    assert (stopped.next_step, stopped.exit_status) == ("./lab report", 130)


def test_the_newest_session_is_the_newest_when_the_clock_was_put_back(tmp_path, monkeypatch):
    monkeypatch.setenv("DEPLOYLAB_RESULTS", str(tmp_path))
    first = results.Session.create(kind="run")
    first.update(created_utc=first.plan["created_utc"].replace("20", "21", 1))  # made a century ahead
    second = results.Session.create(kind="run")
    assert results.latest().id == second.id
    assert results.latest_unfinished("run").id == second.id


@pytest.mark.slow
@pytest.mark.parametrize("to", ["+3600", "-3600"])
def test_a_clock_that_jumps_during_a_load_changes_no_time(to, tmp_path):
    """The load engine sees the clock jump by an hour in the middle of its window."""
    offset = tmp_path / "offset"
    offset.write_text("+0")
    library = packages.of("libfaketime", "usr/lib/*/faketime/libfaketimeMT.so.1")
    fake = {"LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(offset), "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "PYTHONPATH": str(paths.ROOT)}
    with FaultyServer() as server:
        url = server.url("/ok?ms=5")
        spec = LoadSpec(url=url, duration_s=2, concurrency=2)
        with subprocess.Popen([sys.executable, "-m", "deploylab.load"], cwd=paths.ROOT, text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, **fake}) as engine:
            engine.stdin.write(spec.to_json() + "\n")
            engine.stdin.flush()
            until(lambda: server.counts(url)["requests"] > 50)
            offset.write_text(to)
            result = [json.loads(line) for line in engine.stdout][-1]
    assert result["event"] == "result", result
    assert 1.9 < result["duration_s"] < 2.5 and result["errors"] == {}
    assert result["latency_ns"]["min"] >= 5e6 and result["latency_ns"]["max"] < 2e9


# ------------------------------------------------------------------ with the machine


@pytest.fixture(scope="module")
def stands(machine):
    """The machine with the stage of these tests, set up correctly before and after them."""
    had = [stage.name for stage in COURSE.stages if not stage.start and on_demand.answers(machine, stage)]
    converge.to_stage(machine, COURSE, STAGE.name)
    yield machine
    for name in dict.fromkeys([*had, STAGE.name]):
        if not on_demand.answers(machine, COURSE.stage(name)):
            converge.to_stage(machine, COURSE, name)
    checks.require(checks.verify(machine, COURSE, STAGE))


@pytest.fixture
def bench(stands, tmp_path, monkeypatch):
    """A bench with one run already, in a results folder of its own."""
    monkeypatch.setenv("DEPLOYLAB_RESULTS", str(tmp_path / "results"))
    bench = Bench.of(stands, COURSE, results.Session.create(kind="measure"), LoadSettings(seconds=0.3, warmup_s=0))
    load_test.measure(bench, cell(), purpose="measure")
    return replace(bench, settings=replace(bench.settings, seconds=4.0))


def cell() -> Scenario:
    return Scenario(STAGE, COURSE.view("hello"), 4)


@pytest.mark.thorough
@pytest.mark.machine
@pytest.mark.parametrize("which", ["a worker", "all of them"])
def test_a_server_killed_during_a_load_costs_requests_that_are_counted(bench, which):
    kill = f"pkill -9 -f {WORKERS}" if which == "all of them" else f"kill -9 $(pgrep -f {WORKERS} | tail -1)"
    before = bench.machine.check_output(f"pgrep -f {WORKERS}")
    run = load_test.measure(bench, cell(), purpose="measure",
                            on_progress=once(lambda: bench.machine.run(kill, sudo=True)))
    assert bench.machine.check_output(f"pgrep -f {WORKERS}") != before
    assert run.n_sent == run.n_ok + sum(run.errors.values())
    if which == "all of them":
        assert run.errors.get("http_5xx")
    assert [one.run_id for one in bench.session.runs()][1:] == [run.run_id]
    assert comes_back(bench.machine, STAGE.name) == {}  # by itself


@pytest.mark.thorough
@pytest.mark.machine
def test_a_guest_killed_during_a_load_costs_that_run_alone(bench):
    if bench.machine.provider != "lxc":
        pytest.skip("kills a container")
    kill = ["lxc-stop", "-k", "-n", bench.machine.name]
    with pytest.raises(MachineError) as raised:
        load_test.measure(bench, cell(), purpose="measure", on_progress=once(lambda: subprocess.run(kill, check=True)))
    assert raised.value.next_step == "./lab up"
    assert len(bench.session.runs()) == 1 and not bench.session.problems()
    bench.machine.up(Progress("test"))
    assert comes_back(bench.machine, STAGE.name) == {}


@pytest.mark.thorough
@pytest.mark.machine
def test_a_guest_that_is_frozen_is_not_up_and_up_lets_it_go_on(stands, monkeypatch):
    if stands.provider != "lxc":
        pytest.skip("freezes a container")
    monkeypatch.setattr("deploylab.machine.vagrant.GREETING_S", 0.5)
    subprocess.run(["lxc-freeze", "-n", stands.name], check=True)
    try:
        assert not stands.answers()
        monkeypatch.undo()
        stands.up(Progress("test"))
    finally:
        lxc.thaw(stands.name)
    checks.require(checks.verify(stands, COURSE, STAGE))


@pytest.mark.thorough
@pytest.mark.machine
def test_a_port_taken_by_somebody_else_is_no_measurement_and_goto_takes_it_back(stands, lab, tmp_path):
    stands.check_output(f"systemctl stop nginx; cd /tmp; setsid python3 -m http.server {STAGE.port} "
                        ">/dev/null 2>&1 </dev/null & "
                        f"until ss -Hltn 'sport = :{STAGE.port}' | grep -q .; do sleep 0.1; done", sudo=True)
    done = lab(*MEASURE, DEPLOYLAB_RESULTS=str(tmp_path))
    one_message(done, "The stage is not ready:\n  NO   nginx serves port", "./lab goto nginx")
    checked = lab("check", STAGE.name)
    assert checked.returncode == 1 and "cure:  ./lab goto nginx" in checked.stdout
    back = lab("goto", STAGE.name)
    assert back.returncode == 0, back.stderr


@pytest.mark.thorough
@pytest.mark.machine
def test_a_full_disk_and_a_missing_network_of_the_guest_are_said_and_the_next_time_mends_it(stands, lab):
    """A package is removed, so there is something to install."""
    route = stands.check_output("ip route show default").strip()
    stands.check_output("apt-get -q -y purge supervisor; apt-get clean", sudo=True)
    stands.check_output("mount -t tmpfs -o size=64k none /var/cache/apt/archives; "
                        "mkdir /var/cache/apt/archives/partial", sudo=True)
    try:
        one_message(lab("goto", STAGE.name), "nginx, because its disk is full", "./lab status --deep.*./lab goto nginx")
    finally:
        stands.check_output("umount /var/cache/apt/archives", sudo=True)
    stands.check_output("ip route del default", sudo=True)
    try:
        one_message(lab("goto", STAGE.name), "nginx, because it cannot reach the network",
                    "./lab doctor.*./lab goto nginx")
    finally:
        stands.check_output(f"ip route replace {route}", sudo=True)
    assert converge.to_stage(stands, COURSE, STAGE.name).changed
    assert converge.to_stage(stands, COURSE, STAGE.name).changed == 0


@as_root
@pytest.mark.thorough
@pytest.mark.machine
def test_a_folder_of_results_that_is_read_only(stands, tmp_path):
    ours = {"DEPLOYLAB_RESULTS": str(tmp_path)}
    how = f"mount --bind {tmp_path} {tmp_path} && mount -o remount,bind,ro {tmp_path}"
    one_message(mounted(how, *MEASURE, **ours), "cannot be read or written: Read-only", "DEPLOYLAB_RESULTS=~/results")
    state = paths.state_dir()
    how = f"mount --bind {state} {state} && mount -o remount,bind,ro {state}"
    one_message(mounted(how, *MEASURE, **ours), "Read-only file system: .*/lock",
                "repair that, then ./lab measure nginx")
    assert list(tmp_path.iterdir()) == []


@as_root
@pytest.mark.thorough
@pytest.mark.machine
@pytest.mark.parametrize("size", ["4k", "8k"])  # whether the disk is full before or after the attempts are written
def test_a_disk_that_is_full_of_results(stands, tmp_path, size):
    done = mounted(f"mount -t tmpfs -o size={size} none {tmp_path}", *MEASURE, DEPLOYLAB_RESULTS=str(tmp_path))
    one_message(done, "(The disk is full|Cannot write the attempts).*safe", "df -h .*then the same command")


@pytest.mark.thorough
@pytest.mark.machine
@pytest.mark.parametrize("word", ["runserver: check", "rounds over all stages"])
def test_ctrl_c_in_every_phase_leaves_nothing_and_what_was_measured(stands, tmp_path, word):
    """See also tests/provision/test_reset.py, for the phases in which the machine is made."""
    done = interrupted(word, "run", "runserver", "--quick", "--yes", after_s=0.3, DEPLOYLAB_RESULTS=str(tmp_path))
    assert done.returncode == 130 and "Traceback" not in done.stderr
    assert done.stderr.endswith("\nlab: Stopped. What was done is kept.\nNext: ./lab run runserver --quick --yes\n")
    until(lambda: not _of_this_machine())
    with lock.held("test"):
        pass
    assert [(folder / "session.json").exists() for folder in tmp_path.iterdir()] == [True]


def _of_this_machine() -> list[Path]:
    """The processes that load or converge the machine of these tests."""
    ours = f"DEPLOYLAB_STATE={os.environ['DEPLOYLAB_STATE']}".encode()

    def read(path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError:
            return b""

    return [one for one in Path("/proc").glob("[0-9]*") if ours in read(one / "environ").split(b"\0")
            and re.search(rb"deploylab\.(load|provision\.worker)", read(one / "cmdline"))]
