"""Whether an application answers: at once, after some waiting, or not at all."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deploylab import course as courses
from deploylab.core.errors import MachineError
from deploylab.machine import Completed
from deploylab.provision import on_demand
from deploylab.provision.checks.base import Look

COURSE = courses.load()
NGINX = COURSE.stage("nginx")


class Front:
    """A machine whose front server answers 502 `n_bad` times, as if the application were still loading."""

    def __init__(self, n_bad: int, processes: bool = True):
        front, self.n_requests, self.processes = self, 0, processes

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                front.n_requests += 1
                self.send_response(502 if front.n_requests <= n_bad else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, target, path="/"):
        return f"http://127.0.0.1:{self.server.server_port}{path}"

    def run(self, command, **options):
        return Completed(command, 0 if self.processes else 1, "")


@pytest.fixture
def front():
    """A function that starts a Front; all of them are closed afterwards."""
    fronts = []

    def front(*arguments):
        fronts.append(Front(*arguments))
        return fronts[-1]

    yield front
    for started in fronts:
        started.server.shutdown()
        started.server.server_close()


def test_an_application_that_was_just_started_gets_time_if_patience_is_given(front):
    assert not on_demand.answers(front(2), NGINX)
    assert on_demand.answers(front(2), NGINX, patience_s=30)


def test_patience_ends_and_a_closed_port_is_not_waited_for(front):
    broken = front(10**9)
    assert not on_demand.answers(broken, NGINX, patience_s=0.5) and broken.n_requests > 1
    broken.server.server_close()
    assert not on_demand.answers(broken, NGINX, patience_s=10**9)


def test_a_check_tries_again_only_while_all_processes_of_the_target_are_there(front):
    loading, stopped = front(2), front(2, False)
    assert Look(loading, None, NGINX).get("/").status == 502
    look = Look(loading, courses.load(), NGINX)
    assert look.page.status == 200 and look.page is look.page
    assert Look(stopped, courses.load(), NGINX).page.status == 502 and stopped.n_requests == 1


def test_over_https_nothing_answers_where_no_authority_was_ever_made(front):
    machine = front(0)

    def check_output(command, **options):
        raise MachineError(f"`{command}` ended with status 1", "./lab status")

    machine.check_output = check_output
    assert not on_demand.answers(machine, COURSE.stage("tls")) and machine.n_requests == 0
