"""Management commands that several targets share: the same line is run once, and any other line again."""

from deploylab import course as courses
from deploylab.machine import Completed
from deploylab.provision.checks import system
from deploylab.provision.checks.base import Look

COURSE = courses.load()
NGINX = COURSE.stage("nginx")


class Django:
    """A machine that ends every management command with this status and output, and notes it."""

    def __init__(self, status: int = 0, out: str = ""):
        self.status, self.out, self.lines = status, out, []

    def run(self, command, **options):
        self.lines.append(command)
        return Completed(command, self.status, self.out)


def test_variants_with_the_same_environment_share_the_result_and_others_do_not():
    machine, managed = Django(), {}
    for name in ("nginx", "nginx:sync", "nginx:reconnect"):
        look = Look(machine, COURSE, COURSE.target(name), managed)
        assert system.migrated(look).ok and system.data(look).ok
    own = [line for line in machine.lines if "DJANGO_CONN_MAX_AGE=0" in line]
    assert len(machine.lines) == 4 and len(own) == 2


def test_a_no_that_is_shared_stays_a_no_and_a_later_look_asks_again():
    managed, broken = {}, Django(1, "no such table\n")
    for name in ("nginx", "nginx:sync"):
        check = system.migrated(Look(broken, COURSE, COURSE.target(name), managed))
        assert not check.ok and check.cause == "no such table"
    assert len(broken.lines) == 1
    assert system.migrated(Look(Django(), COURSE, NGINX)).ok


def test_two_stages_share_nothing():
    machine, managed = Django(), {}
    for name in ("nginx", "static"):
        system.migrated(Look(machine, COURSE, COURSE.target(name), managed))
    assert len(machine.lines) == 2
