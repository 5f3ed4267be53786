"""Installing this computer's packages, with the real dpkg."""

import fcntl
import os

import pytest

from deploylab.core.errors import HostError
from deploylab.core.progress import Progress
from deploylab.machine import apt

LOCK = "/var/lib/dpkg/lock-frontend"
real = pytest.mark.skipif(os.geteuid() != 0 or not os.path.exists(LOCK), reason="dpkg's lock is root's")


@pytest.fixture
def held():
    """Somebody else is at work with dpkg."""
    with open(LOCK, "w") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        yield lambda: fcntl.lockf(lock, fcntl.LOCK_UN)


class Told(Progress):
    """Keeps what it is told, and does something at the first word."""

    def __init__(self, at_first):
        super().__init__("test")
        self.told, self.at_first = [], at_first

    def update(self, text, done=None, total=None):
        if not self.told:
            self.at_first()
        self.told.append(text)


@real
def test_another_apt_at_work_is_waited_for(held):
    progress = Told(at_first=held)
    apt.settle(progress)
    assert "waiting" in progress.told[0]


@real
def test_one_that_never_ends_is_named(held, monkeypatch):
    monkeypatch.setattr(apt, "WAIT_S", 0)
    with pytest.raises(HostError, match="lock"):
        apt.settle(Progress("test"))


def test_what_is_missing_is_told_in_the_order_asked():
    assert apt.missing(["no-such-package", "dpkg", "neither-this"]) == ["no-such-package", "neither-this"]
