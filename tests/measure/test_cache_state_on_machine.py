"""Every cache of the course, on the machine: emptied when a load begins cold, full when it begins steady."""

from dataclasses import replace

import pytest

from deploylab import course as courses
from deploylab.core.progress import Progress
from deploylab.course import STEADY
from deploylab.measure import compare, load_test
from deploylab.measure.bench import Bench, LoadSettings, Scenario
from deploylab.provision import converge
from deploylab.provision.on_demand import awake
from deploylab.results import Session, stats

pytestmark = pytest.mark.machine
COURSE = courses.load()
CACHES = [pytest.param(target, marks=[] if target.variant is None else pytest.mark.thorough, id=target.name)
          for target in COURSE.targets if target.empty]
RATE_PER_S = 60.0
# Fewer pages than in the course: one is kept for 30 s, and a busy computer needs as long to make all 800.
MANY = replace(COURSE.view("many"), n_paths=200)


@pytest.fixture(scope="module")
def bench(machine):
    for stage in ("cache", "edge"):
        converge.to_stage(machine, COURSE, stage, variants=[target.variant for target in COURSE.stage(stage).variants])
    # Every connection that the application kept is broken now.
    machine.check_output("systemctl restart memcached", sudo=True)
    machine.check_output("until [ -S /run/memcached/memcached.sock ]; do sleep 0.1; done", sudo=True)
    return Bench.of(machine, COURSE, Session.create(), LoadSettings(seconds=2, warmup_s=0.3))


@pytest.mark.parametrize("target", CACHES)
def test_a_cache_is_in_the_declared_state(bench, target):
    paced = replace(bench, settings=replace(bench.settings, rate_per_s=RATE_PER_S))
    with awake(bench.machine, [target]):
        steady, cold = (load_test.measure(paced, Scenario(target, MANY, 100, cold), purpose="measure", seed=7)
                        for cold in (False, True))
    for run in (steady, cold):
        assert run.n_ok > 0.8 * RATE_PER_S and not run.errors
        assert not any(flag.startswith("cache_misses") for flag in run.flags)
    assert steady.db_queries_per_request < cold.db_queries_per_request
    if target.expect["cached_by"] != "nobody":
        assert steady.hit_ratio == 1 and cold.hit_ratio < 0.8
        assert steady.server_cpu_per_request_s < cold.server_cpu_per_request_s


@pytest.mark.thorough
def test_a_contrast_of_caches_has_no_trend(bench):
    """It had one, of more than a hundred times, while the first pair met an empty cache and the last one a full one."""
    contrast = COURSE.contrast("edge")
    for state in (None, STEADY):
        chosen = replace(contrast, name=f"trend-{state}", state=state)
        runs = [run for _, *both in compare.pairs(bench, chosen, 4, Progress("test")) for run in both]
        result = stats.contrast_result(chosen, [], runs)
        assert result.b.hit_ratio > 0.99 and not result.b.flags.get("cache_misses")
        ratios = [b.rps / a.rps for a, b in zip(*stats.sides(chosen, runs), strict=True)]
        assert stats.trend(ratios, least=3) is None, ratios
    assert result.main.ratio < 0.7  # a hit in front needs less CPU than a page that is made
