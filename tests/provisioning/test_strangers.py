"""What strangers send to real stages: whatever they type is answered, and none of it is taken for the server's word."""

import re
import socket
from contextlib import suppress

import pytest

from deploylab import course as courses
from deploylab.provision import converge
from deploylab.provision.on_demand import awake

pytestmark = pytest.mark.machine
COURSE = courses.load()
# Every front server, before every application server; `./lab test` takes the stages alone.
VARIANTS = {"runserver": [], "wsgi": ["framework"], "apache": ["proxy", "embedded"],
            "nginx": ["sync", "bare", "granian", "uwsgi", "lighttpd"], "cache": ["redis"], "edge": ["varnish"]}
TARGETS = [param for stage, variants in VARIANTS.items() for param in (
    stage, *(pytest.param(f"{stage}:{one}", marks=pytest.mark.thorough) for one in variants))]
HEADERS = ["X-Forwarded-Ssl: on", "X-Forwarded-Protocol: ssl", "X-Forwarded-Proto: https", "X_Forwarded_Proto: https",
           "SCRIPT_NAME: /elsewhere", "Script-Name: /elsewhere", "SCRIPT_NAME: /test", "PATH_INFO: /elsewhere",
           "X-Forwarded-Host: elsewhere.example", "Forwarded: proto=https;host=elsewhere.example",
           "X-Forwarded-For: 10.9.9.9", "Accept: ;;;q=x", "If-Modified-Since: never", "Range: bytes=9-1",
           "Range: lines=1-2",
           f"Cookie: csrftoken={'a' * 6000}", "Cookie: sessionid=\xff\xfe"]
PATHS = ["/talks/999999999999999999999999/", f"/talks/{'9' * 300}/", f"/talks/{'9' * 3000}/", "/tracks/WEB/",
         "/tracks/Jos\xc3\xa9/", "/Jos\xc3\xa9/", "/Jos%C3%A9/", "/%ff/", "/%00/", "/static/%00",
         "/static/../settings.py", "/search/?q=%00", "/search/?q=%ff", "/search/?q=%ED%A0%80", f"/?{'x' * 3000}",
         f"/?{'x' * 30000}",
         "//elsewhere.example/", "/TEST/", "/days/2026-13-45/", "/admin/login/?next=%00"]


@pytest.fixture(scope="module", params=TARGETS)
def target(request, machine):
    """A target that answers."""
    wanted = COURSE.target(request.param)
    converge.to_stage(machine, COURSE, wanted.stage, variants=VARIANTS[wanted.stage])
    with awake(machine, [wanted]):
        yield wanted


def ask(machine, target, path: str, *headers: str, host: str = "") -> tuple[int, str]:
    """The status and the body of the answer, for a request that is sent as it is written here, in Latin-1."""
    lines = [f"GET {path} HTTP/1.1", f"Host: {host or f'{machine.host}:{target.port}'}", *headers, "Connection: close"]
    with socket.create_connection((machine.host, target.port), timeout=20) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        answer = b""
        with suppress(ConnectionResetError):  # after its answer, from a server that did not read all of a long request
            while data := connection.recv(65536):
                answer += data
    answer = answer.decode("latin-1")
    found = re.match(r"HTTP/1\.[01] (\d{3})", answer)
    assert found, f"{path[:60]} {headers}: {answer[:200]!r}"
    return int(found[1]), answer.partition("\r\n\r\n")[2]


def test_no_header_of_a_visitor_stands_in_for_the_server_s_own(machine, target):
    plain = ask(machine, target, "/test/")
    assert plain[0] == 200
    answers = {header[:40]: ask(machine, target, "/test/", header) for header in HEADERS}
    # 416: there is no such part. lighttpd says so, the others send all of the page.
    no_part = {header for header, (status, _) in answers.items() if status == 416}
    assert not [header for header in no_part if not header.startswith("Range:")]
    assert {header: status for header, (status, _) in answers.items() if status != 200 and header not in no_part} == {}
    assert {header for header, (_, body) in answers.items() if body != plain[1] and header not in no_part} == set()


def test_whatever_is_typed_is_no_error_of_ours(machine, target):
    # Django's development server has a static handler of its own, outside of the application: it answers this with 500.
    paths = [path for path in PATHS if target.stage != "runserver" or "/static/.." not in path]
    statuses = {path[:40]: ask(machine, target, path)[0] for path in paths}
    assert {path: status for path, status in statuses.items() if not 200 <= status < 500} == {}
    assert ask(machine, target, "/test/", host="elsewhere.example")[0] < 500


def test_the_application_knows_who_asks(machine, target):
    if target.stage == "wsgi":
        pytest.skip("no Django")
    with socket.create_connection((machine.host, target.port)) as connection:
        ours = connection.getsockname()[0]
    for forged in ([], ["X-Forwarded-For: 10.9.9.9"], ["X-Forwarded-For: 10.9.9.9, 127.0.0.1"]):
        assert f'"visitor": "{ours}"' in ask(machine, target, "/whoami/", *forged)[1]
