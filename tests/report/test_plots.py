"""plots: every one has its words, and says what the data say."""

import io
import itertools
import re
from dataclasses import replace
from xml.etree import ElementTree

import matplotlib.image
import pytest
import synthetic
from synthetic import run

from deploylab import course as courses
from deploylab.core import units
from deploylab.load import LoadProgress
from deploylab.report import plots
from deploylab.results import describe, stats
from deploylab.results.record import Difference

COURSE = synthetic.the_course()
RUNS = synthetic.rounds(COURSE)
ONE = synthetic.contrast()
PAIRS = synthetic.pairs(ONE)
FOUND = stats.contrast_result(ONE, [Difference(name="gunicorn worker_class", a="sync", b="gthread")], PAIRS)
SEEN = [LoadProgress(t_s=t / 5, n_sent=20 * t + t // 7, n_ok=20 * t, n_errors=t // 7, rps=100.0, p50_ns=9_000_000)
        for t in range(15)]


def all_plots(runs=RUNS, course=COURSE):
    return [plots.ladder(runs, course, columns=3), plots.latency(runs, course, columns=3),
            plots.ratios(stats.steps(runs, course), runs, course, columns=3), plots.run_order(runs, course),
            plots.one_run(runs[0]), plots.forest([FOUND], PAIRS, course),
            plots.race(ONE, PAIRS, course, guess="2x", n_pairs=7),
            plots.growing("nginx, wait", SEEN, 3, result=runs[0], machine=runs[0].machine)]


@pytest.fixture(scope="module")
def drawn():
    return all_plots()


@pytest.mark.slow
def test_every_plot_has_picture_title_caption_and_alternative(drawn):
    for plot in drawn:
        assert plot.png.startswith(b"\x89PNG") and plot.svg.startswith("<svg")
        assert plot.title and plot.alt
        for part in ("Load: ", "client", "run", "Machine: vagrant (lxc)"):
            assert part in plot.caption, f"{plot.name} does not state {part}"


def test_every_axis_has_a_title_and_a_label_with_its_unit(drawn):
    for plot in drawn:
        for ax in plot.figure.axes:
            if ax.get_visible():
                assert ax.get_title(loc="left"), plot.name
                assert re.search(r"second|ms|ratio|order of time", ax.get_xlabel()), plot.name


def test_an_svg_is_small_alone_and_well_formed(drawn):
    for plot in drawn:
        ElementTree.fromstring(plot.svg)
        assert len(plot.svg) < 150_000
        assert "currentColor" in plot.svg and plots.base.INK not in plot.svg
        assert not re.search(r'(?:href|src)="(?!#)|url\((?!#)|<\?xml|<!DOCTYPE|<metadata', plot.svg)


def test_several_svgs_on_a_page_do_not_share_an_id(drawn):
    one_view = [plots.ladder(RUNS, COURSE, cells=[cell]) for cell in stats.cells_of(RUNS, COURSE)]
    ids = [name for plot in (*drawn, *one_view) for name in re.findall(r'\bid="([^"]+)"', plot.svg)]
    assert ids and len(ids) == len(set(ids))
    for plot in drawn:
        used = set(re.findall(r'(?:href="|url\()#([^")]+)', plot.svg))
        assert used == set(re.findall(r'\bid="([^"]+)"', plot.svg))


def test_the_text_of_an_svg_keeps_its_figures():
    runs = [run(rps=11_530, round=i, view="asset") for i in (1, 2, 3)]
    plot = plots.latency(runs, COURSE)
    assert units.ms(next(iter(stats.summarise(runs).values())).latency_ns["p50"]) in plot.svg


def test_any_number_of_stages_are_told_apart():
    course = courses.load()
    many = replace(course, stages=tuple(replace(course.stages[0], stage=f"s{n}") for n in range(30)))
    looks = [plots.style(many, stage.stage) for stage in many.stages]
    assert len(set(looks)) == 30
    assert {plots.style(many, one.stage) for one in course.references}.isdisjoint(looks)
    assert plots.style(many, "of-another-course") not in looks
    colours, markers = zip(*looks[:7], strict=True)
    assert len(set(colours)) == len(set(markers)) == 7, "neither comes again before it must"


def test_the_stages_look_as_in_every_report_before():
    course = courses.load()
    assert [plots.style(course, stage.stage) for stage in course.stages[:7]] == [
        ("#0072B2", "o"), ("#D55E00", "s"), ("#009E73", "^"), ("#CC79A7", "D"), ("#E69F00", "v"), ("#56B4E9", "P"),
        ("#8C8C8C", "X")]


def test_a_stage_has_the_same_colour_and_marker_whatever_was_measured():
    styles = [plots.style(COURSE, stage.stage) for stage in COURSE.stages]
    assert len({colour for colour, _ in styles}) == len({marker for _, marker in styles}) == len(styles)
    only = synthetic.rounds(synthetic.the_course("nginx"), 2)
    assert plots.style(COURSE, "nginx")[0].lower() in plots.ladder(only, COURSE).svg.lower()


def test_the_ceiling_comes_from_the_course():
    course = synthetic.the_course("runserver", "nginx")
    runs = [run(stage, "wait", 32, i, 150) for stage in ("runserver", "nginx") for i in (1, 2, 3)]
    plot = plots.ladder(runs, course)
    drawn = [line.get_xdata()[0] for line in plot.figure.axes[0].lines if line.get_linestyle() == "--"]
    assert sorted(drawn) == [320, 640]  # 16 slots; no limit but the 32 clients
    assert "Dashed" in plot.caption


def test_failures_stand_beside_the_figure():
    runs = [run(round=i, n_failed=n) for i, n in ((1, 7), (2, 0))] + [run("cache", round=i, rps=0) for i in (1, 2)]
    for draw in (plots.ladder, plots.latency):
        svg = draw(runs, COURSE).svg
        assert "7 failed" in svg and "all 60 failed" in svg


@pytest.mark.parametrize("flag", ["client_cpu=93%", "client_wait=31%", "sender_lag=40%", "ceiling=88%", "behind=61%",
                                  "unsent=12.0%"])
def test_flagged_runs_are_hollow_with_the_reason(flag):
    runs = [run(round=i, flags=[flag]) for i in (1, 2)] + [run(round=3)]
    plot = plots.ladder(runs, COURSE)
    fills = [line.get_markerfacecolor() for line in plot.figure.axes[0].lines if line.get_marker() == "^"]
    assert "none" in fills and any(fill != "none" for fill in fills)
    assert f"Hollow marks are in doubt (nginx: {describe.flag(flag)})" in plot.caption


def test_a_flag_that_only_informs_leaves_a_run_solid():
    assert "Hollow" not in plots.ladder([run(flags=["slow_clients=40"])], COURSE).caption


def test_recordings_say_so():
    assert "RECORDED" in plots.ladder(RUNS, COURSE, recorded=True).caption
    assert "RECORDED" not in plots.ladder(RUNS, COURSE).caption


@pytest.mark.parametrize("runs", [
    [run()], [run(rps=0)], [run(rps=0), run("cache", rps=0)], [run(round=1), run(round=2)],
    [replace(run(), latency_ns={})],
], ids=["one run", "all failed", "two stages failed", "equal", "no percentiles"])
def test_poor_data_are_drawn_all_the_same(runs):
    for plot in all_plots(runs):
        assert plot.svg and plot.alt


def test_variants_stay_out_of_the_ladder():
    plot = plots.ladder([run(), run(variant="sync", rps=9)], COURSE)
    assert "9.00/s" not in plot.alt


def test_one_run_over_time_and_without_its_attempts():
    ends = [10_000_000 * i for i in range(1, 300)]
    attempts = {"end_ns": ends, "start_ns": [end - 9_000_000 for end in ends], "due_ns": ends,
                "outcome": [0] * 290 + [8] * 9}
    made = run(n_failed=9)
    assert len(plots.one_run(made, attempts).figure.axes) == 2
    assert "9 of 309 failed" in plots.one_run(made, attempts).alt
    assert len([ax for ax in plots.one_run(made).figure.axes if ax.get_xlabel()]) == 1


def test_a_notebook_shows_picture_alternative_and_caption():
    html = plots.one_run(run())._repr_html_()
    assert "data:image/png;base64," in html and 'alt="nginx, page' in html and "<figcaption>" in html


def test_a_notebook_shows_every_plot_as_wide_as_its_cell_with_two_dots_for_each_pixel(drawn):
    for plot in drawn:
        height_px, width_px = matplotlib.image.imread(io.BytesIO(plot.png)).shape[:2]
        assert width_px == plots.CELL_WIDTH_PX >= 2 * 900
        assert f'<img style="width:100%;max-width:{width_px}px"' in plot._repr_html_()


def test_no_title_is_cut_off_at_the_width_of_a_cell(drawn):
    for plot in drawn:
        width_in = plot.figure.get_figwidth()
        plot.figure.set_figwidth(plots.base.CELL_WIDTH_IN)
        plot.figure.draw_without_rendering()
        for title in [ax._left_title for ax in plot.figure.axes if ax.get_visible()]:
            assert title.get_window_extent().x1 <= plot.figure.bbox.x1, title.get_text()
        plot.figure.set_figwidth(width_in)


def test_drawing_a_png_leaves_the_figure_as_the_svg_needs_it():
    plot, other = plots.forest([FOUND], PAIRS, COURSE), plots.forest([FOUND], PAIRS, COURSE)
    assert plot.png and re.search(r'viewBox="[^"]+"', plot.svg)[0] == re.search(r'viewBox="[^"]+"', other.svg)[0]


def test_a_forest_has_a_row_for_each_contrast_with_its_sides_and_its_ratio():
    other = synthetic.contrast("slow", "nginx:bare", "nginx", "hello", 10, slow_clients=40)
    failed = {"n_ok": 0, "rps": 0.0, "n_sent": 9, "errors": {"timeout": 9}, "latency_ns": {}}
    runs = [replace(one, **failed) if one.variant else one for one in synthetic.pairs(other)]
    plot = plots.forest([FOUND, stats.contrast_result(other, [], runs)], [*PAIRS, *runs], COURSE)
    for text in ("nginx:sync → nginx, wait 32", units.interval(FOUND.main.ci95), "A: all failed",
                 "nginx:bare → nginx, hello 10 + 40 slow"):
        assert text in plot.svg and text in plot.alt
    assert "nginx, wait 32 *" not in plot.alt and "40 slow *" in plot.alt


def test_no_words_of_a_forest_run_into_others_however_long_and_far_apart():
    of = synthetic.contrast("gzip", "static:no-gzip", "static:gzip-on-the-fly", "asset_gzip", 10)
    found = stats.contrast_result(of, [], synthetic.pairs(of))
    rows = [replace(found, ratios={"rps": replace(found.main, ratio=ratio, ci95=(ratio * 0.81, ratio * 1.28))})
            for ratio in (0.0311, 0.9, 1254.0)]
    (axes,) = (figure := plots.forest(rows, PAIRS, COURSE).figure).axes
    figure.draw_without_rendering()
    words_of_rows = list(zip(axes.texts[::2], axes.texts[1::2], strict=True))
    assert len(words_of_rows) == 3
    ticks = [one.label1 for one in axes.xaxis.get_major_ticks() if one.label1.get_text()]
    assert [one.get_text() for one in ticks] == ["0.1", "1", "10", "100", "1,000"]
    for left, right in [*words_of_rows, *itertools.pairwise(ticks)]:
        assert left.get_window_extent().x1 + 4 < right.get_window_extent().x0, (left, right)


def test_the_words_of_each_contrast_of_the_course_fit_into_its_row():
    found = [stats.contrast_result(of, [], synthetic.pairs(of)) for of in courses.load().contrasts]
    rows = [replace(one, ratios={one.contrast.metric: replace(one.main, ratio=0.0311, ci95=(0.0252, 0.0398))})
            for one in found]
    (axes,) = (figure := plots.forest(rows, PAIRS, COURSE).figure).axes
    figure.draw_without_rendering()
    for left, right in zip(axes.texts[::2], axes.texts[1::2], strict=True):
        assert left.get_window_extent().x1 + 4 < right.get_window_extent().x0, (left, right)


def test_two_views_of_one_server_bear_both_names():
    of = synthetic.contrast(a="nginx", b="nginx", view="asset", b_view="asset_again", concurrency=10)
    runs = synthetic.pairs(of)
    assert "nginx asset → asset_again 10" in plots.forest([stats.contrast_result(of, [], runs)], runs, COURSE).alt


def test_a_race_draws_each_pair_the_mean_so_far_and_the_guess():
    plot = plots.race(ONE, PAIRS[:6], COURSE, guess="10x", n_pairs=5)
    ax = plot.figure.axes[0]
    marks = [line for line in ax.lines if line.get_marker() == "^"]
    assert len(marks) == 3
    mean = stats.compare(PAIRS[0:1] + PAIRS[3:5], PAIRS[1:3] + PAIRS[5:6]).ratio
    assert any(len(line.get_xdata()) == 3 and line.get_ydata()[-1] == pytest.approx(mean) for line in ax.lines)
    assert any(patch.get_y() == 5 for patch in ax.patches) and "your guess:" in plot.svg
    assert ax.get_xlim()[1] > 5
    assert "10x" in plot.alt and "it was not" in plot.caption and "RECORDED" not in plot.svg


@pytest.mark.parametrize("guess", [None, *stats.GUESSES])
def test_a_race_is_drawn_from_its_first_moment(guess):
    for n in range(4):  # a pair that is not whole yet is not drawn
        plot = plots.race(ONE, PAIRS[:n], COURSE, guess=guess, n_pairs=5)
        assert plot.png and ("No pair yet" in plot.alt) == (n < 2)
    failed = [replace(one, n_ok=0, rps=0.0, errors={"timeout": 9}, latency_ns={}) for one in PAIRS]
    assert "no ratio" in plots.race(ONE, failed, COURSE, guess=guess).alt


def test_a_doubtful_pair_is_hollow_and_a_recorded_race_says_so():
    runs = [replace(PAIRS[0], flags=["client_cpu=93%"]), *PAIRS[1:]]
    plot = plots.race(ONE, runs, COURSE, recorded=True)
    fills = [line.get_markerfacecolor() for line in plot.figure.axes[0].lines if line.get_marker() == "^"]
    assert fills.count("none") == 1 and len(fills) == 5 and "Hollow" in plot.caption
    assert "RECORDED" in plot.svg and "RECORDED" in plot.caption


def test_a_growing_chart_marks_failures_and_says_how_far_it_is():
    plot = plots.growing("nginx, wait", SEEN, 3)
    left, right = plot.figure.axes
    crosses = next(line for line in left.lines if line.get_marker() == "x")
    assert len(crosses.get_xdata()) == SEEN[-1].n_errors == 2
    assert left.get_xlim() == right.get_xlim() == (0, 3)
    assert "failures, 2 in all" in plot.svg and "2 failed" in plot.alt
    assert "x" not in [line.get_marker() for line in plots.growing("nginx", SEEN[:5], 3).figure.axes[0].lines]


@pytest.mark.parametrize("seen", [
    [], SEEN[:1], [replace(one, n_ok=0, n_errors=one.n_sent, p50_ns=None) for one in SEEN],
], ids=["nothing", "the first event", "all failed"])
def test_a_growing_chart_of_poor_data(seen):
    plot = plots.growing("nginx", seen, 3, result=run(rps=0))
    assert plot.png.startswith(b"\x89PNG") and plot.alt
