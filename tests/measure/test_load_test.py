"""The order of runs, what is left to measure, and which processors the load generator gets."""

import os
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pytest
import synthetic

from deploylab import course as courses
from deploylab.load import LoadProgress
from deploylab.load.allowed import resolve
from deploylab.load.request import requests
from deploylab.measure import load_test, rounds
from deploylab.measure.bench import LoadSettings, Scenario, free_cpus
from deploylab.results import Session


@pytest.fixture
def all_cells():
    course = courses.load()
    return rounds.cells(course, list(course.stages))


def labels(cells: list[Scenario]) -> list[str]:
    return [cell.label for cell in cells]


def test_every_stage_view_and_concurrency_is_a_cell(all_cells):
    course = courses.load()
    expected = {(s.name, v, c) for s in course.stages for v in s.views for c in course.view(v).concurrency}
    assert {(cell.target.name, cell.view.name, cell.concurrency) for cell in all_cells} == expected
    assert len(all_cells) == len(expected)


def test_a_round_has_every_cell_once(all_cells):
    for number in range(1, 8):
        assert Counter(labels(rounds.rotated(all_cells, number, 7, "seed"))) == Counter(labels(all_cells))


def test_all_targets_of_one_load_are_measured_one_after_the_other(all_cells):
    for number in range(1, 6):
        loads = [(cell.view.name, cell.concurrency) for cell in rounds.rotated(all_cells, number, 5, "seed")]
        blocks = [load for load, before in zip(loads, [None, *loads], strict=False) if load != before]
        assert len(blocks) == len(set(blocks))


def test_each_round_begins_with_another_view(all_cells):
    first = [rounds.rotated(all_cells, number, 5, "seed")[0] for number in range(1, 6)]
    assert len({cell.view.name for cell in first}) >= 4


def test_each_load_takes_the_targets_in_either_direction_in_half_of_the_rounds(all_cells):
    rows = [rounds.rotated(all_cells, number, 6, "seed") for number in range(1, 7)]
    for view, concurrency in {(cell.view.name, cell.concurrency) for cell in all_cells}:
        orders = [tuple(cell.target.name for cell in row if (cell.view.name, cell.concurrency) == (view, concurrency))
                  for row in rows]
        assert sorted(Counter(orders).values()) == [3, 3] or len(orders[0]) == 1
    assert len({tuple(labels(row)) for row in rows}) == 6


def test_one_cell_is_a_round(all_cells):
    assert rounds.rotated(all_cells[:1], 3, 5, "seed") == all_cells[:1]


def test_only_what_is_not_measured_yet_remains(all_cells, tmp_path, monkeypatch):
    monkeypatch.setenv("DEPLOYLAB_RESULTS", str(tmp_path))
    session = Session.create(n_rounds=2)
    everything = list(rounds.remaining(session, all_cells, 2))
    assert len(everything) == 2 * len(all_cells)
    number, cell = everything[0]
    done = {(number, cell.target.stage, cell.target.variant, cell.view.name, cell.concurrency)}
    monkeypatch.setattr(Session, "measured", lambda self: done)
    assert list(rounds.remaining(session, all_cells, 2)) == everything[1:]


def test_the_generator_gets_the_processors_that_the_guest_does_not_use():
    cpus = os.sched_getaffinity(0)
    first = min(cpus)
    free = free_cpus(replace(synthetic.FACTS, cpus_allowed=[first]))
    assert free == (tuple(sorted(cpus - {first})) or None)
    assert free_cpus(replace(synthetic.FACTS, cpus_allowed=sorted(cpus))) is None
    assert free_cpus(replace(synthetic.FACTS, provider="virtualbox")) is None


def test_a_cell_has_a_label():
    course = courses.load()
    stage = course.stages[0]
    assert Scenario(stage, course.view("wait"), 32).label == f"{stage.name} wait c=32"


class NoMachine:
    """A machine that has only an address."""

    host = "10.0.3.9"

    def url(self, target, path="/"):
        return load_test.https.url(self.host, target, path)


@pytest.fixture
def spec(tmp_path, monkeypatch):
    """A function that makes the load spec of a view, as a bench with these settings would."""
    monkeypatch.setenv("DEPLOYLAB_RESULTS", str(tmp_path))
    course = courses.load()

    def make(view_name, seed=None, **settings):
        cell = Scenario(course.stages[0], course.view(view_name), 10)
        path = str(tmp_path / "attempts.gz")
        return load_test._spec(NoMachine(), cell, LoadSettings(seconds=1, **settings), seed, path)

    return make


@pytest.mark.parametrize(("n_ok", "n_errors", "shown"), [
    (0, 0, "nginx page: no answer yet"), (0, 3, "nginx page: 0/s, 3 failed"), (5, 0, "nginx page: 40.0/s, 0 failed")])
def test_a_load_of_which_nothing_ended_yet_is_shown_without_a_rate(n_ok, n_errors, shown):
    lines = []
    progress = SimpleNamespace(update=lambda text, done, total: lines.append((text, done, total)))
    load_test.on_load(progress, "nginx page", 0.5)(LoadProgress(
        t_s=0.7, n_sent=n_ok + n_errors, n_ok=n_ok, n_errors=n_errors, rps=8.0 * n_ok, p50_ns=None))
    assert lines == [(shown, 0.5, 0.5)]


def test_a_view_says_how_it_is_requested(spec):
    write, view = spec("write"), courses.load().view("write")
    assert (write.method, write.body, write.expect_status) == ("POST", view.body, view.expect_status)
    assert view.headers.items() <= write.headers.items()
    assert spec("page", slow_clients=40).slow_clients == 40


@pytest.mark.parametrize(("view", "asked", "keepalive", "resume"), [
    ("asset", True, True, False), ("asset", False, False, False),
    ("asset_new", True, False, False), ("asset_resumed", True, False, True)])
def test_a_view_says_how_its_clients_connect(monkeypatch, view, asked, keepalive, resume):
    monkeypatch.setattr(load_test.https, "ca_file", lambda machine: "ca.pem")
    course = courses.load()
    spec = load_test._spec(NoMachine(), Scenario(course.target("tls"), course.view(view), 1),
                           LoadSettings(seconds=1, keepalive=asked))
    assert (spec.keepalive, spec.resume, spec.ca_file) == (keepalive, resume, "ca.pem")


def test_many_pages_are_drawn_by_a_seed_and_the_warm_up_draws_others(spec):
    many = spec("many", seed=7)
    assert (len(many.paths), many.seed) == (courses.load().view("many").n_paths, 7)
    assert many.url.endswith(many.paths[0])
    target = resolve("http://127.0.0.1:8000/")
    drawn = []
    for load in (many, many, load_test._warm_up(many, 0.5)):
        draw = requests(load, target, load.seed)
        drawn.append([draw() for _ in range(500)])
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_warm_up_saves_no_attempts_and_has_no_slow_clients(spec):
    warm_up = load_test._warm_up(spec("page", slow_clients=40), 0.5)
    assert (warm_up.slow_clients, warm_up.attempts_path, warm_up.duration_s) == (0, None, 0.5)
