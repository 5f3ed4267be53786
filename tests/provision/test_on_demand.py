"""Whether an application answers: at once, after some patience, or not at all."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deploylab import course as courses
from deploylab.machine import Completed
from deploylab.provision import on_demand
from deploylab.provision.checks.base import Look

NGINX = courses.load().stage("nginx")


class Front:
    """A machine whose server in front says 502 so many times, as if the application behind it still loaded."""

    def __init__(self, n_bad: int, processes: bool = True):
        front, self.n_asked, self.processes = self, 0, processes

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                front.n_asked += 1
                self.send_response(502 if front.n_asked <= n_bad else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *said):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, target, path="/"):
        return f"http://127.0.0.1:{self.server.server_port}{path}"

    def run(self, command, **options):
        return Completed(command, 0 if self.processes else 1, "")


@pytest.fixture
def front():
    made = []

    def front(*arguments):
        made.append(Front(*arguments))
        return made[-1]

    yield front
    for one in made:
        one.server.shutdown()
        one.server.server_close()


def test_one_that_was_just_started_is_given_time_where_that_was_asked_for(front):
    assert not on_demand.answers(front(2), NGINX)
    assert on_demand.answers(front(2), NGINX, patience_s=30)


def test_patience_ends_and_a_closed_port_needs_none(front):
    gone = front(10**9)
    assert not on_demand.answers(gone, NGINX, patience_s=0.5) and gone.n_asked > 1
    gone.server.server_close()
    assert not on_demand.answers(gone, NGINX, patience_s=10**9)


def test_a_check_asks_again_only_while_all_processes_of_the_target_are_there(front):
    loading, stopped = front(2), front(2, False)
    assert Look(loading, None, NGINX).get("/").status == 502
    look = Look(loading, courses.load(), NGINX)
    assert look.page.status == 200 and look.page is look.page
    assert Look(stopped, courses.load(), NGINX).page.status == 502 and stopped.n_asked == 1
