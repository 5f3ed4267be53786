"""What processes requests, and how many at a time: the checks without a machine, and the budget of connections."""

import dataclasses
import json
import re
import socketserver
import threading
import time
from contextlib import suppress

import pytest

from deploylab import course as courses
from deploylab.core import paths
from deploylab.machine import Completed
from deploylab.machine.guest import many_visitors
from deploylab.provision.checks import capacity, trouble
from deploylab.provision.checks.base import Look, Response

COURSE = courses.load()
APACHE = COURSE.stage("apache")
DAEMON, MASTER = "(wsgi:django)     -k start ", "/usr/sbin/apache2 -k start "
TWO = {7: {1, 2}, 8: {1, 2}}


class Scripted:
    """A machine that answers each command by the first word found in it."""

    host, kind, provider = "192.0.2.1", "vagrant", "none"

    def __init__(self, answers: dict[str, str]):
        self.answers = answers

    def url(self, target, path="/"):
        return f"http://{self.host}:{target.port}{path}"

    def run(self, command, **options):
        return Completed(command, 0, next((out for word, out in self.answers.items() if word in command), ""))


def look(answers: dict[str, str], workers=TWO, **expect) -> Look:
    look = Look(Scripted(answers), COURSE, dataclasses.replace(APACHE, expect={**APACHE.expect, **expect}))
    look.workers = workers
    return look


@pytest.mark.parametrize(("lines", "ok"), [
    ((DAEMON, DAEMON), True), ((DAEMON, MASTER), False), ((MASTER, MASTER), False),
])
def test_every_process_that_answers_is_checked(lines, ok):
    answers = {"/proc/7/": lines[0], "/proc/8/": lines[1], "grep": "/etc/apache2/x.conf:3:  WSGIProcessGroup other"}
    check = capacity.process_is(look(answers))
    assert check.ok is ok
    assert ok or (MASTER.strip() in check.seen and "x.conf:3: WSGIProcessGroup other" in check.cause)


def test_the_check_fails_if_nothing_answers():
    check = capacity.process_is(look({"systemctl is-active": "failed\n"}, workers={}))
    assert not check.ok and "is failed" in check.cause


STATUS = "ServerVersion: Apache/2.4 (Debian)\nBusyWorkers: 1\nIdleWorkers: {idle}\nProcesses: 1\n"


@pytest.mark.parametrize(("status", "ok", "seen"), [
    (STATUS.format(idle=63), True, "64 threads in 1 process"),
    (STATUS.format(idle=31), False, "32 threads in 1 process"),
    ("<html>Not Found</html>", False, "no /server-status"),
])
def test_busy_and_idle_threads_are_counted(status, ok, seen):
    check = capacity.max_request_workers(look({"server-status": status, "is-active": "active"}, max_request_workers=64))
    assert (check.ok, check.seen) == (ok, seen)


# Two connections of process 7, one of 8, one of another program, and a socket of another kind.
CONNECTIONS = """\
u_str ESTAB 0 0 /run/mysqld/mysqld.sock 100 * 200 users:(("mariadbd",pid=1,fd=30))
u_str ESTAB 0 0 /run/mysqld/mysqld.sock 101 * 201 users:(("mariadbd",pid=1,fd=31))
u_str ESTAB 0 0 /run/mysqld/mysqld.sock 102 * 202 users:(("mariadbd",pid=1,fd=32))
u_str ESTAB 0 0 /run/mysqld/mysqld.sock 103 * 203 users:(("mariadbd",pid=1,fd=33))
u_str ESTAB 0 0 * 200 * 100 users:(("apache2",pid=7,fd=12))
u_str ESTAB 0 0 * 201 * 101 users:(("apache2",pid=7,fd=13))
u_str ESTAB 0 0 * 202 * 102 users:(("apache2",pid=8,fd=12))
u_str ESTAB 0 0 * 203 * 103 users:(("python",pid=77,fd=12))
u_str ESTAB 0 0 * 300 * 301 users:(("apache2",pid=7,fd=2))
"""


@pytest.mark.parametrize(("slots", "most", "word"), [
    (3, 999, None), (2, 999, "it holds 3, but has only 2"), (3, 60, "is 60, and"),
])
def test_connections_held_and_allowed(slots, most, word):
    check = capacity.database_connections(look({"max_connections'": f"{most}\n", "ss ": CONNECTIONS, "nproc": "1"},
                                               database_connections=slots))
    assert check.ok is (word is None)
    assert "it holds 3 of 3" in check.seen if check.ok else word in check.seen


def test_the_database_server_allows_all_connections_that_the_stages_may_hold():
    text = (paths.PROVISIONING / "files/etc/mysql/mariadb.conf.d/60-deploylab.cnf").read_text()
    most = int(re.search(r"^max_connections = (\d+)", text, re.MULTILINE)[1])
    budget = capacity._budget(look({"nproc": "2"}))
    assert sum(budget.values()) <= most
    assert int(re.search(r"^# (\d+) in all", text, re.MULTILINE)[1]) == sum(budget.values())


def test_front_servers_of_the_same_application_server_share_its_slots():
    budget = capacity._budget(look({"nproc": "1"}))
    assert budget["nginx"] == 16 and "apache:proxy" not in budget
    assert budget["apache"] == budget["apache:embedded"] == 16 and "apache:sqlite" not in budget
    assert not {target.name for target in COURSE.all_targets if target.start} & set(budget)


@pytest.mark.parametrize(("n_cpu", "processes"), [("1", 3), ("2", 5)])
def test_a_number_of_processes_may_depend_on_the_processors_of_the_machine(n_cpu, processes):
    assert look({"nproc": f"{n_cpu}\n"}, processes="2n + 1").expect["processes"] == processes


@pytest.mark.parametrize("target", COURSE.targets, ids=lambda target: target.name)
def test_a_target_may_hold_as_many_connections_as_it_has_slots(target):
    if "database_connections" in target.expect:
        assert target.expect["database_connections"] == target.slots


@pytest.mark.parametrize(("n_held", "there", "named"), [
    (16, "127.0.0.1:8799", True), (15, "127.0.0.1:8799", False), (16, "127.0.0.1:8002", False)])
def test_the_service_that_all_slots_wait_for_is_named(n_held, there, named):
    """Fewer than all, or visitors of the server itself, are no reason."""
    here = f"127.0.0.1:{8002 if there.endswith('8002') else 40000}"
    rows = "".join(f'0 0 {here} {there} users:(("apache2",pid=12,fd={n}))\n' for n in range(n_held))
    others = '0 0 127.0.0.1:40001 127.0.0.1:8799 users:(("curl",pid=99,fd=3))\n'
    found = trouble._hanging(look({"pgrep": "12\n", "ss -Htnp": others + rows, "nproc": "1\n"}))
    assert bool(found) is named
    assert not named or ("16 requests wait for 127.0.0.1:8799" in found[0]
                         and "sudo systemctl restart apache2" in found[1])


# ------------------------------------------------------------------------------- many visitors

def held(**seen):
    """What the check says where the guest program saw this, and the server answers."""
    result = {"connected": 190, "kept": 190, "status": "200", "took_s": 0.2, **seen}
    answers = {"python3 -": json.dumps(result), "open files": "1024\n",
               "grep -HnE": "/etc/apache2/x.conf:3:ThreadsPerChild 8"}
    crowded = look(answers)
    crowded.get = lambda path: Response(200, {}, "")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(capacity, "IDLE_S", 0)
        return capacity.connections(crowded)


def test_as_many_visitors_as_promised_are_kept_and_the_last_one_gets_an_answer():
    assert held().ok and "190 connected, 190 of them kept; the last one got 200" in held().seen


@pytest.mark.parametrize("seen", [{"status": ""}, {"status": "503"}, {"kept": 150}, {"connected": 150, "kept": 150}])
def test_a_visitor_too_many_is_seen(seen):
    check = held(**seen)
    assert not check.ok and "1024 open files" in check.cause and "ThreadsPerChild 8" in check.cause


class Crowded(socketserver.ThreadingTCPServer):
    """A server on loopback that answers HEAD, keeps so many connections, and then closes or ignores the others."""

    daemon_threads, request_queue_size = True, 64

    def __init__(self, keeps: int, then: str):
        self.n_seen, self.keeps, self.then = 0, keeps, then
        super().__init__(("127.0.0.1", 0), Keeping)


class Keeping(socketserver.BaseRequestHandler):
    def handle(self):
        self.server.n_seen += 1
        if self.server.n_seen > self.server.keeps:
            if self.server.then == "ignores":
                time.sleep(2)
            return
        with suppress(ConnectionResetError):  # so visitors leave
            self.answer()

    def answer(self):
        while self.request.recv(1000):
            self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")


@pytest.mark.parametrize(("keeps", "then", "status", "kept"), [
    (20, "closes", "200", 20), (19, "ignores", "", 20), (15, "closes", "", 15)])
@pytest.mark.parametrize("each_asks", [True, False])
def test_visitors_who_stay_are_counted(monkeypatch, keeps, then, status, kept, each_asks):
    monkeypatch.setattr(many_visitors, "TIMEOUT_S", 0.5)
    with Crowded(keeps, then) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        seen = many_visitors.connect(server.server_address[1], 20, "/x.css", each_asks)
        server.shutdown()
    assert (seen["status"], seen["kept"]) == (status, min(kept, seen["connected"]))


def test_a_server_that_takes_its_time_with_each_visitor_is_not_waited_for(monkeypatch):
    """Somebody else's program on the port, which serves one after the other: the rest of 1,500 would take minutes."""
    monkeypatch.setattr(many_visitors, "LONGEST_S", 0.0)
    with Crowded(20, "closes") as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        seen = many_visitors.connect(server.server_address[1], 1500, "/x.css", True)
        server.shutdown()
    assert seen["status"] == "" and seen["connected"] < 20
