"""The order of runs, what is left to do, and whose processors are whose."""

import os
from collections import Counter

import pytest

from deploylab import course as courses
from deploylab import experiment
from deploylab.experiment import Cell
from deploylab.results import Session


@pytest.fixture
def all_cells():
    course = courses.load()
    return experiment.cells(course, list(course.stages))


def labels(cells: list[Cell]) -> list[str]:
    return [cell.label for cell in cells]


def test_every_stage_view_and_concurrency_is_a_cell(all_cells):
    course = courses.load()
    wanted = {(s.name, v, c) for s in course.stages for v in s.views for c in course.view(v).concurrency}
    assert {(cell.target.name, cell.view.name, cell.concurrency) for cell in all_cells} == wanted
    assert len(all_cells) == len(wanted)


def test_a_round_holds_every_cell_once(all_cells):
    for number in range(1, 8):
        assert Counter(labels(experiment.rotated(all_cells, number))) == Counter(labels(all_cells))


def test_what_is_compared_is_measured_side_by_side(all_cells):
    n_stages = len(courses.load().stages)
    for number in range(1, 6):
        order = experiment.rotated(all_cells, number)
        for start in range(0, len(order), n_stages):
            assert len({(cell.view.name, cell.concurrency) for cell in order[start:start + n_stages]}) == 1


def test_each_stage_goes_first_in_turn_and_each_round_begins_elsewhere(all_cells):
    first = [experiment.rotated(all_cells, number)[0] for number in range(1, 6)]
    assert len({cell.view.name for cell in first}) >= 4
    assert len({cell.target.name for cell in first[:2]}) == 2


def test_one_cell_is_a_round(all_cells):
    assert experiment.rotated(all_cells[:1], 3) == all_cells[:1]


def test_only_what_is_not_measured_is_left(all_cells, tmp_path, monkeypatch):
    monkeypatch.setenv("DEPLOYLAB_RESULTS", str(tmp_path))
    session = Session.create(n_rounds=2)
    everything = list(experiment.remaining(session, all_cells, 2))
    assert len(everything) == 2 * len(all_cells)
    number, cell = everything[0]
    done = {(number, cell.target.stage, cell.target.variant, cell.view.name, cell.concurrency)}
    monkeypatch.setattr(Session, "measured", lambda self: done)
    assert list(experiment.remaining(session, all_cells, 2)) == everything[1:]


def test_the_generator_gets_the_processors_that_the_guest_does_not_use():
    ours = os.sched_getaffinity(0)
    one = min(ours)
    free = experiment.free_cpus({"provider": "lxc", "cpus_allowed": [one]})
    assert free == (tuple(sorted(ours - {one})) or None)
    assert experiment.free_cpus({"provider": "lxc", "cpus_allowed": sorted(ours)}) is None
    assert experiment.free_cpus({"provider": "virtualbox", "cpus_allowed": [0]}) is None


def test_a_sampled_process_that_went_away_gives_no_cost():
    before = {"n_processes": 2, "cpu_s": 5.0, "runq_wait_s": 1.0, "rss_bytes": 0, "pss_bytes": 0}
    after = {"n_processes": 2, "cpu_s": 6.5, "runq_wait_s": 1.25, "rss_bytes": 300, "pss_bytes": 200}
    assert experiment._felt(before, after) == {
        "server_cpu_s": 1.5, "server_runq_wait_s": 0.25, "server_rss_bytes": 300, "server_pss_bytes": 200}
    gone = {"n_processes": 0, "cpu_s": 0.0, "runq_wait_s": 0.0, "rss_bytes": 0, "pss_bytes": 0}
    assert set(experiment._felt(before, gone).values()) == {None}


def test_a_cell_names_itself():
    course = courses.load()
    stage = course.stages[0]
    assert Cell(stage, course.view("wait"), 32).label == f"{stage.name} wait c=32"
