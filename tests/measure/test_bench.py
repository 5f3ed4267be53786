"""The bench: how every command that measures begins and ends."""

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
    """The steps on the machine, in order; every check passes."""
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


def test_targets_are_started_and_verified_first_and_the_session_is_finished_at_the_end(steps):
    with opened(MACHINE, COURSE, [NGINX], Progress("test"), LoadSettings(seconds=1), kind="measure") as bench:
        assert steps == ["wake", "verify"]
        assert not bench.session.finished
    assert results.latest().finished and steps == ["wake", "verify", "sleep"]


def test_there_is_no_session_if_a_check_fails(steps, monkeypatch):
    def fail(*_):
        raise CheckError("DEBUG is on.", "./lab goto nginx")

    monkeypatch.setattr(bench.prepare, "verify", fail)
    with pytest.raises(CheckError, match="DEBUG is on"), opened(
            MACHINE, COURSE, [NGINX], Progress("test"), LoadSettings(seconds=1), kind="measure"):
        pass
    assert results.sessions() == [] or all(session.recorded for session in results.sessions())


def test_a_session_of_the_same_plan_is_resumed_if_asked_for(steps):
    plan = {"kind": "sweep", "target": "nginx"}
    with pytest.raises(KeyboardInterrupt), opened(
            MACHINE, COURSE, [NGINX], Progress("test"), LoadSettings(seconds=1), resume=True, **plan) as first:
        raise KeyboardInterrupt
    with opened(MACHINE, COURSE, [NGINX], Progress("test"), LoadSettings(seconds=1), resume=True, **plan) as second:
        assert second.session.id == first.session.id
    with opened(MACHINE, COURSE, [NGINX], Progress("test"), LoadSettings(seconds=1), **plan) as third:
        assert third.session.id != first.session.id


def test_the_configuration_is_hashed_once_per_stage_and_session(steps, monkeypatch):
    hashed = []
    monkeypatch.setattr(bench.converge, "config_hash", lambda course, stage: hashed.append(stage) or f"hash of {stage}")
    used = Bench(machine=MACHINE, course=COURSE, session=None, facts=synthetic.FACTS, app_rev="",
                 settings=LoadSettings(seconds=1))
    assert [used.config_hash(stage) for stage in ("nginx", "static", "nginx", "nginx")][-1] == "hash of nginx"
    assert hashed == ["nginx", "static"]
