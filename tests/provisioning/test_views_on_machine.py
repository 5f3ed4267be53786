"""One short load of each kind of view on a real stage: asked as the course says, answered, and nothing left behind."""

from dataclasses import replace

import pytest

from deploylab import course as courses
from deploylab.measure import load_test
from deploylab.measure.bench import Bench, LoadSettings, Scenario
from deploylab.measure.distance import Distance
from deploylab.provision import converge
from deploylab.results import Session

pytestmark = pytest.mark.machine
COURSE = courses.load()
STAGES = ["runserver", "nginx"]
COUNT = "from programme.models import Comment; print(Comment.objects.count())"


@pytest.fixture(scope="module")
def bench(machine):
    """Both stages stand; one-second loads."""
    for stage in STAGES:
        converge.to_stage(machine, COURSE, stage)
    return Bench.of(machine, COURSE, Session.create(), LoadSettings(seconds=1, warmup_s=0.3))


@pytest.fixture
def measured(bench):
    """Measure a view of a stage as the course lists it."""

    def measure(stage, view_name, settings=None, **more):
        view = COURSE.view(view_name)
        cell = Scenario(COURSE.target(stage), view, view.concurrency[0])
        used = replace(bench, settings=replace(bench.settings, **settings)) if settings else bench
        run = load_test.measure(used, cell, purpose="measure", **more)
        assert bench.session.runs()[-1] == run
        return run

    return measure


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("view", ["asset_gzip", "many"])
def test_a_view_with_headers_or_many_pages_is_answered(measured, stage, view):
    run = measured(stage, view)
    assert run.n_ok > 0 and not run.errors


def test_a_visit_from_afar_takes_round_trips_and_leaves_nothing_on_the_guest(bench, measured):
    """The same requests and bytes as from nearby, and their time."""
    long_enough = {"seconds": 5}  # a median needs 20 visits, and a second of a busy computer has fewer from nearby
    near, far = (measured("nginx", view, long_enough) for view in ("visit", "visit_far"))
    assert min(near.n_ok, far.n_ok) >= 20 and not far.errors and far.line_means in ("netem", "tun", "packet sockets")
    assert 1 <= far.line_connect_ns / (far.line_rtt_ms * 1e6) <= 1.15
    assert far.notes["requests_per_visit"] == near.notes["requests_per_visit"]
    assert far.notes["bytes_per_visit"] == pytest.approx(near.notes["bytes_per_visit"], rel=0.01)
    # A connection, the page and at least one more request, one after the other.
    assert far.latency_ns["p50"] > 3 * far.line_rtt_ms * 1e6 > near.latency_ns["p50"]
    # Any page can be asked for from anywhere: over a kept connection, a round trip and the time to make it.
    page = measured("nginx", "hello", {"seconds": 3, "distance": Distance(100, 10)})
    assert page.line_rtt_ms == 100 and not page.errors
    assert 1 <= page.latency_ns["p50"] / 100e6 < 2
    left = bench.machine.check_output("ip -br link; ls /run/netns 2>/dev/null || true; ps -A -o args=", sudo=True)
    assert not [line for line in left.splitlines() if line.startswith("dl") or "exec(order" in line]


@pytest.mark.parametrize("stage", STAGES)
def test_what_was_posted_was_accepted_and_is_gone_afterwards(bench, measured, stage):
    def n_comments():
        return int(bench.machine.check_output(f"deploylab-manage {stage} shell --no-imports -c '{COUNT}'", sudo=True))

    before = n_comments()
    run = measured(stage, "write")
    assert run.n_ok > 0 and not run.errors  # each one a 201
    assert n_comments() == before


@pytest.mark.parametrize("stage", STAGES)
def test_a_visit_fetches_all_and_the_next_one_almost_nothing(measured, stage):
    first, again = measured(stage, "visit"), measured(stage, "revisit")
    assert not first.errors and not again.errors
    assert first.notes["requests_per_visit"] > 10 and first.notes["not_modified_per_visit"] == 0
    assert again.notes["not_modified_per_visit"] + again.notes["from_cache_per_visit"] > 10
    assert again.notes["bytes_per_visit"] < first.notes["bytes_per_visit"] / 5
    assert first.client_cpu_s > 0 and first.server_cpu_s > 0


def test_both_stages_serve_the_same_files_to_a_visitor(measured):
    """Only then are their visits one load."""
    assert len({measured(stage, "visit").notes["requests_per_visit"] for stage in STAGES}) == 1


def test_a_file_that_the_client_has_is_not_sent(measured):
    run = measured("nginx", "asset_again")
    assert run.n_ok > 0 and not run.errors  # each one a 304
    assert run.bytes / run.n_ok < 1000


def test_what_a_page_asks_of_the_database_is_counted(measured):
    """The real page about 8 queries, as its title says; a page that is only a template none.

    Each new connection to the database asks a question too: so enough pages for that to be little.
    """
    assert 7 <= measured("nginx", "page", {"seconds": 3}).db_queries_per_request < 9
    assert measured("nginx", "hello", {"seconds": 3}).db_queries_per_request < 0.1
    assert "n_db_queries" not in measured("runserver", "page").notes  # a file is asked no questions


def test_a_seed_is_kept_with_the_run(measured):
    assert [measured("nginx", "many", seed=7, pair_id="p1").seed for _ in range(2)] == [7, 7]


def test_slow_clients_are_held_beside_the_load(measured):
    run = measured("nginx", "page", {"slow_clients": 5})
    assert (run.notes["n_slow_held"], run.flags.count("slow_clients=5")) == (5, 1)
    assert run.n_ok > 0 and not run.errors
