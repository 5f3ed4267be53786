"""A visitor far away: the line delays and limits as it says, TCP through it is real, and nothing of it is left behind.

Without a machine: this computer plays the guest, and the line leads to a server of the test's own. That takes root.
"""

import multiprocessing
import os
import signal
import subprocess
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from deploylab.core.errors import MachineError, TargetRefused
from deploylab.load import LoadSpec
from deploylab.machine import shell
from deploylab.machine.reach import Reach
from deploylab.measure import distance
from deploylab.measure.distance import Distance
from tests.waiting import once, until

MAY = os.geteuid() == 0 and subprocess.run(["unshare", "--net", "true"], capture_output=True).returncode == 0
root = pytest.mark.skipif(not MAY, reason="it takes root to make network namespaces")
PAGE = b'<html><img src="/1000"><img src="/2000"></html>'
TOLERANCE = 0.15


class Here(Reach):
    """This computer as a guest."""

    kind, host = "local", "127.0.0.1"

    def run(self, command, *, sudo=False, **options):
        return shell.run(["sh", "-c"], command, **options)


class Answers(BaseHTTPRequestHandler):
    """`/N` is N bytes, `/page` a page with two pictures."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = PAGE if self.path == "/page" else bytes(int(self.path[1:]))
        self.server.hosts.append(self.headers["Host"])
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def own_address():
    """An address of this computer that is not loopback, on a device of the test's own."""
    name, address = f"dlt{os.getpid()}", f"192.0.2.{os.getpid() % 250 + 2}"
    subprocess.run(["ip", "link", "add", name, "type", "veth", "peer", "name", f"{name}p"], check=True)
    try:
        subprocess.run(["ip", "addr", "add", f"{address}/32", "dev", name], check=True)
        subprocess.run(["ip", "link", "set", name, "up"], check=True)
        yield address
    finally:
        subprocess.run(["ip", "link", "del", name], check=True)


@pytest.fixture(scope="module")
def server():
    """It listens on loopback alone, as the servers of a local machine do."""
    with serving("127.0.0.1") as server:
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def server_elsewhere(own_address):
    with serving(own_address) as server:
        yield server
        server.shutdown()


def serving(address):
    server = ThreadingHTTPServer((address, 0), Answers)
    server.daemon_threads, server.hosts = True, []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def spec(server, path="/0", **fields):
    host, port = server.server_address
    how = {"n_requests": 3, "keepalive": False} | fields
    return LoadSpec(url=f"http://{host}:{port}{path}", allowed_addresses=(host,), timeout_s=10, **how)


def loaded(server, path="/0", away=None, **fields):
    return distance.run(Here(), spec(server, path, **fields), away or Distance())


def without_tun(tmp_path, monkeypatch):
    """The guest may open no /dev/net/tun, as in an LXC container."""
    changed(tmp_path, monkeypatch, '"/dev/net/tun"', '"/dev/net/none"')


def changed(tmp_path, monkeypatch, *changes):
    """The guest gets the programs with such changes: what is there, and what comes in its place, in pairs."""
    for name in distance.LINE:
        text = (distance.GUEST / name).read_text()
        for there, instead in zip(changes[::2], changes[1::2], strict=True):
            assert there in text or name != "line.py"
            text = text.replace(there, instead)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(distance, "GUEST", tmp_path)


def left():
    """What is left of lines: devices, and processes by their command line."""
    devices = [name for name in os.listdir("/sys/class/net") if name.startswith("dl") and not name.startswith("dlt")]
    lines = subprocess.run(["ps", "-A", "-o", "args="], capture_output=True, text=True, check=True).stdout
    return devices + [line for line in lines.splitlines() if distance.START in line]


def nothing_left():
    return not left()


# -- the line ------------------------------------------------------------------------


@root
@pytest.mark.alone
@pytest.mark.parametrize("tun", [True, False])
def test_a_connection_takes_the_round_trip(server, server_elsewhere, tun, tmp_path, monkeypatch):
    if not tun:
        without_tun(tmp_path, monkeypatch)
    for where in (server, server_elsewhere):
        for rtt_ms in (40, 100):
            result = loaded(where, away=Distance(rtt_ms, 10))
            assert 1 <= result.line_connect_ns / (rtt_ms * 1e6) <= 1 + TOLERANCE
            # A new connection, then the request: two round trips at least.
            assert 2 <= result.latency_ns["min"] / (rtt_ms * 1e6) <= 2 * (1 + TOLERANCE)
            assert (result.line_rtt_ms, result.line_mbit_per_s, result.n_ok) == (rtt_ms, 10, 3)
            assert 1 - TOLERANCE <= result.line_carried_mbit_per_s / 10 <= 1 + TOLERANCE
            assert result.line_means == "netem" or result.line_means == ("tun" if tun else "packet sockets")
    assert not left()


@root
@pytest.mark.alone
@pytest.mark.parametrize("tun", [True, False])
def test_a_body_takes_the_rate_and_a_connection_begins_slowly(server, tun, tmp_path, monkeypatch):
    if not tun:
        without_tun(tmp_path, monkeypatch)
    empty, small, middle, large = (loaded(server, f"/{n}").latency_ns["min"] for n in (0, 125_000, 375_000, 500_000))
    wire_s = 125_000 * 8 / 10e6 * 1514 / 1448  # 100 ms, and the headers of its segments
    assert 1 - TOLERANCE <= (large - middle) / 1e9 / wire_s <= 1 + TOLERANCE
    # The first 125 kB take longer: TCP waits for the first acknowledgements, a round trip each.
    assert 1 + TOLERANCE < (small - empty) / 1e9 / wire_s < 2.5
    faster = loaded(server, "/500000", Distance(40, 20)).latency_ns["min"]
    slower = loaded(server, "/500000", Distance(40, 5)).latency_ns["min"]
    assert faster < large < slower


@root
@pytest.mark.alone
@pytest.mark.parametrize("mbit", [1, 40])
def test_the_rate_is_measured_before_the_load(server, mbit):
    assert 1 - TOLERANCE <= loaded(server, away=Distance(20, mbit)).line_carried_mbit_per_s / mbit <= 1 + TOLERANCE


@root
@pytest.mark.parametrize(("is_so", "should_be", "said"), [
    # What the line does, in the program; what it should do; and what is said of it.
    ("self.free_s + 2 * one_way_s", "self.free_s + one_way_s", r"was to be 40 ms and 10 Mbit/s, and is 8\d"),
    ("len(frame) / bytes_per_s * 2", "len(frame) / bytes_per_s", r"and is \S+ ms and [45](\.\d+)? Mbit/s"),
])
def test_a_line_that_is_not_as_asked_carries_no_load(server, is_so, should_be, said, tmp_path, monkeypatch):
    # Of the kernel's own line there is nothing to change.
    changed(tmp_path, monkeypatch, '("netem", netem), ', "", should_be, is_so)
    before = list(server.hosts)
    with pytest.raises(MachineError, match=said):
        loaded(server)
    assert server.hosts == before and not left()


@root
def test_a_visit_is_asked_for_at_the_url_s_own_host(server_elsewhere):
    result = loaded(server_elsewhere, "/page", visitor="first", keepalive=True)
    assert (result.n_ok, result.errors, result.notes["requests_per_visit"]) == (3, {}, 3)
    assert set(server_elsewhere.hosts) == {":".join(map(str, server_elsewhere.server_address))}


@root
def test_two_lines_do_not_meet(server):
    results = []
    lines = [threading.Thread(target=lambda: results.append(loaded(server))) for _ in range(2)]
    for line in lines:
        line.start()
    for line in lines:
        line.join()
    assert [result.n_ok for result in results] == [3, 3]


# -- nothing is left -----------------------------------------------------------------


def load_for_ever(url):
    distance.run(Here(), LoadSpec(url=url, duration_s=600), Distance())


@root
@pytest.mark.parametrize("tun", [True, False])
def test_a_killed_caller_leaves_nothing_behind(server, tun, tmp_path, monkeypatch):
    if not tun:  # a fork has the changed program too
        without_tun(tmp_path, monkeypatch)
    caller = multiprocessing.get_context("fork").Process(target=load_for_ever, args=[spec(server).url])
    caller.start()
    until(lambda: any(text.startswith("dl") for text in left()), "the line was not made")
    caller.kill()
    caller.join()
    until(nothing_left, "something outlived its caller")


@root
@pytest.mark.parametrize("tun", [True, False])
def test_a_killed_program_leaves_nothing_behind(server, tun, tmp_path, monkeypatch):
    if not tun:
        without_tun(tmp_path, monkeypatch)

    def kill():
        pid = next(int(name[2:-1]) for name in left() if name.startswith("dl"))
        os.kill(pid, signal.SIGKILL)

    with pytest.raises(MachineError, match="without a result"):
        distance.run(Here(), spec(server, n_requests=None, duration_s=600), Distance(), on_progress=once(kill))
    until(nothing_left, "something outlived the program")


@root
def test_ctrl_c_leaves_nothing_behind(server):
    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        distance.run(Here(), spec(server, n_requests=None, duration_s=600), Distance(), on_progress=once(interrupt))
    until(nothing_left, "something is left")


@root
def test_what_does_not_answer_is_said():
    silent = SimpleNamespace(server_address=("127.0.0.1", 9))
    with pytest.raises(MachineError, match="127.0.0.1, port 9, does not answer through it"):
        loaded(silent)
    assert not left()


@root
def test_the_engine_s_own_errors_arrive_as_they_are(server_elsewhere):
    with pytest.raises(TargetRefused, match="neither this computer"):
        distance.run(Here(), replace(spec(server_elsewhere), allowed_addresses=()), Distance())
    assert not left()
