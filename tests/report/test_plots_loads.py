"""Plots of sweeps and of single load tests: what they say is what the data say, and beside each stand its numbers."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
import synthetic
from synthetic import run

from deploylab import course as courses
from deploylab.core.units import NS_PER_MS, NS_PER_S
from deploylab.report import plots

COURSE = courses.load()
LIMIT_NS = 200 * NS_PER_MS
FROZEN_S = (1.0, 2.0)


def closed_runs(**other):
    return [run(view="wait", concurrency=c, round=i, rps=min(c, 16) * 19 + i, **other)
            for c in (1, 4, 16, 32, 64) for i in (1, 2, 3)]


def open_runs():
    made = [run(view="wait", mode="open", concurrency=1000, target_rps=float(rate), round=i, rps=min(rate, 300) + i)
            for rate in (100, 200, 300, 400) for i in (1, 2)]
    return [replace(one, latency_ns={**one.latency_ns, "p99": int(one.target_rps * 0.8 * NS_PER_MS)}) for one in made]


def attempts(mode, n=2000):
    """A server that answers in 3 ms and stands still for the second second, as either loop sees it."""
    at_s = np.linspace(0, 4, n, endpoint=False)
    if mode == "closed":
        at_s = at_s[(at_s < FROZEN_S[0]) | (at_s >= FROZEN_S[1])]
    frozen = (at_s + 0.003 > FROZEN_S[0]) & (at_s < FROZEN_S[1])
    end_s = np.where(frozen, FROZEN_S[1], at_s) + 0.003
    begin, end = ((x * NS_PER_S).astype(int) for x in (at_s, end_s))
    return {"start_ns": begin, "due_ns": begin, "end_ns": end, "outcome": np.zeros(len(at_s), int)}


def a_run(mode):
    if mode == "open":
        return run(mode="open", target_rps=500.0, latency_from="due")
    return run(mode="closed", target_rps=None, latency_from="start")


def loops():
    return plots.two_loops(a_run("closed"), attempts("closed"), a_run("open"), attempts("open"), frozen_s=FROZEN_S)


@pytest.fixture(scope="module")
def drawn():
    return [plots.over_clients(closed_runs(), COURSE), plots.over_rates(open_runs(), COURSE, LIMIT_NS), loops(),
            plots.spectrum(a_run("closed"), attempts("closed")),
            plots.run_order(synthetic.rounds(synthetic.the_course("nginx"), 2), COURSE)]


def test_every_plot_has_picture_words_and_its_numbers_beside_it(drawn):
    for plot in drawn:
        assert plot.png.startswith(b"\x89PNG") and plot.title and plot.alt and "Load: " in plot.caption
        ElementTree.fromstring(plot.svg)
        assert len(plot.svg) < 150_000
        assert len(plot.data) > 1 and {len(row) for row in plot.data} == {len(plot.data[0])}
        shown = ElementTree.fromstring(plot.table)
        assert len(shown.findall(".//tr")) == len(plot.data) == len(plot.markdown_table.splitlines()) - 1


def test_every_axis_has_a_title_and_its_unit(drawn):
    for plot in drawn:
        for ax in plot.figure.axes:
            assert ax.get_title(loc="left")
            assert re.search(r"second|clients|share|order of time", ax.get_xlabel()), ax.get_xlabel()
            assert re.search(r"second|ms|its mean", ax.get_ylabel()), ax.get_ylabel()


def test_a_notebook_shows_the_numbers_too(drawn):
    assert drawn[2].table in drawn[2]._repr_html_()


def test_a_plot_without_numbers_beside_it_has_no_table():
    assert plots.one_run(run()).table == plots.one_run(run()).markdown_table == ""


def test_over_clients_stand_the_ceiling_and_the_knee():
    plot = plots.over_clients(closed_runs(), COURSE)
    dashed = [line for line in plot.figure.axes[0].lines if line.get_linestyle() == "--"]
    assert [list(line.get_ydata()) for line in dashed] == [[20, 80, 320, 320, 320]]
    assert "Beyond 16 clients, more of them gain almost nothing" in plot.alt and "1 client: 21.0/s" in plot.alt
    assert "Dashed: the most" in plot.caption and "Dotted: the knee" in plot.caption


def test_a_page_that_does_not_wait_has_no_ceiling():
    runs = [run(view="page", concurrency=c, rps=100.0 * c) for c in (1, 2, 4)]
    plot = plots.over_clients(runs, COURSE)
    assert "Dashed" not in plot.caption and "Dotted" not in plot.caption
    assert "Peak not observed" in plot.caption


def test_what_is_in_doubt_is_hollow_and_says_why():
    plot = plots.over_clients(closed_runs(flags=["ceiling=88%"]), COURSE)
    fills = {line.get_markerfacecolor() for line in plot.figure.axes[0].lines if line.get_marker() not in ("_", "None")}
    assert fills <= {"none", "white"}
    assert "near the most that this load generator reaches" in plot.caption
    assert {row[-1] for row in plot.data[1:]} == {"near the most that this load generator reaches"}


def test_over_rates_the_answer_is_the_course_of_the_numbers():
    plot = plots.over_rates(open_runs(), COURSE, LIMIT_NS)
    assert "It sustains 200 requests per second with p99 under 200 ms (160 ms); at 300 p99 was 240 ms." in plot.alt
    dotted = [line.get_xdata()[0] for line in plot.figure.axes[0].lines if line.get_linestyle() == ":"]
    assert dotted == [200]


def test_a_freeze_meets_few_in_one_loop_and_a_quarter_in_the_other():
    titles = [ax.get_title(loc="left") for ax in loops().figure.axes]
    met = [tuple(int(n.replace(",", "")) for n in re.search(r"([\d,]+) of ([\d,]+) met the freeze", text).groups())
           for text in titles]
    assert met[0][0] <= 4 and met[0][1] == 1500
    assert 500 <= met[1][0] <= 504 and met[1][1] == 2000


def test_a_spectrum_is_grey_from_where_too_few_lie_beyond():
    plot = plots.spectrum(a_run("closed"), attempts("closed", 2000))   # 1,500 answers: 10 lie beyond 99.33 %
    assert [row[2].split(",")[0] for row in plot.data[1:]] == ["yes", "yes", "yes", "no", "no"]
    spans = [patch.get_x() for patch in plot.figure.axes[0].patches]
    assert spans == [pytest.approx(150)]


def test_a_spectrum_of_a_handful_is_all_grey():
    few = {name: values[:7] for name, values in attempts("closed").items()}
    plot = plots.spectrum(a_run("closed"), few)
    assert {row[2].split(",")[0] for row in plot.data[1:]} == {"no"} and plot.png
