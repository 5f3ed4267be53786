"""The five small servers of lesson 01: how they answer, start and end; their cores; their exercise."""

import html
import os
import re
import runpy
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from urllib.request import urlopen

import pytest
import synthetic
from waiting import until

from deploylab import load
from deploylab.core import paths
from deploylab.core.errors import DeployLabError, HostError, LoadError
from deploylab.lessons.display.program import shown_source
from deploylab.lessons.servers import cores, race, visitors
from deploylab.lessons.servers import process as children
from deploylab.lessons.servers.cores import Cores
from deploylab.lessons.servers.process import SERVERS, serving
from deploylab.lessons.servers.result import KINDS
from deploylab.machine.guest.sample import server_pids

pytestmark = pytest.mark.alone

LINES = 20  # of a server, its docstring, imports and blank lines left out
MACHINE = synthetic.MACHINE | {"kind": "this computer", "provider": None, "gil": True}
needs_two_cores = pytest.mark.skipif(not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2,
                                     reason="a server and its load need a core each")


def living(child) -> list[int]:
    """The processes of a server that have not ended yet."""
    return [pid for pid in server_pids([child.pattern]) if not is_zombie(pid)]


def is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def together_s(url: str, n: int) -> float:
    """How long n visitors at the same time take together."""
    with ThreadPoolExecutor(n) as pool:
        begun_s = time.monotonic()
        for body in pool.map(lambda _: urlopen(url, timeout=10).read(), range(n)):
            assert body.endswith(b"done\n")
    return time.monotonic() - begun_s


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_is_short_enough_to_be_read_aloud(kind):
    text = (SERVERS / f"{kind}.py").read_text(encoding="utf-8")
    body = re.sub(r'^""".*?"""', "", text, flags=re.S)
    code = [line for line in body.splitlines() if line.strip() and not re.match(r"(import|from) ", line)]
    assert len(code) <= LINES


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_answers_both_paths_and_leaves_nothing_behind(kind):
    with serving(SERVERS / f"{kind}.py") as child:
        for path in race.PATHS:
            result = load.run(load.LoadSpec(url=f"{child.url}/{path}", n_requests=3, concurrency=3, keepalive=False,
                                            marker=race.MARKER))
            assert (result.n_ok, result.errors) == (3, {})
        assert child.pid in living(child)
    assert not living(child)


def test_two_waiting_visitors_take_as_long_as_one_with_threads_and_twice_as_long_without():
    """Compared with the wait itself, which no visitor can fall below, however busy the computer is."""
    twice_s = 2 * race.wait_s()
    with serving(SERVERS / "blocking.py") as child:
        assert all(together_s(f"{child.url}/wait", 2) >= twice_s for _ in range(3))
    with serving(SERVERS / "threaded.py") as child:
        assert any(together_s(f"{child.url}/wait", 2) < twice_s for _ in range(10))


@pytest.mark.parametrize("kind", ["forking", "mixed"])
def test_a_server_of_several_processes_answers_from_several(kind):
    with serving(SERVERS / f"{kind}.py") as child, ThreadPoolExecutor(10) as pool:
        def several() -> bool:
            bodies = pool.map(lambda _: urlopen(f"{child.url}/wait", timeout=10).read(), range(10))
            return len({body.split(b",")[0] for body in bodies}) > 1

        until(several, "one process answers all")  # the first may have its threads before the second has any


def test_a_visitor_who_leaves_early_ends_no_server():
    for kind in KINDS:
        with serving(SERVERS / f"{kind}.py") as child:
            port = int(child.url.rpartition(":")[2])
            for _ in range(20):
                with socket.create_connection(("127.0.0.1", port)) as visitor:
                    visitor.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # leaves with a reset
                    visitor.sendall(b"GET /cpu HTTP/1.1\r\n\r\n")
            assert urlopen(f"{child.url}/cpu", timeout=10).read().endswith(b"done\n")


def test_after_an_error_in_the_block_nothing_is_left():
    with pytest.raises(KeyboardInterrupt), serving(SERVERS / "mixed.py") as child:
        assert len(living(child)) == 2
        raise KeyboardInterrupt
    assert not living(child)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_who_is_ended_takes_the_server_along(number):
    """After Ctrl-C the owner cleans up; after SIGKILL it cannot, and the keeper does it."""
    code = ("import time; from deploylab.lessons.servers.process import SERVERS, serving\n"
            "with serving(SERVERS / 'mixed.py') as child:\n"
            "    print(child.pattern, flush=True)\n"
            "    time.sleep(60)")
    owner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                             env={**os.environ, "PYTHONPATH": str(paths.ROOT)})
    pattern = owner.stdout.readline().strip()
    child = SimpleNamespace(pattern=pattern)
    assert living(child)
    owner.send_signal(number)
    owner.communicate()
    until(lambda: not living(child), "the server outlives its owner")


def test_a_program_that_ends_at_once_says_why(tmp_path):
    program = tmp_path / "wrong.py"
    program.write_text("raise SystemExit('the port is too high')\n")
    with pytest.raises(LoadError, match="wrong.py ended .* the port is too high"), serving(program):
        pass


@needs_two_cores
def test_a_server_stays_on_its_cores_and_we_keep_ours():
    before = os.sched_getaffinity(0)
    core = min(before)
    with serving(SERVERS / "mixed.py", [core]) as child:
        assert [os.sched_getaffinity(pid) for pid in living(child)] == [{core}, {core}]
    assert os.sched_getaffinity(0) == before


def test_who_gets_which_cores():
    assert cores.divide([2, 3, 5, 7], parallel=True) == cores.divide([2, 3, 5, 7], parallel=False) == Cores(
        server=(2, 3), load=(5,))
    assert cores.divide([0, 1], parallel=False) == Cores(server=(0,), load=(1,))
    assert cores.divide([0, 1], parallel=True).shared
    with pytest.raises(HostError, match="one core"):
        cores.divide([0], parallel=False)


def test_work_on_a_core_is_seen():
    allowed, core = os.sched_getaffinity(0), min(cores.available())
    before_s, until_s = cores.busy_s([core]), time.process_time() + 0.3
    os.sched_setaffinity(0, [core])
    try:
        while time.process_time() < until_s:
            pass
    finally:
        os.sched_setaffinity(0, allowed)
    assert cores.busy_s([core]) > before_s


def test_there_is_no_other_server():
    with pytest.raises(DeployLabError, match="blocking, forking, threaded"):
        visitors.visit("preforking", "wait", 1)


def test_a_program_is_shown_as_it_is():
    text = (SERVERS / "forking.py").read_text(encoding="utf-8")
    shown = shown_source("servers/forking.py")
    assert shown.text == text
    assert html.unescape(re.sub(r"<[^>]+>", "", shown.body.partition("<pre>")[2])).strip() == text.strip()
    with pytest.raises(DeployLabError, match="servers/blocking.py"):
        shown_source("servers/nothing.py")


@pytest.fixture(scope="module")
def exercise() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(paths.ROOT / "notebooks" / "exercises" / "01_visitors.py")))


def still_wrong(exercise, cell: str) -> str:
    namespace = {}
    exec(cell, namespace)
    return exercise.check(None, namespace)


def test_the_exercise_fails_at_first_and_its_solution_solves_it(exercise):
    assert re.search(r"waited [\d.]+ times as long as one visitor alone", still_wrong(exercise, exercise.START))
    assert still_wrong(exercise, exercise.SOLUTION) == ""
    assert len(exercise.START.splitlines()) <= 10 and exercise.TASK.strip() and all(exercise.HINTS)


def test_another_way_to_solve_the_exercise_is_as_good(exercise):
    program = (SERVERS / "mixed.py").read_text(encoding="utf-8")
    assert exercise.check(None, {"PROGRAM": program}) == ""


@pytest.mark.parametrize("change, message", [
    (("while True", "for _ in range(8)"), "of ten visitors, . got no good answer"),
    (("visitor.sendall(work(visitor.recv(4096)))", "visitor.sendall(visitor.recv(4096))"), "did not answer"),
    (("recv(4096)", "recv(4096).replace(b'wait', b'cpu')"), "less than 50 ms"),
    (("while True:", "while True"), "SyntaxError"),
])
def test_a_wrong_answer_to_the_exercise_is_told_what_is_wrong(exercise, change, message, monkeypatch):
    if message == "did not answer":  # the others have to answer first, which may take long on a busy computer
        monkeypatch.setattr(children, "START_S", 1.0)
    assert re.search(message, still_wrong(exercise, exercise.SOLUTION.replace(*change)), re.I)


def test_without_a_program_the_exercise_says_so(exercise):
    assert "no PROGRAM" in exercise.check(None, {})


@needs_two_cores
def test_ten_waiting_visitors_are_served_together_by_threads_and_in_turn_without():
    divided = cores.divide(cores.available(), parallel=False)

    def most_rps(kind: str) -> float:  # the best of three: other programs can only make it lower
        return max(race.measure(kind, "wait", divided, seconds=0.6, machine=MACHINE, session_id="s",
                                   round_number=1).rps for _ in range(3))

    assert most_rps("threaded") > 5 * most_rps("blocking")


@pytest.mark.slow
@pytest.mark.skipif(not race.has_gil(), reason="this Python has no GIL")
@needs_two_cores
def test_processes_compute_on_two_cores_and_threads_on_one():
    divided = cores.divide(cores.available(), parallel=True)

    def busy_cores(kind: str) -> float:
        run = race.measure(kind, "cpu", divided, seconds=0.8, machine=MACHINE, session_id="s", round_number=1)
        return run.server_cpu_s / run.duration_s

    def two_at_work() -> bool:
        time.sleep(1)
        return busy_cores("mixed") > 1.15

    # Other programs can only make both lower, so the highest of a few shows what each can do.
    assert max(busy_cores("threaded") for _ in range(3)) < 1.15
    until(two_at_work, "two processes never had two cores", seconds=180)
