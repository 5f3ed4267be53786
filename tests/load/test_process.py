"""The engine as a process: its events, how it is stopped, that it leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from load_helpers import FaultyServer
from waiting import runs, until

from deploylab import load
from deploylab.core.errors import LoadError, TargetRefused
from deploylab.core.paths import ROOT
from deploylab.load import LoadSpec, attempts


@pytest.fixture(scope="module")
def server():
    with FaultyServer() as server:
        yield server


def test_a_load_test_from_python(server, tmp_path):
    url, path = server.url("/ok?ms=2"), tmp_path / "attempts.gz"
    events = []
    result = load.run(LoadSpec(url=url, duration_s=0.7, concurrency=4, attempts_path=str(path)), events.append)
    assert result.n_sent == result.n_ok == server.counts(url)["requests"]
    assert [p.n_sent for p in events] == sorted(p.n_sent for p in events)
    assert len(events) >= 2 and events[-1].n_ok <= result.n_ok and events[-1].p50_ns > 0
    head, columns = attempts.read(path)
    assert head["n"] == len(columns["end_ns"]) == result.n_sent


def test_an_engine_is_started_before_it_is_needed_and_ends_if_it_never_is(server):
    url = server.url("/ok?early")
    with load.LoadTest() as first, load.LoadTest() as second:
        assert first.run(LoadSpec(url=url, n_requests=3)).n_ok == 3
        assert runs(second.pid)
    assert not runs(second.pid) and second.result is None
    assert server.counts(url)["requests"] == 3


def test_many_pages_and_what_their_cache_said(server):
    base = server.url("/ok")
    hit, miss = server.url("/hit"), server.url("/miss")
    paths = [url.partition(str(server.port))[2] for url in (hit, miss)]
    with load.start(LoadSpec(url=base, paths=paths, zipf=0, n_requests=200, concurrency=4, seed=1)) as test:
        result = test.wait()
    assert (result.n_ok, result.seed) == (200, 1)
    assert result.notes["n_cache_hits"] == server.counts(hit)["requests"] > 0
    assert result.notes["n_cache_misses"] == server.counts(miss)["requests"] > 0
    assert result.hit_ratio == server.counts(hit)["requests"] / 200
    assert server.counts(base)["requests"] == 0


def test_events_are_lines_of_json(server):
    spec = LoadSpec(url=server.url("/ok"), n_requests=5)
    process = engine()
    out, err = process.communicate(spec.to_json() + "\n", timeout=20)
    # communicate() ends standard input at once, so this load may be stopped before its end.
    events = [json.loads(line) for line in out.splitlines()]
    assert events[0]["event"] == "start" and events[-1]["event"] == "result"
    assert (process.returncode, err) == (0, "")


@pytest.mark.parametrize(("line", "word"), [("", "no load spec"), ("{}", "url"), ("nonsense", "JSON"),
                                            ('{"url": "http://127.0.0.1/", "n_requests": 0}', "n_requests")])
def test_a_wrong_spec_is_an_error_event(line, word):
    process = engine()
    out, err = process.communicate(line + "\n", timeout=20)
    event = json.loads(out)
    assert event["event"] == "error" and word in event["what"]
    assert (process.returncode, err) == (1, "")


def test_the_engine_is_this_clone_s_wherever_it_is_started(server, tmp_path, monkeypatch):
    """The folder that a person is in may be another clone, of another version."""
    (tmp_path / "deploylab/load").mkdir(parents=True)
    for folder in ("deploylab", "deploylab/load"):
        (tmp_path / folder / "__init__.py").touch()
    (tmp_path / "deploylab/load/__main__.py").write_text("raise SystemExit('the wrong engine')")
    monkeypatch.chdir(tmp_path)
    assert load.run(LoadSpec(url=server.url("/ok"), n_requests=2)).n_ok == 2


def test_a_large_spec_is_read_at_once(server):
    """4 MB of body: read byte by byte it took minutes."""
    url = server.url("/ok")
    process = engine()
    out, _ = process.communicate(LoadSpec(url=url, n_requests=2, method="POST", body="x" * 4_000_000).to_json() + "\n",
                                 timeout=30)
    assert json.loads(out.splitlines()[-1])["event"] == "result"
    assert server.counts(url)["requests"] > 0


def test_errors_reach_the_caller():
    with pytest.raises(TargetRefused, match="192.0.2.7"):
        load.run(LoadSpec(url="http://192.0.2.7/", n_requests=1))
    with pytest.raises(LoadError, match="not a URL"):
        load.run(LoadSpec(url="ftp://127.0.0.1/", n_requests=1))


@pytest.mark.parametrize("how", ["stop", "SIGINT", "SIGTERM"])
@pytest.mark.parametrize("fields", [{}, {"mode": "open", "rate_per_s": 100}], ids=["closed", "open"])
def test_a_stopped_load_ends_soon_with_what_it_has(server, tmp_path, how, fields):
    url, path = server.url("/ok?ms=5"), tmp_path / "attempts.gz"
    with load.start(LoadSpec(url=url, duration_s=600, concurrency=3, attempts_path=str(path), **fields)) as test:
        for n, _ in enumerate(test):
            if n == 2:
                test.stop() if how == "stop" else os.kill(test.pid, getattr(signal, how))
    result = test.result
    assert "stopped" in result.flags
    assert result.duration_s < 60 and result.n_ok > 0
    assert result.n_sent == result.n_ok + result.n_errors == attempts.read(path)[0]["n"]
    assert result.n_sent == server.counts(url)["requests"]


def test_a_stop_does_not_wait_for_a_silent_server(server):
    """What was on its way is counted nowhere, and the result says how much that was."""
    url = server.url("/silent?every=4")
    with load.start(LoadSpec(url=url, duration_s=600, concurrency=1, timeout_s=600)) as test:
        begin = None
        for progress in test:
            if progress.n_sent >= 3 and begin is None:
                begin = time.monotonic()
                test.stop()
    took_s = time.monotonic() - begin
    assert took_s < 5  # half a second of grace, and a slow machine
    assert test.result.n_sent == test.result.n_ok == 3
    assert {"stopped", "unfinished=1"} <= set(test.result.flags)


def test_a_load_that_is_left_is_stopped(server):
    with load.start(LoadSpec(url=server.url("/ok"), duration_s=600)) as test:
        pid = test.pid
    assert not runs(pid)


def test_a_killed_parent_leaves_no_orphan(server):
    spec = LoadSpec(url=server.url("/ok?ms=5"), duration_s=600)
    program = ("from deploylab.load import LoadSpec, start\n"
               f"load = start(LoadSpec.from_json({spec.to_json()!r}))\n"
               "for progress in load: print(load.pid, flush=True)\n")
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=ROOT)
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until(lambda: not runs(pid))


def test_nobody_reads_the_progress(server):
    """A full pipe does not hold up the load, nor its end."""
    url = server.url("/ok?ms=5")
    process = engine(stdout=subprocess.PIPE)
    process.stdin.write(LoadSpec(url=url, duration_s=0.5).to_json() + "\n")
    process.stdin.flush()
    until(lambda: process.poll() is not None)
    assert json.loads(process.stdout.read().splitlines()[-1])["event"] == "result"
    process.stdin.close()
    process.stdout.close()
    process.stderr.close()


def engine(**fields):
    return subprocess.Popen([sys.executable, "-m", "deploylab.load"], cwd=ROOT, text=True, **{
        "stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **fields})
