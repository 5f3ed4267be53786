"""Checks: what they ask, and that each says no when something is really broken."""

import dataclasses

import pytest

from deploylab import checks, provision
from deploylab import course as courses
from deploylab.checks import Check, system, web
from deploylab.checks.base import Answer, Look
from deploylab.errors import CheckError, CourseError
from deploylab.machine import Completed

COURSE = courses.load()
NGINX = COURSE.stage("nginx")
YES = Check("the moon", True, "it is there")
NO = Check("the sun", False, "darkness", "it is night", "wait")


def test_require_passes_over_yes_and_raises_the_first_cure():
    checks.require([YES])
    with pytest.raises(CheckError, match="it is night") as raised:
        checks.require([YES, NO, Check("stars", False, "clouds", "rain", "umbrella")])
    assert raised.value.next_step == "wait"
    assert "umbrella" in str(raised.value)


def test_a_no_shows_cause_and_cure_and_a_yes_is_one_line():
    assert checks.line(YES).count("\n") == 0
    assert "cause: it is night" in checks.line(NO) and "cure:  wait" in checks.line(NO)


def test_an_unknown_expectation_is_refused():
    with pytest.raises(CourseError, match="colour"):
        checks.verify(None, COURSE, dataclasses.replace(NGINX, expect={"colour": "red"}))


class Scripted:
    """A machine that answers each command by the first word found in it."""

    host, kind, provider = "192.0.2.1", "vagrant", "none"

    def __init__(self, **answers: tuple[int, str]):
        self.answers = answers

    def url(self, target, path="/"):
        return f"http://{self.host}:{target.port}{path}"

    def run(self, command, **options):
        for word, (status, out) in self.answers.items():
            if word in command:
                return Completed(command, status, out)
        return Completed(command, 0, "")


def look(workers=None, **answers) -> Look:
    look = Look(Scripted(**answers), COURSE, NGINX)
    look.page = Answer(200, {"Server": "nginx"}, "<html></html>\n")  # no network in these tests
    if workers is not None:
        look.workers = workers
    return look


def test_worker_counts():
    eight = set(range(8))
    assert web.processes(look({1: eight, 2: eight})).ok
    assert web.threads(look({1: eight, 2: eight})).ok
    for wrong in ({1: eight}, {1: eight, 2: eight, 3: eight}):
        no = web.processes(look(wrong, grep=(0, "gunicorn.py:9:workers = 9\n")))
        assert not no.ok and "workers = 9" in no.cause and no.cure.startswith("./lab goto nginx")


def test_a_service_that_will_not_survive_a_reboot_is_a_no():
    no = system.services(look(**{"is-active": (0, "active\ndisabled\n"), "journalctl": (0, "its last word\n")}))
    assert not no.ok and "active and disabled" in no.seen and "its last word" in no.cause


def test_the_reason_of_a_bad_configuration_is_the_cause():
    no = system.config_test(look(**{"nginx -t": (1, "nginx: [emerg] unexpected ;\nnginx: test failed\n")}))
    assert no.cause == "nginx: [emerg] unexpected ;"


@pytest.mark.parametrize(("seen", "ok"), [
    ("640 root:deploylab", True), ("600 root:root", True), ("644 root:root", False), ("640 vagrant:root", False),
    ("stat: cannot statx 'x': No such file", False),
])
def test_private_files(seen, ok):
    assert system.private(look(stat=(0, f"{seen}\n"))).ok is ok


SOCKETS = """\
tcp LISTEN 0 511 0.0.0.0:8003 0.0.0.0:* users:(("nginx",pid=10,fd=5))
tcp LISTEN 0 511 0.0.0.0:8000 0.0.0.0:* users:(("nginx",pid=10,fd=6))
tcp LISTEN 0 74 {bind}:3306 0.0.0.0:* users:(("mariadbd",pid=11,fd=25))
u_str LISTEN 0 74 /run/mysqld/mysqld.sock 1 * 0 users:(("mariadbd",pid=11,fd=26))
u_str LISTEN 0 9 /run/deploylab/nginx.sock 2 * 0 users:(("gunicorn",pid=12,fd=3))
tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=81,fd=6))
"""


def test_listening_counts_the_stage_and_not_its_neighbours():
    assert system.listens(look(pgrep=(0, "10\n11\n12\n"), ss=(0, SOCKETS.format(bind="127.0.0.1")))).ok


def test_a_database_open_to_the_street_is_a_no():
    no = system.listens(look(pgrep=(0, "10\n11\n12\n"), ss=(0, SOCKETS.format(bind="0.0.0.0"))))
    assert not no.ok


# ----------------------------------------------------------------------------- the real machine


def no_of(machine, stage: str) -> dict[str, Check]:
    """Each key of [stage.expect] whose check says no."""
    target = COURSE.stage(stage)
    seen = checks.verify(machine, COURSE, target)
    return {key: check for key, check in zip(target.expect, seen, strict=True) if not check.ok}


@pytest.mark.machine
@pytest.mark.parametrize("stage", [stage.name for stage in COURSE.stages])
def test_a_converged_stage_passes_every_check(machine, stage):
    provision.converge(machine, COURSE, stage)
    assert no_of(machine, stage) == {}


RESTART = "supervisorctl restart deploylab-nginx; sleep 2"
BREAK = [
    # stage, the check that must say no, how it is broken, a word of the cause
    ("nginx", "server", "systemctl stop nginx", "nginx is inactive"),
    ("nginx", "server", "chmod 600 /run/deploylab/nginx.sock; systemctl restart nginx", "may not write"),
    ("nginx", "server", "supervisorctl stop deploylab-nginx", "STOPPED"),
    ("nginx", "debug", f"sed -i s/DEBUG=0/DEBUG=1/ /etc/deploylab/nginx.env; {RESTART}", "DEBUG=1"),
    ("nginx", "database", f"sed -i s/DATABASE=mysql/DATABASE=sqlite/ /etc/deploylab/nginx.env; {RESTART}", "sqlite"),
    ("nginx", "processes", f"sed -i 's/^workers = 2/workers = 3/' /etc/deploylab/gunicorn-nginx.py; {RESTART}",
     "workers = 3"),
    ("nginx", "threads", f"sed -i 's/^threads = 8/threads = 4/' /etc/deploylab/gunicorn-nginx.py; {RESTART}",
     "threads = 4"),
    ("nginx", "static_by", "rm -r /srv/deploylab/nginx/static/programme; systemctl reload nginx; sleep 1",
     "No such file"),
    ("nginx", "app_socket", "supervisorctl stop deploylab-nginx", "STOPPED"),
    ("nginx", "services", "systemctl disable -q mariadb", "log"),
    ("nginx", "config_test", "echo 'bogus;' > /etc/nginx/sites-enabled/mine", "bogus"),
    ("nginx", "listens", "sed -i 's/^bind-address.*/bind-address = 0.0.0.0/' /etc/mysql/mariadb.conf.d/60-*.cnf;"
     " systemctl restart mariadb", "mariadbd"),
    ("nginx", "migrated", "echo \"DELETE FROM django_migrations WHERE app = 'sessions'\" | mariadb deploylab", ""),
    ("nginx", "data", "echo \"UPDATE programme_talk SET title = 'mine' LIMIT 1\" | mariadb deploylab", ""),
    ("nginx", "private", "chmod 644 /etc/deploylab/mariadb.env", "every user"),
    ("runserver", "server", "kill $(cat /run/deploylab/runserver.pid); sleep 1", "nothing listens"),
    ("runserver", "data", "rm /srv/deploylab/runserver/db.sqlite3*", ""),
]


@pytest.mark.machine
@pytest.mark.parametrize(("stage", "key", "harm", "word"), BREAK, ids=[f"{b[0]}-{b[1]}-{b[3]}" for b in BREAK])
def test_a_check_says_no_and_converging_mends_it(machine, stage, key, harm, word):
    if no_of(machine, stage):
        provision.converge(machine, COURSE, stage)
    machine.check_output(harm, sudo=True)
    no = no_of(machine, stage)
    assert key in no
    assert word in no[key].cause and no[key].cure.startswith(f"./lab goto {stage}")
    assert provision.converge(machine, COURSE, stage).changed
    assert no_of(machine, stage) == {}


@pytest.mark.machine
def test_a_stranger_on_the_port_is_named(machine):
    provision.converge(machine, COURSE, "nginx")
    machine.check_output("systemctl stop nginx; systemctl disable -q nginx; "
                         "setsid python3 -m http.server 8003 >/dev/null 2>&1 </dev/null & sleep 1", sudo=True)
    look = Look(machine, COURSE, dataclasses.replace(NGINX, expect={"server": "nginx"}))
    assert "another program" in web.server(look).cause and "http.server" in look.trouble[0]
    provision.converge(machine, COURSE, "nginx")
    assert no_of(machine, "nginx") == {}
