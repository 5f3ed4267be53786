"""plots: every one has its words, and says what the data say."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
import synthetic
from synthetic import run

from deploylab import plots, stats, units

COURSE = synthetic.the_course()
RUNS = synthetic.rounds(COURSE)


def all_plots(runs=RUNS, course=COURSE):
    return [plots.ladder(runs, course, columns=3), plots.latency(runs, course, columns=3),
            plots.ratios(stats.steps(runs, course), runs, course, columns=3), plots.run_order(runs, course),
            plots.one_run(runs[0])]


@pytest.fixture(scope="module")
def drawn():
    return all_plots()


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


def test_flagged_runs_are_hollow_with_the_reason():
    runs = [run(round=i, flags=["client_cpu=93%"]) for i in (1, 2)] + [run(round=3)]
    plot = plots.ladder(runs, COURSE)
    fills = [line.get_markerfacecolor() for line in plot.figure.axes[0].lines if line.get_marker() == "^"]
    assert "none" in fills and any(fill != "none" for fill in fills)
    assert "Hollow marks are in doubt (nginx: the load generator was short of processor)" in plot.caption


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
