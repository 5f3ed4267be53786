"""The programs that run on the guest. They are standard library only, so they also run here."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from deploylab.guest import facts, sample


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
        time.sleep(0.4)
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


def test_facts_are_those_of_this_machine():
    seen = facts.facts()
    assert seen["n_cpu"] == len(os.sched_getaffinity(0))
    assert seen["versions"]["python"].startswith("3.")
    assert seen["memory_bytes"] > 0
    json.dumps(seen)


def test_a_program_that_is_not_there_has_no_version():
    assert facts.version(["no-such-program-at-all"]) is None
