"""What processes requests, and how many at a time: the checks without a machine, and the budget of connections."""

import dataclasses
import re

import pytest

from deploylab import course as courses
from deploylab.core import paths
from deploylab.machine import Completed
from deploylab.provision.checks import capacity
from deploylab.provision.checks.base import Look

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
