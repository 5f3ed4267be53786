"""contrasts: paired in turns, told apart, and never said to be one thing where they are not."""

from dataclasses import asdict, replace
from types import SimpleNamespace

import pytest
import synthetic

from deploylab import course as courses
from deploylab.core.errors import CheckError, CourseError, DeployLabError
from deploylab.core.progress import Progress
from deploylab.measure import compare, load_test
from deploylab.measure.bench import Bench, LoadSettings
from deploylab.provision import prepare
from deploylab.results import Session, stats
from deploylab.results.record import Difference

COURSE = courses.load()
ONE = synthetic.contrast()
PART = Difference(name="gunicorn worker_class", a="sync", b="gthread")
MORE = Difference(name="nginx gzip", a="off in http", b="on in http")


def came_out(differences=(PART,), of=ONE, **other):
    return stats.contrast_result(of, differences, synthetic.pairs(of, **other))


# ------------------------------------------------------------------ what came out

def test_the_ratio_is_b_over_a_whatever_the_order():
    found = came_out(ratio=2.0)
    assert found.rps.n_pairs == 5 and found.rps.ci95[0] < 2.0 < found.rps.ci95[1]
    assert found.a.cell.target == "nginx:sync" and found.b.cell.target == "nginx"
    assert found.ratios["p50_ns"].ratio == pytest.approx(0.5, rel=0.1)


def test_bytes_that_are_equal_every_time_are_no_suspicion():
    found = came_out(sd=0.0).ratios
    assert found["bytes_per_answer"].ratio == 1 and found["bytes_per_answer"].warnings == []
    assert any("copy" in text for text in found["rps"].warnings)


def test_runs_of_other_pairs_are_passed_over():
    other = synthetic.pairs(synthetic.contrast(name="other"), ratio=9)
    assert stats.contrast_result(ONE, [], [*other, *synthetic.pairs(ONE)]).rps.n_pairs == 5
    assert stats.contrast_result(ONE, [], other) is None


def test_one_side_only_is_nothing_yet():
    assert stats.contrast_result(ONE, [PART], synthetic.pairs(ONE)[:1]) is None


def test_of_a_pair_begun_twice_the_last_halves_count():
    runs = synthetic.pairs(ONE, n=3)
    stale = replace(runs[0], rps=1e6, run_id="stale")
    assert stats.contrast_result(ONE, [PART], [stale, *runs]).ratios == stats.contrast_result(ONE, [PART], runs).ratios


def test_two_views_of_one_server_are_compared_only_when_told():
    of = synthetic.contrast(a="nginx", b="nginx", view="asset", b_view="asset_again", concurrency=10)
    runs = synthetic.pairs(of, ratio=3)
    found = stats.contrast_result(of, [], runs)
    assert found.rps.verdict.startswith("nginx asset_again against nginx asset: 3.")
    a, b = ([run for run in runs if run.view == view] for view in ("asset", "asset_again"))
    with pytest.raises(DeployLabError, match="their view differs"):
        stats.compare(a, b)
    with pytest.raises(DeployLabError, match="their view differs"):
        stats.compare([*a, *b], b, of_views=True)


def test_a_server_against_itself_shows_the_noise():
    of = synthetic.contrast(a="nginx", b="nginx", parts=(), differs="")
    found = stats.contrast_result(of, [], synthetic.pairs(of, ratio=1.0))
    assert found.rps.n_pairs == 5 and found.rps.ratio == pytest.approx(1, rel=0.1) and not found.one_thing
    assert "noise of the machine" in stats.differing(of, [])


def test_a_load_beside_slow_clients_does_not_go_with_one_without():
    slow = {"flags": ["slow_clients=40"]}
    with pytest.raises(DeployLabError, match="slow clients differs"):
        came_out(b_side=slow)
    fewer = {"flags": ["slow_clients=38 of 40"]}
    assert came_out(a_side=fewer, b_side=slow).rps.n_pairs == 5


def test_the_hit_ratio_is_that_of_all_answers():
    side = {"notes": {"n_cache_hits": 60, "n_cache_misses": 40}}
    found = came_out(b_side=side)
    sent = [run for run in synthetic.pairs(ONE, b_side=side) if run.variant is None]
    assert found.b.hit_ratio == pytest.approx(300 / sum(run.n_ok for run in sent))
    assert found.a.hit_ratio is None


def test_requests_and_bytes_of_a_visit():
    few, many = ({"notes": {"requests_per_visit": n, "bytes_per_visit": 1000 * n}} for n in (3, 12))
    found = came_out(a_side=many, b_side=few)
    assert (found.a.requests_per_visit, found.b.bytes_per_visit) == (12, 3000)
    assert found.ratios["requests_per_visit"].ratio == pytest.approx(0.25)


# ------------------------------------------------------------------ one thing, or the step

def test_one_thing_is_said_only_where_nothing_else_differs():
    assert came_out().one_thing
    assert stats.differing(ONE, [PART]) == "They differ in one thing: the one thing."
    assert not came_out([PART, MORE]).one_thing
    said = stats.differing(ONE, [PART, MORE])
    assert said == "Besides the one thing, they differ in 1 thing more: the number is for the whole step, not for " \
                   "its parts."


def test_without_the_course_s_word_a_single_difference_is_the_one_thing():
    of = synthetic.contrast(parts=(), differs="")
    assert stats.contrast_result(of, [MORE], synthetic.pairs(of)).one_thing
    assert stats.differing(of, [MORE]) == "They differ in one thing: nginx gzip, off in http → on in http."
    assert "in 2 things: the number is for the whole step" in stats.differing(of, [PART, MORE])


def test_a_part_that_does_not_differ_here_is_told():
    found = came_out([MORE])
    assert not found.one_thing
    assert found.warnings[0].endswith("on this machine they do not: gunicorn worker_class")


# ------------------------------------------------------------------ what is named, what is left to do

def test_a_comparison_of_two_sides_of_the_course_takes_its_load_and_its_words():
    known = next(one for one in COURSE.contrasts if one.name == "worker-class")
    found = compare.named(COURSE, "nginx:sync", "nginx")
    assert (found.view, found.concurrency, found.parts) == (known.view, known.concurrency, known.parts)
    turned = compare.named(COURSE, "nginx", "nginx:sync", view="hello")
    assert (turned.view, turned.concurrency, turned.parts) == ("hello", 10, known.parts)


def test_a_comparison_that_the_course_does_not_know():
    found = compare.named(COURSE, "runserver", "nginx", concurrency=3)
    assert (found.view, found.concurrency, found.parts, found.differs) == ("page", 3, (), "")
    slow = compare.named(COURSE, "nginx:bare", "nginx", view="hello", slow_clients=0)
    assert slow.slow_clients == 0
    views = compare.named(COURSE, "nginx", "nginx", view="asset", b_view="asset_again")
    assert views.b_view == "asset_again" and views.name == "nginx-nginx-asset"


@pytest.mark.parametrize("wrong", [{"a": "nginks"}, {"view": "pag"}, {"b_view": "pag"}])
def test_an_unknown_name_lists_those_there_are(wrong):
    with pytest.raises(CourseError, match="nginx|hello"):
        compare.named(COURSE, **{"a": "nginx", "b": "runserver", **wrong})


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """A bench whose loads take no time: every run is kept as the real one is."""
    monkeypatch.setenv("DEPLOYLAB_RESULTS", str(tmp_path))
    session = Session.create(kind="run")

    def measure(bench, cell, *, purpose, pair_id, seed, on_progress):
        made = synthetic.run(cell.target.stage, cell.view.name, cell.concurrency, None, 100.0 + seed % 7, seed=seed,
                             variant=cell.target.variant, purpose=purpose, pair_id=pair_id,
                             flags=[f"slow_clients={bench.how.slow_clients}"] * bool(bench.how.slow_clients))
        session.append(made)
        return made

    monkeypatch.setattr(load_test, "measure", measure)
    return Bench(machine=None, course=COURSE, session=session, facts=synthetic.FACTS, app_rev="",
                            how=LoadSettings(seconds=1.0))


def race(bench, of=ONE, n=4):
    return list(compare.pairs(bench, of, n, Progress("test")))


def test_pairs_go_a_b_b_a_with_one_seed_each(bench):
    assert [(number, a.variant, b.variant) for number, a, b in race(bench)] == [(n, "sync", None) for n in (1, 2, 3, 4)]
    runs = bench.session.runs("pair")
    assert [run.variant for run in runs] == ["sync", None, None, "sync"] * 2
    assert [run.pair_id for run in runs] == [f"worker-class/{n}" for n in (1, 1, 2, 2, 3, 3, 4, 4)]
    assert len({run.seed for run in runs}) == 4 and all(a.seed == b.seed for _, a, b in race(bench, n=5))


def test_only_pairs_that_are_not_whole_remain(bench):
    race(bench, n=2)
    bench.session.append(synthetic.pairs(ONE, n=3)[4])
    assert compare.remaining(bench, ONE, 4) == [3, 4]
    assert [number for number, _, _ in race(bench)] == [3, 4]
    assert race(bench) == []


def test_slow_clients_are_held_during_both_halves(bench):
    runs = [run for _, *both in race(bench, synthetic.contrast(slow_clients=40), 1) for run in both]
    assert [run.flags for run in runs] == [["slow_clients=40"]] * 2


def test_two_views_are_loads_of_their_own(bench):
    of = synthetic.contrast(a="nginx", b="nginx", view="asset", b_view="asset_again")
    assert [(a.view, b.view) for _, a, b in race(bench, of, 2)] == [("asset", "asset_again")] * 2


def test_the_view_is_a_difference(monkeypatch):
    monkeypatch.setattr(compare, "differences", lambda machine, a, b: [])
    of = synthetic.contrast(a="nginx", b="nginx", view="asset", b_view="asset_again")
    assert compare.find(None, COURSE, of) == [Difference(name="view", a="asset", b="asset_again")]


def test_ctrl_c_keeps_what_was_measured(bench, monkeypatch, capsys):

    real, calls = load_test.measure, []

    def stopped(*args, **kwargs):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return real(*args, **kwargs)

    monkeypatch.setattr(load_test, "measure", stopped)
    assert compare.measure_pairs(bench, ONE, 5, Progress("test"))
    assert len(bench.session.runs("pair")) == 3
    assert "pair 1 of 5" in capsys.readouterr().err


def test_a_contrast_in_a_plan_is_what_json_gives_back():
    import json

    plan = compare.as_plan(ONE)
    assert json.loads(json.dumps(plan)) == plan and set(plan) == set(asdict(ONE))


def test_an_unverified_server_is_never_measured(monkeypatch):
    from deploylab.provision.checks import Check

    target = COURSE.target("nginx")
    monkeypatch.setattr(prepare, "answers", lambda machine, target, **patience: False)
    with pytest.raises(CheckError, match="nginx does not answer on port 8003.*\nNext: ./lab goto nginx"):
        prepare.verify(SimpleNamespace(), COURSE, [target], Progress("test"))
    monkeypatch.setattr(prepare, "answers", lambda machine, target, **patience: True)
    monkeypatch.setattr(prepare.checks, "verify", lambda *_: [Check("DEBUG is off", False, "on", "a", "cure")])
    with pytest.raises(CheckError, match="DEBUG is off"):
        prepare.verify(SimpleNamespace(), COURSE, [target], Progress("test"))


# ------------------------------------------------------------------ the course as it is shipped

CONTRASTS = pytest.mark.parametrize("one", COURSE.contrasts, ids=lambda one: one.name)


@CONTRASTS
def test_every_contrast_says_what_it_is_about(one):
    assert one.title and one.differs and one.lesson
    assert one.concurrency in COURSE.view(one.view).concurrency


def test_no_two_contrasts_bear_one_name():
    names = [one.name for one in COURSE.contrasts]
    assert len(names) == len(set(names)) and not any("/" in name for name in names)
