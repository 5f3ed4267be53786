"""What ends requests that hang in a gthread worker, without gunicorn: a worker of ours does what gunicorn's does."""

import subprocess
import sys

import pytest

from deploylab.core import paths

FOLDER = paths.PROVISIONING / "files/etc/deploylab"
# A process with as many requests as it is told, each in a thread. Some hang; the others end once the process has to.
WORKER = """
import logging, signal, sys, threading, time, types
sys.path.insert(0, sys.argv[1])
import overdue
n_threads, n_hang, n_good = map(int, sys.argv[2:])
overdue.LIMIT_S, overdue.LOOK_EVERY_S = 0.3, 0.05
logging.basicConfig(format="%(message)s", level=logging.INFO)
worker = types.SimpleNamespace(cfg=types.SimpleNamespace(threads=n_threads), log=logging.getLogger())
stopping = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopping.set())

def handle(path, work):
    request = types.SimpleNamespace(method="GET", path=path, query="token=secret")
    overdue.pre_request(worker, request)
    work()
    overdue.post_request(worker, request, {}, None)

def wait_for_the_shop():
    time.sleep(60)

def take_orders():
    while not stopping.is_set():
        handle("/order", lambda: time.sleep(0.02))
    handle("/last", lambda: time.sleep(0.2))
    worker.log.info("the last order is done")

for _ in range(n_hang):
    threading.Thread(target=handle, args=("/hang", wait_for_the_shop), daemon=True).start()
for _ in range(n_good):
    threading.Thread(target=take_orders, daemon=True).start()
overdue.post_worker_init(worker)
time.sleep(2)
print("still here")
"""


@pytest.fixture(scope="module")
def worker():
    """The result of a process with so many threads, of which some hang and some go on answering."""
    def run(n_threads: int, n_hang: int, n_good: int = 0) -> subprocess.CompletedProcess:
        arguments = [str(FOLDER), *map(str, (n_threads, n_hang, n_good))]
        command = [sys.executable, "-B", "-c", WORKER, *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=30)
    return run


def test_a_process_whose_threads_are_all_stuck_ends(worker):
    done = worker(2, 2)
    assert done.returncode == 1 and "still here" not in done.stdout
    assert "2 of 2 threads are held" in done.stderr


def test_a_request_that_hangs_is_logged_once_with_its_place_and_without_its_query(worker):
    log = worker(100, 1).stderr
    assert log.count("REQUEST OVERDUE") == 1 and "GET /hang has taken" in log
    assert "in wait_for_the_shop" in log and "secret" not in log


def test_one_request_that_hangs_does_not_end_its_neighbours(worker):
    done = worker(100, 1, n_good=1)
    assert done.returncode == 0 and "still here" in done.stdout and "/order" not in done.stderr


def test_what_is_not_overdue_may_finish(worker):
    done = worker(2, 2, n_good=1)
    assert done.returncode == 1 and "the last order is done" in done.stderr


def test_gunicorn_uses_it_wherever_its_own_limit_does_not_count():
    for path in FOLDER.glob("gunicorn-*.py"):
        text = path.read_text()
        assert ('worker_class = "gthread"' in text) == ("from overdue import" in text), path.name
