"""When the load generator was itself the bottleneck, the result says so: each gate is provoked, and is quiet otherwise.

What slows the generator down here slows it down for real: it computes, sleeps, or shares its core. A busy computer may
hide one gate behind another, so a provocation is repeated a few times.
"""

import os
import re
import signal
import subprocess
import sys
import time
from itertools import count

import pytest
from load_helpers import FaultyServer, load
from synthetic import run

from deploylab.core import paths, units
from deploylab.load import LoadSpec, client, explain, flags, host, in_doubt, start
from deploylab.load.allowed import resolve
from deploylab.load.engine import Engine
from deploylab.load.summary import summarise
from deploylab.results import describe, lines

pytestmark = pytest.mark.alone

GATES = {"client_cpu": "client_cpu=93%", "client_wait": "client_wait=31%", "client_stall": "client_stall=15%",
         "sender_lag": "sender_lag=40%",
         "ceiling": "ceiling=88%", "behind": "behind=61%", "unsent": "unsent=12.0%"}


@pytest.fixture(scope="module")
def server():
    with FaultyServer() as server:
        yield server


def hampered(url, between, **fields):
    """The result of an engine that does something else before each of its requests."""
    spec = LoadSpec(url=url, marker="</html>", timeout_s=10, **fields)
    engine = Engine(spec, resolve(url))
    next_request = engine.wire.next_request

    def late_request():
        between()
        return next_request()

    engine.wire.next_request = late_request
    return summarise(spec, engine.run())


def compute(seconds=0.004):
    until_s = time.perf_counter() + seconds
    while time.perf_counter() < until_s:
        pass


def provoked(gates, make, times=5):
    """Whether one of these gates is raised in one of a few tries."""
    return any(describe.flag_name(flag) in gates for _ in range(times) for flag in make().flags)


def test_a_generator_that_computes_says_that_its_processor_was_short(server):
    """On a busy computer it does not get enough of one to compute all the time; then it says that it waited."""
    url = server.url("/ok")
    assert provoked(("client_cpu", "client_wait"), lambda: hampered(url, compute, duration_s=0.4, concurrency=4))


def run_last(spec):
    """The result of a load whose process is the least of all to the system."""
    with start(spec) as load:
        os.setpriority(os.PRIO_PROCESS, load.pid, 19)
        return load.wait()


@pytest.mark.skipif(host.waited_ns() is None, reason="this system does not say how long a process waited")
def test_a_generator_whose_core_is_taken_says_so(server):
    """Two other programs compute on its core, and go before it: it lies ready for much of its time, and sees answers
    late."""
    core = max(os.sched_getaffinity(0))
    burn = [sys.executable, "-c", f"import os; os.sched_setaffinity(0, [{core}])\nwhile True: pass"]
    others = [subprocess.Popen(burn) for _ in range(2)]
    try:
        spec = LoadSpec(url=server.url("/ok"), duration_s=0.5, concurrency=4, cpus=(core,))
        assert provoked(("client_wait",), lambda: run_last(spec))
    finally:
        for process in others:
            process.kill()
            process.wait()


def run_stopped(spec):
    """The result of a load whose process stands still for 60 ms of every 400."""
    with start(spec) as load:
        for n, _ in enumerate(load):  # about five events per second
            if n % 2 == 0:
                os.kill(load.pid, signal.SIGSTOP)
                time.sleep(0.06)
                os.kill(load.pid, signal.SIGCONT)
        return load.result


def test_a_generator_that_stands_still_says_so(server):
    """In a closed loop it would otherwise look as if the server had answered late."""
    url = server.url("/ok?ms=5")
    spec = LoadSpec(url=url, duration_s=1.5, concurrency=4)
    stopped = run_stopped(spec)
    assert any(flag.startswith("client_stall=") for flag in stopped.flags)
    assert min(client.run(spec).client_stalled_s for _ in range(3)) < stopped.client_stalled_s / 2


@pytest.mark.skipif(host.n_cores() < 2, reason="there is one core")
def test_a_generator_on_one_core_of_several_shares_it_with_nobody(server):
    """Bound to one core from outside, as by taskset: the server may run on the others."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, [max(allowed)])
    try:
        result = client.run(LoadSpec(url=server.url("/ok"), n_requests=5))
    finally:
        os.sched_setaffinity(0, allowed)
    assert "shared_core" not in result.flags


@pytest.mark.parametrize("n_requests", [150, 1100])
def test_a_generator_that_sends_late_says_so(server, n_requests):
    """With few requests too, where no 99th percentile exists."""
    url, each = server.url("/ok?ms=2"), count()
    assert provoked(("sender_lag",), lambda: hampered(url, lambda: next(each) % 20 or time.sleep(0.01), mode="open",
                                                      rate_per_s=1500, n_requests=n_requests))


def test_a_server_that_does_nothing_is_at_the_ceiling_and_one_that_works_is_not(server):
    url = server.url("/ok")
    ceiling_rps = load(url, duration_s=0.2, concurrency=4).rps

    def again():  # calibrated just before: a busy computer has another ceiling a second later
        return load(url, duration_s=0.2, concurrency=4, ceiling_rps=load(url, duration_s=0.2, concurrency=4).rps)

    assert provoked(("ceiling",), again)
    slow = load(server.url("/ok?ms=30"), duration_s=0.3, concurrency=4, ceiling_rps=ceiling_rps)
    assert not any(flag.startswith("ceiling") for flag in slow.flags)


def test_a_rate_that_the_server_cannot_keep_is_told(server):
    """It answers one request at a time, in 10 ms; 250 a second are due. All of them leave, and the queue grows."""
    url = server.url("/freeze?every=1&freeze_ms=10")
    made = load(url, mode="open", rate_per_s=250, duration_s=0.3)
    assert made.n_unsent == 0 and any(flag.startswith("behind=") for flag in made.flags)

    def kept():  # a busy computer may lose a tenth of a second once, and not each time
        made = load(server.url("/ok?ms=1"), mode="open", rate_per_s=250, duration_s=0.3)
        return not any(flag.startswith("behind") for flag in made.flags)

    assert any(kept() for _ in range(5))


@pytest.mark.parametrize(("gate", "flag"), GATES.items())
def test_a_gate_is_in_the_record_the_line_and_the_words(gate, flag):
    made = run(flags=[flag])
    assert in_doubt(made.flags)
    assert type(made).from_json(made.to_json()).flags == [flag]
    assert f"[{flag}]" in lines.line(made)
    assert describe.flag(flag) == describe.FLAGS[gate] and flag.partition("=")[2].replace("%", " %") in explain(flag)


def test_the_guide_lists_every_gate_with_its_threshold():
    text = (paths.ROOT / "guides/accuracy.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", text, re.MULTILINE))
    assert set(rows) == set(GATES)
    for gate, share in (("client_cpu", flags.CPU_SHARE), ("client_wait", flags.WAIT_SHARE),
                        ("client_stall", flags.STALL_SHARE),
                        ("ceiling", flags.CEILING_SHARE), ("behind", flags.RATE_SHARE), ("unsent", flags.UNSENT_SHARE)):
        assert units.percent(share) in rows[gate], gate
