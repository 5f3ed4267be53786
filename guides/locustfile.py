"""The load for Locust, where one generator is not enough: guides/beyond_one_machine.md says when and how.

It needs Locust alone, so that it can be copied to a computer that has nothing else of the course.
"""

from collections import Counter

import gevent
from locust import FastHttpUser, events, task
from locust.exception import StopUser
from locust.runners import MasterRunner

THIS_COMPUTER = "127.0.0.1"


@events.init_command_line_parser.add_listener
def our_options(parser):
    """Options of this load, which the master hands on to its workers; and a master that nobody reaches from outside.

    Locust's own defaults are all addresses of a computer, and its ports ask for no password.
    """
    parser.add_argument("--path", default="/", help="the page")
    parser.add_argument("--marker", default="</html>", help="what a good page ends in")
    parser.add_argument("--each", type=int, default=0, help="requests of each user, who then leaves; 0: no end")
    parser.add_argument("--ca", help="https: trust the certificates in this file, not those of this system")
    parser.set_defaults(master_bind_host=THIS_COMPUTER, web_host=THIS_COMPUTER)


class Visitor(FastHttpUser):
    """Asks for one page again and again on a kept connection. `HttpUser` would take several times the processor."""

    insecure = False  # over https the certificate is verified; by default Locust takes any
    n_asked = 0

    def __init__(self, environment):
        ca = environment.parsed_options.ca
        # The client would propose a list of its own.
        self.ssl_context_factory = lambda **_: gevent.ssl.create_default_context(cafile=ca)
        super().__init__(environment)

    @task
    def page(self):
        options = self.environment.parsed_options
        with self.client.get(options.path, catch_response=True) as answer:
            if answer.status_code == 200 and not answer.text.rstrip().endswith(options.marker):
                answer.failure("not the page: another end")
        self.n_asked += 1
        if self.n_asked == options.each:
            raise StopUser


@events.init.add_listener
def watch_the_workers(environment, runner, **_):
    """On the master: who sent how much, and the end when every user has sent what it should."""
    if not isinstance(runner, MasterRunner):
        return
    options, sent, failed = environment.parsed_options, Counter(), Counter()

    def count(client_id, data):
        sent[client_id] += data["stats_total"]["num_requests"]
        failed[client_id] += data["stats_total"]["num_failures"]
        if options.each and sent.total() >= options.num_users * options.each:
            gevent.spawn(runner.quit)

    def tell(**_):
        for one in sorted(sent):
            print(f"{one}: {sent[one]} requests, {failed[one]} failed")

    environment.events.worker_report.add_listener(count)
    environment.events.quit.add_listener(tell)
