"""Checks: what they look at, and their results for answers that the test makes up."""

import dataclasses
import itertools

import pytest

from deploylab import course as courses
from deploylab.core.errors import CheckError, CourseError, MachineError
from deploylab.machine import Completed
from deploylab.provision import checks
from deploylab.provision.checks import Check, base, delivery, system, trouble, web
from deploylab.provision.checks.base import Look, Response

COURSE = courses.load()
NGINX = COURSE.stage("nginx")
PASSED = Check("the moon", True, "it is there")
FAILED = Check("the sun", False, "darkness", "it is night", "wait")


class Bare:
    """A machine with nothing on it: every command is missing, and nothing listens on any port."""

    host, address, kind, provider = "127.0.0.1", "0.0.0.0", "vagrant", "none"

    def url(self, target, path="/"):
        return f"http://127.0.0.1:9{path}"  # refused

    def run(self, command, **options):
        return Completed(command, 127, f"sh: 1: {command.split()[0]}: not found\n")

    def check_output(self, command, **options):
        raise MachineError(f"`{command}` failed", "./lab status")


@pytest.mark.parametrize("target", COURSE.stages, ids=lambda target: target.name)
def test_on_a_machine_with_nothing_on_it_every_check_that_fails_has_a_cause_and_a_cure(target):
    results = checks.verify(Bare(), COURSE, target)
    assert not results[0].ok and all(check.cause and check.cure for check in results if not check.ok)


def test_require_raises_an_error_with_the_first_cure():
    checks.require([PASSED])
    with pytest.raises(CheckError, match="it is night") as raised:
        checks.require([PASSED, FAILED, Check("stars", False, "clouds", "rain", "umbrella")])
    assert raised.value.next_step == "wait"
    assert "umbrella" in str(raised.value)


def test_a_failed_check_shows_cause_and_cure_and_a_passed_one_is_one_line():
    assert checks.line(PASSED).count("\n") == 0
    assert "cause: it is night" in checks.line(FAILED) and "cure:  wait" in checks.line(FAILED)


def test_an_unknown_expectation_is_refused():
    with pytest.raises(CourseError, match="colour"):
        checks.verify(None, COURSE, dataclasses.replace(NGINX, expect={"colour": "red"}))


class Scripted:
    """A machine that answers each command by the first word found in it."""

    host, address, kind, provider = "192.0.2.1", "0.0.0.0", "vagrant", "none"

    def __init__(self, **answers: tuple[int, str]):
        self.answers = answers

    def url(self, target, path="/"):
        return f"http://{self.host}:{target.port}{path}"

    def run(self, command, **options):
        for word, (status, out) in self.answers.items():
            if word in command:
                return Completed(command, status, out)
        return Completed(command, 0, "")


def look(workers=None, target=NGINX, **answers) -> Look:
    look = Look(Scripted(**answers), COURSE, target)
    look.page = Response(200, {"Server": "nginx"}, "<html></html>\n")  # no network in these tests
    if workers is not None:
        look.workers = workers
    return look


def test_checks_wait_for_idle_workers_but_not_for_ever_for_missing_ones(monkeypatch):
    """The second process answers only after more than the fewest rounds."""
    def workers(n_alone: int) -> dict:
        numbers = itertools.count()

        def get(self, path) -> Response:
            number = next(numbers)
            return Response(200, {"X-Process": f"{1 + (number > n_alone and number % 2)}/{number // 2 % 8}"}, "")

        monkeypatch.setattr(Look, "get", get)
        return look().workers

    assert sorted(workers(n_alone=2 * base.ROUNDS * 64)) == [1, 2]
    monkeypatch.setattr(base, "LOOK_S", 0)
    assert sorted(workers(n_alone=1_000_000)) == [1]


def test_worker_counts():
    eight = set(range(8))
    assert web.processes(look({1: eight, 2: eight})).ok
    assert web.threads(look({1: eight, 2: eight})).ok
    for wrong in ({1: eight}, {1: eight, 2: eight, 3: eight}):
        check = web.processes(look(wrong, grep=(0, "gunicorn.py:9:workers = 9\n")))
        assert not check.ok and "workers = 9" in check.cause and check.cure.startswith("./lab goto nginx")


def test_workers_that_are_killed_again_and_again_are_the_cause():
    log = "[2026-11-24 04:08:42 +0000] [4134] [ERROR] Worker (pid:11363) was sent SIGKILL! Perhaps out of memory?\n"
    check = web.processes(look({1: set(range(8))}, tail=(0, log)))
    assert not check.ok and "SIGKILL" in check.cause and "workers end" in check.cause


# gunicorn listens, with 24 connections in its queue; of three accepted ones, one is nginx's.
QUEUE = """\
u_str LISTEN 24 2048 /run/deploylab/nginx.sock 7 * 0 users:(("gunicorn",pid=12,fd=3))
u_str ESTAB 0 0 /run/deploylab/nginx.sock 101 * 201 users:(("gunicorn",pid=12,fd=9))
u_str ESTAB 0 0 /run/deploylab/nginx.sock 102 * 202 users:(("gunicorn",pid=12,fd=8))
u_str ESTAB 0 0 /run/deploylab/nginx.sock 103 * 203 users:(("gunicorn",pid=12,fd=7))
u_str ESTAB 0 0 * 201 * 101 users:(("python3",pid=55,fd=3))
u_str ESTAB 0 0 * 202 * 102 users:(("python3",pid=55,fd=4))
u_str ESTAB 0 0 * 203 * 103 users:(("nginx",pid=10,fd=5))
u_str ESTAB 0 0 * 204 * 104 users:(("python3",pid=66,fd=3))
"""


def test_the_process_that_holds_the_connections_of_a_full_queue_is_named():
    cause, cure = trouble._queue(look(**{"-Hxl": (0, QUEUE.splitlines()[0]), "-Hxap": (0, QUEUE)}))
    assert "24 connections wait" in cause and "2, are of process 55, python3" in cause and "sudo kill 55" in cure
    assert trouble._queue(look(**{"-Hxl": (0, QUEUE.replace("24", "0").splitlines()[0])})) is None


def test_a_service_that_does_not_start_at_boot_fails():
    check = system.services(look(**{"is-active": (0, "active disabled\n"), "journalctl": (0, "its last word\n")}))
    assert not check.ok and "active and disabled" in check.seen and "its last word" in check.cause


def test_the_reason_of_a_bad_configuration_is_the_cause():
    check = system.config_test(look(**{"nginx -t": (1, "nginx: [emerg] unexpected ;\nnginx: test failed\n")}))
    assert check.cause == "nginx: [emerg] unexpected ;"
    apache = "Syntax error on line 1 of mine.conf:\nInvalid command 'Bogus'\nbye"
    check = system.config_test(look(**{"nginx -t": (1, apache)}))
    assert check.cause == "Syntax error on line 1 of mine.conf: Invalid command 'Bogus'"


@pytest.mark.parametrize(("stat", "ok"), [
    ("640 root:deploylab", True), ("600 root:root", True), ("644 root:root", False), ("640 vagrant:root", False),
    ("stat: cannot statx 'x': No such file", False),
])
def test_private_files(stat, ok):
    """It may be any of the files: here the last one."""
    rest = "640 root:deploylab\n" * (len(NGINX.expect["private"]) - 1)
    check = system.private(look(stat=(0, f"{rest}{stat}\n")))
    assert check.ok is ok
    if not ok:
        assert check.seen == f"{NGINX.expect['private'][-1]}: {stat}"


def test_a_file_of_which_nothing_is_said_is_not_private():
    assert not system.private(look(stat=(0, "640 root:deploylab\n"))).ok


SOCKETS = """\
tcp LISTEN 0 511 0.0.0.0:8003 0.0.0.0:* users:(("nginx",pid=10,fd=5))
tcp LISTEN 0 511 0.0.0.0:8000 0.0.0.0:* users:(("nginx",pid=10,fd=6))
tcp LISTEN 0 74 {bind}:3306 0.0.0.0:* users:(("mariadbd",pid=11,fd=25))
u_str LISTEN 0 74 /run/mysqld/mysqld.sock 1 * 0 users:(("mariadbd",pid=11,fd=26))
u_str LISTEN 0 9 /run/deploylab/nginx.sock 2 * 0 users:(("gunicorn",pid=12,fd=3))
tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=81,fd=6))
"""


def test_only_the_ports_of_the_stage_are_checked():
    assert system.listens(look(pgrep=(0, "10\n11\n12\n"), ss=(0, SOCKETS.format(bind="127.0.0.1")))).ok


def test_a_database_that_is_open_to_the_network_fails():
    check = system.listens(look(pgrep=(0, "10\n11\n12\n"), ss=(0, SOCKETS.format(bind="0.0.0.0"))))
    assert not check.ok


# ------------------------------------------------------------------------------- how files and pages are delivered

CSS = "/static/site.0123456789ab.css"
FOR_EVER = {"Cache-Control": "max-age=31536000, immutable", "ETag": '"1"'}


def answering(target, answers: dict[str, Response | list[Response]], **machine) -> Look:
    """A look at a target with these answers; from a list one after the other, and the last one again and again."""
    answering_look = look(target=target, **machine)

    def get(path, **headers):
        response = answers.get(path, Response(404, {}, ""))
        if isinstance(response, list):
            response = response.pop(0) if len(response) > 1 else response[0]
        same = headers.get("If_None_Match") == response.headers.get("ETag", "-")
        return Response(304, {}, "") if same else response

    answering_look.get = get
    return answering_look


def with_checks(**expect):
    return dataclasses.replace(NGINX, cached=("page", "many"), expect={**NGINX.expect, **expect})


@pytest.mark.parametrize(("reference", "headers", "word"), [
    (CSS, FOR_EVER, None),
    ("/static/site.css", FOR_EVER, "without a hash"),
    (CSS, {**FOR_EVER, "Cache-Control": "max-age=60"}, "max-age=60"),
    (CSS, {"Cache-Control": FOR_EVER["Cache-Control"]}, "200, not 304"),
])
def test_hashed_names_that_are_cached_for_ever(reference, headers, word):
    page = answering(NGINX, {CSS: Response(200, headers, ""), reference: Response(200, headers, "")})
    page.page = Response(200, {}, f'<link rel="stylesheet" href="{reference}"></html>')
    check = delivery.hashed(page)
    assert check.ok is (word is None) and (check.ok or word in check.seen)


@pytest.mark.parametrize(("headers", "compressed"), [
    ({"Content-Encoding": "gzip", "Content-Length": "9"}, "ahead"),
    ({"Content-Encoding": "gzip"}, "on the fly"),
    ({"Content-Length": "99"}, "never"),
])
def test_the_response_shows_how_a_file_was_compressed(headers, compressed):
    path = COURSE.view("asset").path
    for expected in ("ahead", "on the fly", "never"):
        check = delivery.compressed(answering(with_checks(compressed=expected), {path: Response(200, headers, "")}))
        assert check.ok is (expected == compressed)


HIT, MISS = (Response(200, {"X-Cache": word}, "") for word in ("HIT", "MISS"))


@pytest.mark.parametrize(("by", "inside", "pages", "wait", "word"), [
    ("app", True, [MISS, HIT], MISS, None),
    ("front", False, [MISS, HIT], MISS, None),
    ("nobody", False, [Response(200, {}, "")], MISS, None),
    ("front", False, [MISS], MISS, "X-Cache: MISS, kept by nobody"),
    ("front", False, [Response(200, {}, "")], MISS, "X-Cache: nothing, kept by nobody"),
    ("front", False, [MISS, HIT], HIT, "no-store"),
    ("front", True, [MISS, HIT], MISS, "kept by the application"),
    ("app", False, [MISS, HIT], MISS, "kept by the server in front"),
    ("nobody", True, [MISS, HIT], MISS, "kept by the application"),
    ("front", False, [Response(502, {}, "")], MISS, "gave 502"),
])
def test_what_caches_whole_pages(by, inside, pages, wait, word, monkeypatch):
    monkeypatch.setattr(delivery, "PAUSE_S", 0)
    answers = {"/": pages, "/talks/1/": pages, COURSE.view("wait").path: wait}
    check = delivery.cached_by(answering(with_checks(cached_by=by), answers, curl=(0 if inside else 1, "")))
    assert check.ok is (word is None) and (check.ok or word in check.seen)


MADE = 'HTTP/1.1 200 OK\r\nETag: "{}"\r\nCache-Control: public, max-age=0\r\n'


@pytest.mark.parametrize(("own", "pages", "ok"), [
    ("new", ['"new"'], True), ("new", ['W/"new"'], True),   # compressed by the front
    ("new", ['W/"old"', 'W/"new"'], True),                  # the first request after it has expired
    ("new", ['"old"'], False), ("new", [""], False),
])
def test_a_cached_page_is_no_older_than_the_application_allows(own, pages, ok, monkeypatch):
    monkeypatch.setattr(delivery, "LATE_S", 0.01)
    monkeypatch.setattr(delivery.time, "sleep", lambda s: None)
    cached = [Response(200, {"ETag": page}, "") for page in pages]
    pages = {"/": cached, "/talks/1/": Response(200, {"ETag": '"new"'}, "")}
    check = delivery.fresh(answering(with_checks(fresh=True), pages, curl=(0, MADE.format(own)),
                                     grep=(0, "proxy_cache_valid 200 1d;\n")))
    assert check.ok is ok and (check.ok or "proxy_cache_valid 200 1d" in check.cause)


@pytest.mark.parametrize(("body", "ok"), [('{"cache": "redis", "cache_levels": ["view"]}', True),
                                          ('{"cache": "none", "cache_levels": []}', False),
                                          ("Server Error", False)])
def test_what_the_application_reports_about_itself(body, ok):
    target = with_checks(whoami={"cache": "redis", "cache_levels": ["view"]})
    assert web.whoami(answering(target, {COURSE.app.whoami: Response(200, {}, body)})).ok is ok


def test_a_cache_that_forgets_fails():
    keeps, forgets = with_checks(remembers=True), with_checks(remembers=False)
    assert system.remembers(look(target=keeps, shell=(0, "kept\n"))).ok
    assert not system.remembers(look(target=forgets, shell=(0, "kept\n"), active=(0, "active\n"))).ok
    check = system.remembers(look(target=keeps, shell=(0, "None\n"), test=(1, ""), active=(0, "active\n"),
                                  echo=(0, "unix:///run/redis/r.sock?db=0\n"), stat=(0, "srw-rw---- redis:redis\n")))
    assert not check.ok and "may not write to /run/redis/r.sock (srw-rw---- redis:redis)" in check.cause
