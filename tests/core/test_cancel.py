"""Stopping work in a thread: what it waits for ends, what cleans up runs, and nothing is left."""

import threading
import time

import pytest
from load_helpers import FaultyServer
from waiting import runs, until

from deploylab import load
from deploylab.core import cancel
from deploylab.core.cancel import Stop
from deploylab.load import LoadSpec
from deploylab.machine import shell

SHELL = ["sh", "-c"]
LONG_S = 600  # nothing here may last so long


@pytest.fixture(scope="module")
def server():
    with FaultyServer() as server:
        yield server


class Worker:
    """Work in a thread that can be stopped."""

    def __init__(self, work):
        self.stop, self.out, self.error = Stop(), None, None
        self.thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self.thread.start()

    def _run(self, work):
        try:
            with self.stop.listening():
                self.out = work()
        except BaseException as error:
            self.error = error

    def ended(self):
        self.thread.join(20)
        assert not self.thread.is_alive()
        return self


def test_asking_once_interrupts_once_so_that_cleaning_up_is_left_alone():
    cleaned = []

    def work():
        try:
            cancel.sleep(LONG_S)
        finally:
            cancel.check()
            cleaned.append(shell.run(SHELL, "echo clean").out)

    worker = Worker(work)
    worker.stop.ask()
    assert isinstance(worker.ended().error, KeyboardInterrupt)
    assert cleaned == ["clean\n"]


def test_asked_before_it_begins_to_wait_it_does_not_wait():
    stop = Stop()
    stop.ask()
    with stop.listening(), pytest.raises(KeyboardInterrupt):
        shell.run(SHELL, f"sleep {LONG_S}")


def test_a_command_is_ended_with_all_that_it_started():
    lines, printed = [], threading.Event()

    def on_line(line):
        lines.append(line)
        printed.set()

    worker = Worker(lambda: shell.run(SHELL, f"sleep {LONG_S} & echo $!; wait", on_line=on_line))
    assert printed.wait(10)
    worker.stop.ask()
    assert isinstance(worker.ended().error, KeyboardInterrupt)
    until(lambda: not runs(int(lines[0])))


def test_a_command_with_input_is_ended_too():
    begun = threading.Event()

    def work():
        begun.set()
        return shell.run(SHELL, f"exec sleep {LONG_S}", stdin=b"nothing")

    worker = Worker(work)
    assert begun.wait(10)
    worker.stop.ask()
    assert isinstance(worker.ended().error, KeyboardInterrupt)


@pytest.mark.parametrize("run", [load.run, load.run_until_stopped])
def test_a_load_is_ended_and_gives_what_it_has_where_that_is_wanted(server, run):
    url, running = server.url("/ok?ms=5"), threading.Event()
    worker = Worker(lambda: run(LoadSpec(url=url, duration_s=LONG_S, concurrency=2), lambda progress: running.set()))
    assert running.wait(20)
    worker.stop.ask()
    worker.ended()
    after = server.counts(url)["requests"]
    if run is load.run:
        assert isinstance(worker.error, KeyboardInterrupt)
    else:
        assert "stopped" in worker.out.flags and 0 < worker.out.n_ok <= after
    time.sleep(0.2)
    assert server.counts(url)["requests"] == after


def test_a_fault_is_told_where_nobody_asked():
    stop = Stop()
    with stop.listening(), pytest.raises(OSError, match="broken"), cancel.ended_by(lambda: None):
        raise OSError("broken")


def test_elsewhere_it_has_no_effect():
    stop = Stop()
    stop.ask()
    cancel.check()
    cancel.sleep(0)
    with cancel.ended_by(lambda: pytest.fail("called")):
        assert shell.run(SHELL, "echo on").out == "on\n"
