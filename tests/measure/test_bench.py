"""The bench: what every command that measures begins with and ends with."""

from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import pytest
import synthetic

from deploylab import course as courses
from deploylab import results
from deploylab.core.errors import CheckError
from deploylab.core.progress import Progress
from deploylab.measure import bench
from deploylab.measure.bench import Bench, LoadSettings, opened

COURSE = courses.load()
NGINX = COURSE.target("nginx")
MACHINE = SimpleNamespace(facts=lambda versions: replace(synthetic.FACTS, provider="virtualbox"))


@pytest.fixture
def steps(monkeypatch, tmp_path):
    """What was done to the machine, in order; the checks say yes."""
    monkeypatch.setenv("DEPLOYLAB_RESULTS", str(tmp_path))
    steps = []

    @contextmanager
    def awake(machine, targets):
        steps.append("wake")
        yield
        steps.append("sleep")

    monkeypatch.setattr(bench, "awake", awake)
    monkeypatch.setattr(bench.prepare, "verify", lambda *_: steps.append("verify"))
    return steps


def test_targets_are_woken_and_verified_first_and_the_session_is_finished_at_the_end(steps):
    with opened(MACHINE, COURSE, [NGINX], Progress("test"), LoadSettings(seconds=1), kind="measure") as made:
        assert steps == ["wake", "verify"]
        assert not made.session.finished
    assert results.latest().finished and steps == ["wake", "verify", "sleep"]


def test_what_is_not_verified_gets_no_session(steps, monkeypatch):
    def no(*_):
        raise CheckError("DEBUG is on.", "./lab goto nginx")

    monkeypatch.setattr(bench.prepare, "verify", no)
    with pytest.raises(CheckError, match="DEBUG is on"), opened(
            MACHINE, COURSE, [NGINX], Progress("test"), LoadSettings(seconds=1), kind="measure"):
        pass
    assert results.sessions() == [] or all(session.recorded for session in results.sessions())


def test_a_session_of_the_same_plan_is_resumed_where_that_is_wanted(steps):
    plan = {"kind": "sweep", "target": "nginx"}
    with pytest.raises(KeyboardInterrupt), opened(
            MACHINE, COURSE, [NGINX], Progress("test"), LoadSettings(seconds=1), resume=True, **plan) as first:
        raise KeyboardInterrupt
    with opened(MACHINE, COURSE, [NGINX], Progress("test"), LoadSettings(seconds=1), resume=True, **plan) as second:
        assert second.session.id == first.session.id
    with opened(MACHINE, COURSE, [NGINX], Progress("test"), LoadSettings(seconds=1), **plan) as third:
        assert third.session.id != first.session.id


def test_the_configuration_is_hashed_once_a_stage_and_session(steps, monkeypatch):
    hashed = []
    monkeypatch.setattr(bench.converge, "config_hash", lambda course, stage: hashed.append(stage) or f"hash of {stage}")
    made = Bench(machine=MACHINE, course=COURSE, session=None, facts=synthetic.FACTS, app_rev="",
                 how=LoadSettings(seconds=1))
    assert [made.config_hash(stage) for stage in ("nginx", "static", "nginx", "nginx")][-1] == "hash of nginx"
    assert hashed == ["nginx", "static"]
