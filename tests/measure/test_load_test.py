"""The order of runs, what is left to do, and whose processors are whose."""

import os
from collections import Counter
from dataclasses import replace

import pytest
import synthetic

from deploylab import course as courses
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
    wanted = {(s.name, v, c) for s in course.stages for v in s.views for c in course.view(v).concurrency}
    assert {(cell.target.name, cell.view.name, cell.concurrency) for cell in all_cells} == wanted
    assert len(all_cells) == len(wanted)


def test_a_round_holds_every_cell_once(all_cells):
    for number in range(1, 8):
        assert Counter(labels(rounds.rotated(all_cells, number))) == Counter(labels(all_cells))


def test_what_is_compared_is_measured_side_by_side(all_cells):
    for number in range(1, 6):
        loads = [(cell.view.name, cell.concurrency) for cell in rounds.rotated(all_cells, number)]
        blocks = [load for load, before in zip(loads, [None, *loads], strict=False) if load != before]
        assert len(blocks) == len(set(blocks))


def test_each_stage_goes_first_in_turn_and_each_round_begins_elsewhere(all_cells):
    first = [rounds.rotated(all_cells, number)[0] for number in range(1, 6)]
    assert len({cell.view.name for cell in first}) >= 4
    assert len({cell.target.name for cell in first[:2]}) == 2


def test_one_cell_is_a_round(all_cells):
    assert rounds.rotated(all_cells[:1], 3) == all_cells[:1]


def test_only_what_is_not_measured_is_left(all_cells, tmp_path, monkeypatch):
    monkeypatch.setenv("DEPLOYLAB_RESULTS", str(tmp_path))
    session = Session.create(n_rounds=2)
    everything = list(rounds.remaining(session, all_cells, 2))
    assert len(everything) == 2 * len(all_cells)
    number, cell = everything[0]
    done = {(number, cell.target.stage, cell.target.variant, cell.view.name, cell.concurrency)}
    monkeypatch.setattr(Session, "measured", lambda self: done)
    assert list(rounds.remaining(session, all_cells, 2)) == everything[1:]


def test_the_generator_gets_the_processors_that_the_guest_does_not_use():
    ours = os.sched_getaffinity(0)
    one = min(ours)
    free = free_cpus(replace(synthetic.FACTS, cpus_allowed=[one]))
    assert free == (tuple(sorted(ours - {one})) or None)
    assert free_cpus(replace(synthetic.FACTS, cpus_allowed=sorted(ours))) is None
    assert free_cpus(replace(synthetic.FACTS, provider="virtualbox")) is None


def test_a_cell_names_itself():
    course = courses.load()
    stage = course.stages[0]
    assert Scenario(stage, course.view("wait"), 32).label == f"{stage.name} wait c=32"


class NoMachine:
    """Knows its addresses and nothing else."""

    host = "10.0.3.9"

    def url(self, target, path="/"):
        return f"http://{self.host}:{target.port}{path}"


@pytest.fixture
def spec(tmp_path, monkeypatch):
    """Makes the load spec of a view, as a bench with this load would."""
    monkeypatch.setenv("DEPLOYLAB_RESULTS", str(tmp_path))
    course = courses.load()

    def make(view_name, seed=None, **how):
        cell = Scenario(course.stages[0], course.view(view_name), 10)
        return load_test._spec(NoMachine(), cell, LoadSettings(seconds=1, **how), seed, str(tmp_path / "attempts.gz"))

    return make


def test_a_view_says_how_it_is_asked_for(spec):
    made, view = spec("write"), courses.load().view("write")
    assert (made.method, made.body, made.expect_status) == ("POST", view.body, view.expect_status)
    assert view.headers.items() <= made.headers.items()
    assert spec("page", slow_clients=40).slow_clients == 40


def test_many_pages_are_drawn_by_a_seed_and_the_warm_up_draws_others(spec):
    made = spec("many", seed=7)
    assert (len(made.paths), made.seed) == (courses.load().view("many").n_paths, 7)
    assert made.url.endswith(made.paths[0])
    target = resolve("http://127.0.0.1:8000/")
    drawn = []
    for one in (made, made, load_test._warm_up(made, 0.5)):
        draw = requests(one, target, one.seed)
        drawn.append([draw() for _ in range(500)])
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_warm_up_leaves_no_attempts_and_holds_no_slow_clients(spec):
    warm_up = load_test._warm_up(spec("page", slow_clients=40), 0.5)
    assert (warm_up.slow_clients, warm_up.attempts_path, warm_up.duration_s) == (0, None, 0.5)
