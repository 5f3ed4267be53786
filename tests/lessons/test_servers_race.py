"""The comparison of the five small servers: recorded, shown, and guessed."""

import json
import os
import re
from dataclasses import replace

import pytest
import synthetic

from deploylab import course as courses
from deploylab import load
from deploylab.core.errors import ResultsError
from deploylab.lessons import predictions, recording
from deploylab.lessons.answers import ServedVisit, Visits
from deploylab.lessons.backend import Backend
from deploylab.lessons.lab import Lab
from deploylab.lessons.live import Live
from deploylab.lessons.predictions import Prediction
from deploylab.lessons.servers import cores, visitors
from deploylab.lessons.servers import race as servers
from deploylab.lessons.servers.cores import Cores
from deploylab.lessons.servers.result import KINDS, ONE_AT_A_TIME, PAIRS, Race, shown_race

pytestmark = [pytest.mark.slow, pytest.mark.alone]

MACHINE = synthetic.MACHINE | {"kind": "this computer", "provider": None, "gil": True}
RPS = {"wait": dict(zip(KINDS, (19, 180, 190, 188, 190), strict=True)),
       "cpu": dict(zip(KINDS, (210, 380, 190, 208, 400), strict=True))}
needs_two_cores = pytest.mark.skipif(not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2,
                                     reason="a server and its load need a core each")


def made_up(**other) -> Race:
    """A result made of synthetic runs."""
    runs = [synthetic.run(kind, path, round=number, rps=RPS[path][kind] * (1 + 0.01 * number), machine=MACHINE,
                          server_cpu_s=3.0, server_pss_bytes=9_000_000, server_rss_bytes=11_000_000, **other)
            for number in (1, 2, 3) for kind, path in servers.order(number % 2 == 1)]
    return Race(runs=tuple(runs), wait_s=0.05, cores={"wait": Cores(server=(0,), load=(1,)),
                                                      "cpu": Cores(server=(0, 1), load=(0, 1))})


def test_with_one_core_the_recorded_race_is_shown_and_said_to_be(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(recording, "folder", lambda: tmp_path)
    arguments = {"rounds": servers.ROUNDS, "seconds": servers.SECONDS}
    recording.Writer.begin("01_servers", "another computer", "0a1b2c3").keep("servers", arguments, made_up())
    monkeypatch.setattr(cores, "available", lambda: [0])
    lab = Lab(courses.load())
    lab._lesson, lab._backend = "01_servers", Backend(Live(None, None, "01_servers"))
    shown = lab.servers()
    assert "one core" in capsys.readouterr().out
    assert shown.label.startswith("RECORDED") and "RECORDED, not measured here" in shown.text


def test_a_race_is_recorded_and_given_again(monkeypatch, tmp_path):
    race = made_up()
    monkeypatch.setattr(servers, "race", lambda **_: race)
    writer = recording.Writer.begin("01_servers", "this computer", "0a1b2c3", tmp_path)
    lab = Lab(courses.load())
    lab._lesson, lab._backend = "01_servers", Backend(Live(None, None, "01_servers"), writer=writer)
    there = lab.servers(rounds=3, seconds=1.0)
    lab._backend = Backend(None, recording.read("01_servers", tmp_path))
    again = lab.servers(rounds=3, seconds=1.0)
    assert again.answer == there.answer and not there.label and again.label
    with pytest.raises(recording.NotRecorded):
        lab.servers(rounds=4, seconds=1.0)


@needs_two_cores
def test_what_a_run_felt_is_written_down():
    divided = cores.divide(cores.available(), parallel=True)
    run = servers.measure("forking", "cpu", divided, seconds=0.5, machine=MACHINE, session_id="s", round_number=1)
    assert (run.stage, run.view, run.errors) == ("forking", "cpu", {})
    assert run.n_ok > 10 and run.server_cpu_s > 0
    assert 0 < run.server_pss_bytes < run.server_rss_bytes


def test_a_race_survives_json():
    made = made_up()
    data = json.loads(json.dumps(made.to_json()))
    assert Race.from_json(data) == made and data == made.to_json()
    assert "recorded" not in data
    for wrong in ([], {}, {"runs": []}, data | {"cores": {"wait": 1}}, data | {"runs": [{"schema": 99}]}):
        with pytest.raises(ResultsError):
            Race.from_json(wrong)


def test_ceilings_come_from_places_and_cores():
    ceilings = made_up().ceilings_rps
    assert ceilings["wait"] == {kind: 20 if kind == ONE_AT_A_TIME else 200 for kind in KINDS}
    assert ceilings["cpu"]["forking"] == ceilings["cpu"]["mixed"] == 2 * ceilings["cpu"]["threaded"]
    free = made_up()
    free = replace(free, runs=tuple(replace(run, machine=MACHINE | {"gil": False}) for run in free.runs))
    assert free.ceilings_rps["cpu"]["threaded"] == free.ceilings_rps["cpu"]["forking"]
    assert "without its GIL" in free.conditions


def test_the_caption_says_who_shared_what():
    caption = made_up().plot.caption
    assert "wait: server on 1 core, load on another" in caption
    assert re.search(r"cpu: server on 2 cores, load on the same.* at most \d+ %", caption)


def test_a_run_beside_other_programs_is_in_doubt():
    race = made_up(flags=["other_programs=40%"])
    assert "other programs used the cores too" in race.plot.caption
    assert load.explain("other_programs=40%").startswith("Other programs used 40 % of the cores")


def test_the_plot_has_all_a_plot_needs():
    plot = made_up().plot
    assert plot.png.startswith(b"\x89PNG") and plot.svg.startswith("<svg")
    for part in (*KINDS, "wait: ", "cpu: ", "Memory (PSS)", "9.00 MB"):
        assert part in plot.alt
    for part in ("Load: 10 clients", "30 runs", "Machine: this computer"):
        assert part in plot.caption
    for ax in plot.figure.axes:
        assert ax.get_title(loc="left") and re.search(r"second|MB", ax.get_xlabel())


def test_what_is_said_comes_from_the_runs():
    slow, fast = made_up(), made_up()
    fast = replace(fast, runs=tuple(replace(run, rps=run.rps * 2) if run.stage == "threaded" else run
                                    for run in fast.runs))
    assert "wait: threaded against blocking: 10 times as many" in shown_race(slow).text
    assert "wait: threaded against blocking: 20 times as many" in shown_race(fast).text


def test_a_guess_stands_beside_what_came_out(monkeypatch, tmp_path):
    monkeypatch.setattr(predictions, "path", lambda: tmp_path / "predictions.jsonl")
    assert "Your guess" not in shown_race(made_up()).text
    predictions.save(Prediction(lesson="01_servers", a="threaded", b="forking", view="cpu", guess="same"))
    lines = [line for line in shown_race(made_up()).text.splitlines() if "Your guess" in line]
    assert len(lines) == 1 and lines[0].startswith("cpu: forking against threaded")


def test_each_visitor_is_told_who_served_them():
    served_by = {kind: [one.by for one in visitors.visit(kind, "wait", 3).visits] for kind in KINDS[:4]}
    processes = {kind: len({by.partition(",")[0] for by in names}) for kind, names in served_by.items()}
    assert processes == {"blocking": 1, "forking": 3, "threaded": 1, "asynchronous": 1}
    assert [len(set(served_by[kind])) for kind in ("blocking", "threaded", "asynchronous")] == [1, 3, 1]


def test_visits_are_shown_from_their_answer_alone():
    answer = Visits(visits=tuple(ServedVisit(ns=ns, by="process 1, MainThread") for ns in (50_000_000, 150_000_000)))
    shown = visitors.shown_visits(answer, "blocking, wait", "RECORDED somewhere")
    assert "the last of 2 visitors waited 3.0 times as long as the first" in shown.text
    assert "RECORDED somewhere" in shown._repr_html_() and shown._repr_html_().count("<tr>") == 3


def test_every_pair_that_is_compared_can_be_guessed_at():
    for path, a, b in PAIRS:
        assert path in servers.PATHS and {a, b} <= set(KINDS)
