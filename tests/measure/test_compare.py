"""Contrasts: measured in pairs, the order alternating; and what the report says of one or several differences."""

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
CONTRAST = synthetic.contrast()
PART = Difference(name="gunicorn worker_class", a="sync", b="gthread")
OTHER = Difference(name="nginx gzip", a="off in http", b="on in http")


def result_of(differences=(PART,), contrast=CONTRAST, **pairs):
    return stats.contrast_result(contrast, differences, synthetic.pairs(contrast, **pairs))


# ------------------------------------------------------------------ the result

def test_the_ratio_is_b_over_a_whatever_the_order():
    result = result_of(ratio=2.0)
    assert result.main.n_pairs == 5 and result.main.ci95[0] < 2.0 < result.main.ci95[1]
    assert result.a.cell.target == "nginx:sync" and result.b.cell.target == "nginx"
    assert result.ratios["p50_ns"].ratio == pytest.approx(0.5, rel=0.1)


def test_equal_rates_are_suspicious_and_equal_bytes_are_not():
    ratios = result_of(sd=0.0).ratios
    assert ratios["bytes_per_answer"].ratio == 1 and ratios["bytes_per_answer"].warnings == []
    assert any("something fixed decides it" in text for text in ratios["rps"].warnings)


def test_pairs_that_lack_a_figure_of_no_table_are_not_mentioned():
    runs = [run if run.pair_id.endswith("/1") else replace(run, latency_ns=run.latency_ns | {"p99": None})
            for run in synthetic.pairs(CONTRAST)]
    result = stats.contrast_result(CONTRAST, [PART], runs)
    assert any("4 of 5 pairs left out" in text for text in result.ratios["p99_ns"].warnings)
    assert not any("left out" in text for text in result.warnings)


def test_runs_of_other_contrasts_are_ignored():
    other = synthetic.pairs(synthetic.contrast(name="other"), ratio=9)
    assert stats.contrast_result(CONTRAST, [], [*other, *synthetic.pairs(CONTRAST)]).main.n_pairs == 5
    assert stats.contrast_result(CONTRAST, [], other) is None


def test_one_side_only_has_no_result():
    assert stats.contrast_result(CONTRAST, [PART], synthetic.pairs(CONTRAST)[:1]) is None


def test_if_a_pair_was_measured_twice_the_later_runs_count():
    runs = synthetic.pairs(CONTRAST, n=3)
    stale = replace(runs[0], rps=1e6, run_id="stale")
    ratios = stats.contrast_result(CONTRAST, [PART], runs).ratios
    assert stats.contrast_result(CONTRAST, [PART], [stale, *runs]).ratios == ratios


def test_two_views_of_one_server_are_compared_only_on_request():
    contrast = synthetic.contrast(a="nginx", b="nginx", view="asset", b_view="asset_again", concurrency=10)
    runs = synthetic.pairs(contrast, ratio=3)
    result = stats.contrast_result(contrast, [], runs)
    assert result.main.verdict.startswith("nginx asset_again against nginx asset: 3.")
    a, b = ([run for run in runs if run.view == view] for view in ("asset", "asset_again"))
    with pytest.raises(DeployLabError, match="their view differs"):
        stats.compare(a, b)
    with pytest.raises(DeployLabError, match="their view differs"):
        stats.compare([*a, *b], b, of_views=True)


def test_a_server_against_itself_shows_the_noise():
    contrast = synthetic.contrast(a="nginx", b="nginx", parts=(), differs="")
    result = stats.contrast_result(contrast, [], synthetic.pairs(contrast, ratio=1.0))
    assert result.main.n_pairs == 5 and result.main.ratio == pytest.approx(1, rel=0.1) and not result.one_thing
    assert "noise of the machine" in stats.differing(contrast, [])


def test_a_load_with_slow_clients_is_not_compared_with_one_without():
    slow = {"flags": ["slow_clients=40"]}
    with pytest.raises(DeployLabError, match="slow clients differs"):
        result_of(b_side=slow)
    fewer = {"flags": ["slow_clients=38 of 40"]}
    assert result_of(a_side=fewer, b_side=slow).main.n_pairs == 5


def test_the_hit_ratio_is_a_share_of_all_answers():
    side = {"notes": {"n_cache_hits": 60, "n_cache_misses": 40}}
    result = result_of(b_side=side)
    b_runs = [run for run in synthetic.pairs(CONTRAST, b_side=side) if run.variant is None]
    assert result.b.hit_ratio == pytest.approx(300 / sum(run.n_ok for run in b_runs))
    assert result.a.hit_ratio is None


def test_requests_and_bytes_of_a_visit():
    few, many = ({"notes": {"requests_per_visit": n, "bytes_per_visit": 1000 * n}} for n in (3, 12))
    result = result_of(a_side=many, b_side=few)
    assert (result.a.requests_per_visit, result.b.bytes_per_visit) == (12, 3000)
    assert result.ratios["requests_per_visit"].ratio == pytest.approx(0.25)


# ------------------------------------------------------------------ one difference, or a whole step

def test_one_thing_is_said_only_if_nothing_else_differs():
    assert result_of().one_thing
    assert stats.differing(CONTRAST, [PART]) == "They differ in one thing: the one thing."
    assert not result_of([PART, OTHER]).one_thing
    text = stats.differing(CONTRAST, [PART, OTHER])
    assert text == "Besides the one thing, they differ in 1 thing more: the number is for the whole step, not for " \
                   "its parts."


def test_without_parts_in_the_course_a_single_difference_is_the_one_thing():
    contrast = synthetic.contrast(parts=(), differs="")
    assert stats.contrast_result(contrast, [OTHER], synthetic.pairs(contrast)).one_thing
    assert stats.differing(contrast, [OTHER]) == "They differ in one thing: nginx gzip, off in http → on in http."
    assert "in 2 things: the number is for the whole step" in stats.differing(contrast, [PART, OTHER])


def test_a_part_that_does_not_differ_here_is_reported():
    result = result_of([OTHER])
    assert not result.one_thing
    assert result.warnings[0].endswith("on this machine they do not: gunicorn worker_class")


# ------------------------------------------------------------------ which contrast, and what is left to do

def test_a_comparison_that_the_course_has_takes_its_load_and_its_parts():
    known = next(contrast for contrast in COURSE.contrasts if contrast.name == "slots")
    contrast = compare.named(COURSE, "nginx:sync", "nginx")
    assert (contrast.view, contrast.concurrency, contrast.parts) == (known.view, known.concurrency, known.parts)
    swapped = compare.named(COURSE, "nginx", "nginx:sync", view="hello")
    assert (swapped.view, swapped.concurrency, swapped.parts) == ("hello", 10, known.parts)


def test_a_comparison_that_the_course_does_not_have():
    contrast = compare.named(COURSE, "runserver", "nginx", concurrency=3)
    assert (contrast.view, contrast.concurrency, contrast.parts, contrast.differs) == ("page", 3, (), "")
    slow = compare.named(COURSE, "nginx:bare", "nginx", view="hello", slow_clients=0)
    assert slow.slow_clients == 0
    views = compare.named(COURSE, "nginx", "nginx", view="asset", b_view="asset_again")
    assert views.b_view == "asset_again" and views.name == "nginx-nginx-asset"


@pytest.mark.parametrize("wrong", [{"a": "nginks"}, {"view": "pag"}, {"b_view": "pag"}])
def test_an_unknown_name_lists_the_known_ones(wrong):
    with pytest.raises(CourseError, match="nginx|hello"):
        compare.named(COURSE, **{"a": "nginx", "b": "runserver", **wrong})


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """A bench whose loads take no time: every run is saved like a real one."""
    monkeypatch.setenv("DEPLOYLAB_RESULTS", str(tmp_path))
    session = Session.create(kind="run")

    def measure(bench, cell, *, purpose, pair_id, side, seed, on_progress):
        n_slow = bench.settings.slow_clients
        run = synthetic.run(cell.target.stage, cell.view.name, cell.concurrency, None, 100.0 + seed % 7, seed=seed,
                            variant=cell.target.variant, purpose=purpose, pair_id=pair_id, side=side,
                            flags=[f"slow_clients={n_slow}"] if n_slow else [])
        session.append(run)
        return run

    monkeypatch.setattr(load_test, "measure", measure)
    return Bench(machine=None, course=COURSE, session=session, facts=synthetic.FACTS, app_rev="",
                 settings=LoadSettings(seconds=1.0))


def measured_pairs(bench, contrast=CONTRAST, n=4):
    return list(compare.pairs(bench, contrast, n, Progress("test")))


def test_either_side_goes_first_in_half_of_the_pairs_and_a_pair_has_one_seed(bench):
    variants = [(number, a.variant, b.variant) for number, a, b in measured_pairs(bench)]
    assert variants == [(n, "sync", None) for n in (1, 2, 3, 4)]
    runs = bench.session.runs("pair")
    assert sorted(run.variant or "" for run in runs[::2]) == ["", "", "sync", "sync"]
    assert all({run.side for run in pair} == {"A", "B"} for pair in zip(runs[::2], runs[1::2], strict=True))
    assert all((run.side == "A") == (run.variant == "sync") for run in runs)
    assert [run.pair_id for run in runs] == [f"worker-class/{n}" for n in (1, 1, 2, 2, 3, 3, 4, 4)]
    assert len({run.seed for run in runs}) == 4
    assert all(a.seed == b.seed for _, a, b in measured_pairs(bench, n=5))


def test_only_incomplete_pairs_remain(bench):
    measured_pairs(bench, n=2)
    bench.session.append(synthetic.pairs(CONTRAST, n=3)[4])
    assert compare.remaining(bench, CONTRAST, 4) == [3, 4]
    assert [number for number, _, _ in measured_pairs(bench)] == [3, 4]
    assert measured_pairs(bench) == []


def test_slow_clients_stay_during_both_halves(bench):
    runs = [run for _, *both in measured_pairs(bench, synthetic.contrast(slow_clients=40), 1) for run in both]
    assert [run.flags for run in runs] == [["slow_clients=40"]] * 2


def test_a_contrast_of_two_views_loads_one_on_each_side(bench):
    contrast = synthetic.contrast(a="nginx", b="nginx", view="asset", b_view="asset_again")
    assert [(a.view, b.view) for _, a, b in measured_pairs(bench, contrast, 2)] == [("asset", "asset_again")] * 2


def test_the_view_is_a_difference(monkeypatch):
    monkeypatch.setattr(compare, "differences", lambda machine, app, a, b: [])
    contrast = synthetic.contrast(a="nginx", b="nginx", view="asset", b_view="asset_again")
    assert compare.find_differences(None, COURSE, contrast) == [Difference(name="view", a="asset", b="asset_again")]


def test_ctrl_c_keeps_what_was_measured(bench, monkeypatch, capsys):

    real, calls = load_test.measure, []

    def stopped(*args, **kwargs):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return real(*args, **kwargs)

    monkeypatch.setattr(load_test, "measure", stopped)
    assert compare.measure_pairs(bench, CONTRAST, 5, Progress("test"))
    assert len(bench.session.runs("pair")) == 3
    assert "pair 1 of 5" in capsys.readouterr().err


def test_a_contrast_in_a_plan_is_what_json_returns():
    import json

    plan = compare.as_plan(CONTRAST)
    assert json.loads(json.dumps(plan)) == plan and set(plan) == set(asdict(CONTRAST))


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

CONTRASTS = pytest.mark.parametrize("contrast", COURSE.contrasts, ids=lambda contrast: contrast.name)


@CONTRASTS
def test_every_contrast_says_what_it_is_about(contrast):
    assert contrast.title and contrast.differs and contrast.lesson
    # With a new connection for each request one client is enough to keep a server busy.
    views = [COURSE.view(name) for name in (contrast.view, contrast.b_view or contrast.view)]
    new = contrast.new_connections or any(view.connections != "kept" for view in views)
    assert contrast.concurrency in ((1,) if new else views[0].concurrency)


def test_no_two_contrasts_have_the_same_name():
    names = [contrast.name for contrast in COURSE.contrasts]
    assert len(names) == len(set(names)) and not any("/" in name for name in names)
