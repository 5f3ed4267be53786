"""The programs that run on the guest. They are standard library only, so they also run here."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploylab.machine import usage
from deploylab.machine.guest import facts, sample
from tests.waiting import until


def run_sample(*arguments: str) -> dict:
    done = subprocess.run([sys.executable, "-", *arguments], input=Path(sample.__file__).read_bytes(),
                          capture_output=True, check=True)
    return json.loads(done.stdout)


def spinner(name: str, seconds: float = 30) -> subprocess.Popen:
    """A process with a child that both use a processor; `name` stands in their command lines."""
    code = f"# {name}\nimport os, time\nos.fork()\nend = time.time() + {seconds}\nwhile time.time() < end: pass"
    return subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.DEVNULL, start_new_session=True)


def test_a_process_and_its_child_are_counted_with_what_they_use():
    process = spinner("deploylab-spinner-one")
    try:
        until(lambda: run_sample("deploylab-spinner-one")["n_processes"] == 2, "it has no child")
        before = run_sample("deploylab-spinner-one")
        time.sleep(1.0)
        after = run_sample("--memory", "deploylab-spinner-one")
    finally:
        os.killpg(process.pid, 9)
        process.wait()
    assert before["n_processes"] == after["n_processes"] == 2
    assert after["cpu_s"] > before["cpu_s"]
    assert 0 < after["pss_bytes"] <= after["rss_bytes"]
    assert before["pss_bytes"] == 0  # memory is only read when it is asked for


def test_the_sampler_does_not_count_itself_or_its_caller():
    assert run_sample("no-process-has-this-name")["n_processes"] == 0


def test_the_processor_time_of_a_process_is_exact():
    """As the process itself reads it: between what it read before and what it reads after."""
    before_s = time.process_time()
    found_s = sample.cpu_s(os.getpid()) - sum(os.times()[2:4])  # less what its children have used
    assert before_s < found_s < time.process_time()


def test_facts_are_those_of_this_machine():
    seen = facts.facts({"python": ["python3", "-V"], "other": ["no-such-program-at-all"]})
    assert seen["n_cpu"] == len(os.sched_getaffinity(0))
    assert list(seen["versions"]) == ["python"] and seen["versions"]["python"].startswith("3.")
    assert seen["memory_bytes"] > 0
    json.dumps(seen)


def test_a_program_that_is_not_there_has_no_version():
    assert facts.version(["no-such-program-at-all"]) is None


def test_a_sampled_process_that_went_away_gives_no_cost():
    before = {"n_processes": 2, "cpu_s": 5.0, "runq_wait_s": 1.0, "rss_bytes": 0, "pss_bytes": 0}
    after = {"n_processes": 2, "cpu_s": 6.5, "runq_wait_s": 1.25, "rss_bytes": 300, "pss_bytes": 200}
    assert usage.between(before, after) == {
        "server_cpu_s": 1.5, "server_runq_wait_s": 0.25, "server_rss_bytes": 300, "server_pss_bytes": 200}
    gone = {"n_processes": 0, "cpu_s": 0.0, "runq_wait_s": 0.0, "rss_bytes": 0, "pss_bytes": 0}
    assert set(usage.between(before, gone).values()) == {None}


# What each kind of server says when it is asked, as its protocol has it. Each question adds 3 and 1.
SAYS = {
    "memcached": "STAT pid 7\r\nSTAT get_hits {hits}\r\nSTAT get_misses {misses}\r\nEND\r\n",
    "redis-server": "${size}\r\n# Stats\r\nkeyspace_hits:{hits}\r\nkeyspace_misses:{misses}\r\n\r\n",
}
CACHE = """
import socket, sys
path, says = sys.argv[-2].removeprefix("unixsocket:"), sys.argv[-1]
listener, n = socket.create_server(path, family=socket.AF_UNIX), 0
while True:
    connection, _ = listener.accept()
    n += connection.recv(100) in (b"stats\\r\\n", b"INFO stats\\r\\n")
    connection.sendall(says.format(hits=3 * n, misses=n, size=60).encode())
"""


@pytest.fixture
def server_named(tmp_path):
    """Start a Python program under another program's name; it is ended after the test."""
    started = []

    def start(name: str, text: str, *arguments: str) -> None:
        (tmp_path / "program.py").write_text(text)
        (tmp_path / name).symlink_to(sys.executable)
        started.append(subprocess.Popen([tmp_path / name, tmp_path / "program.py", *arguments]))

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.parametrize(("name", "option"), [("memcached", ["-s", "{}"]), ("redis-server", ["unixsocket:{}"])])
def test_a_cache_server_among_the_processes_is_asked_what_it_counted(tmp_path, server_named, name, option):
    at = tmp_path / "cache.sock"
    server_named(name, CACHE, *(one.format(at) for one in option), SAYS[name])
    until(at.exists)
    before, after = (run_sample(*memory, "--counters", str(at)) for memory in ([], ["--memory"]))
    assert "cache_hits" not in run_sample(str(at)), "only when it is asked for"
    assert (before["cache_hits"], after["cache_misses"], before["n_processes"]) == (3, 2, 1)
    assert usage.counted(before, after) == {"n_app_cache_hits": 3, "n_app_cache_misses": 1}


def test_a_server_that_does_not_answer_or_began_anew_has_no_figure(tmp_path, server_named):
    server_named("memcached", "import time; time.sleep(30)", "-s", f"{tmp_path}/none.sock")
    until(lambda: run_sample(str(tmp_path))["n_processes"])
    assert "cache_hits" not in run_sample("--counters", str(tmp_path))
    assert usage.counted({"db_queries": 900}, {"db_queries": 20}) == usage.counted({}, {"db_queries": 20}) == {}
