"""A report that grows: when it is written again, and what is said of it."""

import pytest
import synthetic

from deploylab.core.progress import Progress
from deploylab.report import growing
from deploylab.results import Session

pytestmark = pytest.mark.usefixtures("own_results", "undrawn")
TWO = synthetic.the_course("runserver", "nginx")
RUNS = synthetic.rounds(TWO)


class Clock:
    def __init__(self):
        self.now_s = 1000.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def written(monkeypatch):
    """How often the page was written."""
    written = []
    real = growing.page.write
    monkeypatch.setattr(growing.page, "write", lambda *args: written.append(1) or real(*args))
    return written


def test_each_stage_and_the_first_round_are_worth_a_look_at_once_the_rest_waits(written):
    clock = Clock()
    on_news = growing.Growing(TWO, Progress("test"), clock)
    session = Session.create(kind="run", machine=synthetic.MACHINE)
    for n, steps in enumerate(([{"stage": "runserver", "changed": 1}],
                               [{"stage": "runserver", "changed": 1}, {"stage": "nginx", "changed": 1}]), start=1):
        session.update(converge=steps)
        on_news(session), on_news(session)
        assert len(written) == n
    session.append(RUNS[0])
    on_news(session)
    session.append(RUNS[1])
    on_news(session)
    assert len(written) == 3
    clock.now_s += growing.EVERY_S + 1
    on_news(session)
    assert len(written) == 4


def test_a_slow_computer_writes_it_less_often(monkeypatch):
    clock, written = Clock(), []

    def slowly(session, course):
        clock.now_s += 30
        written.append(1)
        return session.folder / "report.html"

    monkeypatch.setattr(growing.page, "write", slowly)
    on_news = growing.Growing(TWO, Progress("test"), clock)
    session = Session.create(kind="run")
    for _ in range(6):
        on_news(session)
        clock.now_s += growing.EVERY_S
    assert len(written) == 2  # after 30 s / SHARE, not after EVERY_S


def test_its_address_is_told_once(capsys):
    on_news = growing.Growing(TWO, Progress("test"), Clock())
    session = Session.create(kind="run", machine=synthetic.MACHINE)
    on_news(session)
    session.update(converge=[{"stage": "runserver", "changed": 1}])
    on_news(session)
    told = capsys.readouterr().err
    assert told.count((session.folder / "report.html").resolve().as_uri()) == 1
    assert "The report begins here, and grows" in told
