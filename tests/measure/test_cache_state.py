"""Caches in a declared state, against a real server with a cache of known behaviour."""

import threading
import time
from collections import Counter
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
import synthetic

from deploylab import course as courses
from deploylab.core.errors import LoadError
from deploylab.core.progress import Progress
from deploylab.measure import cache_state, compare, load_test
from deploylab.measure.bench import Bench, LoadSettings, Scenario
from deploylab.results import Session, stats
from deploylab.results.record import LoadResult

COURSE = courses.load()
N_PAGES = 40
MANY = replace(COURSE.view("many"), n_paths=N_PAGES)
BODY = b"<html>page</html>"


class Keeper:
    """A server that keeps its pages: making one takes `made_s`, sending a kept one almost nothing."""

    def __init__(self, made_s: float, keeps: bool = True, forgets: str = ""):
        self.made_s, self.keeps, self.forgets = made_s, keeps, forgets
        self.kept, self.paths, self.cpu_s, self.n_emptied, self.lock = set(), [], 0.0, 0, threading.Lock()
        keeper = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self):
                hit = keeper.answer(self.path)
                self.send_response(200)
                self.send_header("Content-Length", str(len(BODY)))
                if keeper.keeps:
                    self.send_header("X-Cache", "HIT" if hit else "MISS")
                self.end_headers()
                self.wfile.write(BODY)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, path: str) -> bool:
        with self.lock:
            self.paths.append(path)
            hit = path in self.kept
            self.cpu_s += 0.0001 if hit else self.made_s
        if not hit:
            time.sleep(self.made_s)
            if self.keeps and path != self.forgets:
                with self.lock:
                    self.kept.add(path)
        return hit

    def empty(self) -> None:
        with self.lock:
            self.kept.clear()
            self.paths.clear()
            self.n_emptied += 1


@pytest.fixture
def keeper():
    """A function that starts such a server."""
    started = []

    def start(*args, **fields):
        started.append(Keeper(*args, **fields))
        return started[-1]

    yield start
    for each in started:
        each.server.shutdown()
        each.server.server_close()


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """A function: the bench on which `static` and `edge` are these two servers."""
    monkeypatch.setenv("DEPLOYLAB_RESULTS", str(tmp_path))

    def make(a: Keeper, b: Keeper, seconds: float = 0.6, kept_s: float = 0.0) -> Bench:
        servers = {"a": a, "b": b}
        sides = {"static": replace(COURSE.target("static"), port=a.port, empty=("a",) if a.keeps else (),
                                   cached=("many",), processes=("a",)),
                 "edge": replace(COURSE.target("edge"), port=b.port, empty=("b",), processes=("b",))}
        machine = SimpleNamespace(host="127.0.0.1", check_output=lambda command, **_: servers[command].empty(),
                                  url=lambda target, path: f"http://127.0.0.1:{target.port}{path}")
        monkeypatch.setattr(load_test.usage, "sample", lambda machine, processes, **_: servers[processes[0]].cpu_s)
        monkeypatch.setattr(load_test.usage, "counted", lambda before, after: {})
        monkeypatch.setattr(load_test.usage, "between", lambda before, after: {
            "server_cpu_s": after - before, "server_runq_wait_s": None, "server_rss_bytes": None,
            "server_pss_bytes": None})
        course = replace(COURSE, stages=tuple(sides.values()),
                         app=replace(COURSE.app, views={**COURSE.app.views, "many": MANY}, pages_kept_s=kept_s))
        return Bench(machine=machine, course=course, session=Session.create(kind="compare"), facts=synthetic.FACTS,
                     app_rev="", settings=LoadSettings(seconds=seconds, warmup_s=0.1),
                     config_hashes={"static": "", "edge": ""})

    return make


def cell(bench: Bench, name: str, **fields) -> Scenario:
    return Scenario(bench.course.target(name), MANY, 4, **fields)


def contrast(state=None):
    return synthetic.contrast("edge", "static", "edge", "many", 4, state=state)


def measured(bench, state, n_pairs=2):
    return [run for _, *both in compare.pairs(bench, contrast(state), n_pairs, Progress("test")) for run in both]


def test_a_full_cache_has_every_page_before_the_load_begins(bench, keeper):
    kept = keeper(0.002)
    made = bench(keeper(0.002, keeps=False), kept)
    run = load_test.measure(made, cell(made, "edge"), purpose="measure")
    assert (run.cache_state, run.hit_ratio) == ("steady", 1.0)
    assert Counter(kept.paths[:N_PAGES]) == Counter(MANY.paths)  # each once, after it was emptied
    assert not any("cache_misses" in flag for flag in run.flags)


def test_a_cold_cache_is_empty_when_the_load_begins(bench, keeper):
    kept = keeper(0.002)
    made = bench(keeper(0.002, keeps=False), kept)
    run = load_test.measure(made, cell(made, "edge", cold=True), purpose="measure")
    misses = run.n_ok - run.notes["n_cache_hits"]
    assert run.cache_state == "cold" and len(set(kept.paths)) <= misses <= len(set(kept.paths)) + 4 * N_PAGES
    assert 0 < run.hit_ratio < 1


def test_a_cache_that_is_still_full_is_not_filled_again(bench, keeper):
    a, b = keeper(0.002), keeper(0.002)
    made = bench(a, b, kept_s=30.0)
    for name in ("edge", "static", "edge"):
        run = load_test.measure(made, cell(made, name), purpose="measure")
        assert (run.cache_state, run.hit_ratio) == ("steady", 1.0)
    assert (a.n_emptied, b.n_emptied) == (1, 1)
    load_test.measure(made, cell(made, "edge", cold=True), purpose="measure")
    assert load_test.measure(made, cell(made, "edge"), purpose="measure").hit_ratio == 1.0
    assert (a.n_emptied, b.n_emptied) == (1, 3)  # for the cold load, and to fill it after that
    made.filled_s["edge", "many"] -= 30.0 - cache_state.MARGIN_S - 0.1  # the pages expire soon
    load_test.measure(made, cell(made, "edge"), purpose="measure")
    assert b.n_emptied == 4


def test_what_empties_one_cache_empties_all_that_share_it(bench, keeper):
    made = bench(keeper(0.001), keeper(0.001))
    edge, static = cell(made, "edge"), cell(made, "static")
    made.filled_s.update({("edge", "many"): 1.0, ("static", "many"): 1.0, ("edge", "page"): 1.0})
    cache_state.empty(made, edge)
    assert list(made.filled_s) == [(static.target.name, "many")]


def test_a_side_without_a_cache_has_no_state(bench, keeper):
    plain = keeper(0.001, keeps=False)
    made = bench(plain, keeper(0.001))
    run = load_test.measure(made, cell(made, "static", cold=True), purpose="measure")
    assert (run.cache_state, run.hit_ratio, plain.n_emptied) == (None, None, 0)


def test_a_full_cache_that_lacks_pages_is_flagged(bench, keeper):
    made = bench(keeper(0.001, keeps=False), keeper(0.001, forgets=MANY.paths[0]))
    run = load_test.measure(made, cell(made, "edge"), purpose="measure")
    flag = next(flag for flag in run.flags if flag.startswith("cache_misses="))
    assert run.hit_ratio < 0.9 and flag == f"cache_misses={1 - run.hit_ratio:.0%}"


def test_only_whole_pages_can_be_missing():
    result = LoadResult(**{name: value for name, value in vars(synthetic.run()).items()
                           if name in LoadResult.__dataclass_fields__} | {"notes": {"n_cache_hits": 1}})
    fragment = Scenario(COURSE.target("cache:fragment"), COURSE.view("many"), 10)
    whole = Scenario(COURSE.target("cache:view"), COURSE.view("many"), 10)
    assert cache_state.flags(fragment, result) == [] and cache_state.flags(whole, result)
    assert cache_state.flags(replace(whole, cold=True), result) == []


def test_both_sides_get_the_same_requests_at_a_rate_that_both_can_answer(bench, keeper):
    slow, fast = keeper(0.008), keeper(0.001)
    made = bench(slow, fast)
    runs = measured(made, "cold")
    assert {run.mode for run in runs} == {"open"} and len({run.target_rps for run in runs}) == 1
    assert made.session.plan["offered_rates"] == {"static edge many": runs[0].target_rps}
    for a, b in zip(runs[::2], runs[1::2], strict=True):
        assert (a.seed, a.n_due) == (b.seed, b.n_due) and a.n_errors == b.n_errors == 0
    assert slow.paths == fast.paths  # of the last pair, since both were emptied for it


def test_how_much_both_can_answer_is_asked_for_a_second_at_most(bench, keeper):
    slow = keeper(0.5)
    made = bench(slow, keeper(0.001))
    assert load_test.answered_rps(made, cell(made, "static", cold=True)) < 30
    assert cache_state.FILLERS < len(slow.paths) < len(MANY.paths)


def test_a_faster_server_does_not_earn_more_hits(bench, keeper):
    """In a closed loop from an empty cache, the fast one has many more hits, because it answers more."""
    made = bench(keeper(0.1), keeper(0.001), seconds=1.0)
    slow, fast = (load_test.measure(made, cell(made, name, cold=True), purpose="measure")
                  for name in ("static", "edge"))
    assert fast.hit_ratio > slow.hit_ratio + 0.1
    runs = measured(made, "cold", 1)
    assert runs[0].hit_ratio == pytest.approx(runs[1].hit_ratio, abs=0.2)


@pytest.mark.alone
def test_pairs_have_no_trend_because_each_begins_in_the_same_state(bench, keeper):
    made = bench(keeper(0.002, keeps=False), keeper(0.002))
    for state, metric in ((None, "rps"), ("steady", "server_cpu_per_request_s"), ("cold", "server_cpu_per_request_s")):
        runs = measured(made, state, 3)
        result = stats.contrast_result(contrast(state), [], runs)
        assert result.main.metric == metric and not result.main.series
        assert {run.cache_state for run in runs} == {None, state or "steady"}
        (made.session.folder / "runs.jsonl").unlink()
    assert result.main.ratio < 1


def test_a_server_that_answers_nothing_is_an_error(bench, keeper):
    made = bench(keeper(0.001), keeper(0.001))
    down = replace(made.course.target("static"), port=1)
    with pytest.raises(LoadError, match="no good answer to 40 requests"):
        load_test.answered_rps(made, Scenario(down, MANY, 4))
