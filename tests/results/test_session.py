"""results: nothing measured is lost, and nothing damaged is silent."""

import errno
import json
import multiprocessing
import os
import shutil
import warnings

import pytest
from synthetic import run

from deploylab import results
from deploylab.core import paths
from deploylab.core.errors import ResultsError
from deploylab.results import DamagedResults, Session


@pytest.fixture(autouse=True)
def own_results(tmp_path, monkeypatch):
    monkeypatch.setenv("DEPLOYLAB_RESULTS", str(tmp_path / "results"))


def test_a_run_comes_back_as_it_was():
    session = Session.create(stages=["nginx"], n_rounds=5)
    made = run(flags=["client_cpu=93%"], errors={"reset": 2})
    session.append(made)
    assert Session.open(session.id).runs() == [made]


def test_a_session_keeps_its_plan():
    session = Session.create(stages=["nginx"], n_rounds=5, quick=True)
    session.update(machine={"n_cpu": 1})
    again = Session.open(session.id)
    assert again.plan["n_rounds"] == 5 and again.plan["machine"] == {"n_cpu": 1}
    assert again.plan["schema"] == results.SCHEMA and not again.finished


def test_runs_of_one_purpose():
    session = Session.create()
    for purpose in ("preview", "round", "round"):
        session.append(run(purpose=purpose))
    assert len(session.runs("round")) == 2 and len(session.runs()) == 3


def test_measured_is_what_to_resume_from():
    session = Session.create()
    session.append(run(round=1))
    session.append(run(round=2, purpose="preview"))
    assert session.measured() == {(1, "nginx", None, "page", 10)}


def test_newest_and_unfinished():
    assert results.latest() is None and results.latest_unfinished("run") is None
    first, second, third = (Session.create(kind="run") for _ in range(3))
    third.finish()
    assert [s.id for s in results.sessions()] == [first.id, second.id, third.id]
    assert results.latest().id == third.id
    assert results.latest_unfinished("run").id == second.id


def test_a_stopped_comparison_does_not_hide_the_run_to_go_on_with():
    road, _ = Session.create(kind="run"), Session.create(kind="compare")
    assert results.latest_unfinished("run").id == road.id


def test_identifiers_do_not_collide(monkeypatch):
    digits = iter(["aaaa", "aaaa", "bbbb"])
    monkeypatch.setattr(results.session.secrets, "token_hex", lambda n: next(digits))
    first, second = Session.create(), Session.create()
    assert {first.id[-4:], second.id[-4:]} == {"aaaa", "bbbb"} or first.id[:17] != second.id[:17]


def test_a_cut_off_last_line_costs_that_run_only():
    session = Session.create()
    session.append(run(round=1))
    whole = run(round=2).to_json().encode()
    with session.runs_file.open("ab") as file:
        file.write(whole[: len(whole) // 2])
    with pytest.warns(DamagedResults, match="Line 2 .* is damaged"):
        assert [r.round for r in session.runs()] == [1]
    session.append(run(round=3))
    assert (session.folder / "runs.jsonl.damaged").read_bytes() == whole[: len(whole) // 2] + b"\n"
    with pytest.warns(DamagedResults, match="1 incomplete run"):
        assert [r.round for r in session.runs()] == [1, 3]


def test_a_last_line_that_only_lacks_its_end_is_kept():
    session = Session.create()
    session.runs_file.write_text(run(round=1).to_json())
    session.append(run(round=2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [r.round for r in session.runs()] == [1, 2]


@pytest.mark.parametrize("damage", [b'{"schema":1,"eng', b"\x00\x00\x00", b"\xff\xfe"])
def test_a_damaged_middle_line_is_reported(damage):
    session = Session.create()
    session.append(run(round=1))
    with session.runs_file.open("ab") as file:
        file.write(damage + b"\n")
    session.append(run(round=2))
    with pytest.warns(DamagedResults, match="Line 2"):
        assert len(session.runs()) == 2
    assert len(session.problems()) == 1


def test_a_run_from_another_version_says_so():
    session = Session.create()
    session.runs_file.write_text(json.dumps({"schema": 99}) + "\n")
    with pytest.raises(ResultsError, match="Line 1 .* has schema 99; this version reads schema"):
        session.runs()


def test_a_plan_from_another_version_says_so():
    session = Session.create()
    session.update(schema=99)
    with pytest.raises(ResultsError, match="has schema 99"):
        Session.open(session.id)
    with pytest.warns(DamagedResults):
        assert results.sessions() == []


def test_a_damaged_plan_says_so():
    session = Session.create()
    (session.folder / "session.json").write_text('{"schema":')
    with pytest.raises(ResultsError, match="is damaged"):
        Session.open(session.id)


def test_an_unknown_session_lists_those_there_are():
    session = Session.create()
    with pytest.raises(ResultsError, match=f"no session 'nope'.*{session.id}"):
        Session.open("nope")


def test_a_recorded_session_is_found_but_is_never_the_latest(tmp_path):
    session = Session.create()
    (tmp_path / "results" / "recorded").mkdir()
    session.folder.rename(tmp_path / "results" / "recorded" / session.id)
    assert results.latest() is None
    assert Session.open(session.id).recorded and results.recorded()[-1].id == session.id


def test_what_ships_is_found_wherever_results_are_kept_and_once(tmp_path):
    """Here they are kept in a folder of the test's own."""
    shipped = sorted(file.parent.name for file in (paths.ROOT / "results" / "recorded").glob("*/session.json"))
    assert shipped and sorted(session.id for session in results.recorded()) == shipped
    assert all(Session.open(name).recorded for name in shipped)
    copy = tmp_path / "results" / "recorded" / shipped[0]
    shutil.copytree(paths.ROOT / "results" / "recorded" / shipped[0], copy)
    assert Session.open(shipped[0]).folder == copy
    assert sorted(session.id for session in results.recorded()) == shipped
    assert [session.folder for session in results.recorded() if session.id == shipped[0]] == [copy]


def test_a_full_disk_is_one_clear_error(monkeypatch):
    session = Session.create()
    session.append(run(round=1))
    real = os.write

    def half(descriptor, data):
        return real(descriptor, data[: len(data) // 2])

    with monkeypatch.context() as patch, pytest.raises(ResultsError, match="The disk is full.*\nNext: df -h"):
        patch.setattr(os, "write", half)
        session.append(run(round=2))
    assert session.runs_file.read_bytes().endswith(b"\n")


def test_a_read_only_folder_is_one_clear_error(monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    session = Session.create()
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(ResultsError, match="cannot be read or written: Read-only file system"):
        session.append(run())


def test_a_failed_update_leaves_the_old_plan(monkeypatch):
    session = Session.create(n_rounds=5)

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch, pytest.raises(ResultsError):
        patch.setattr(os, "fsync", full)
        session.update(n_rounds=6)
    assert session.plan["n_rounds"] == Session.open(session.id).plan["n_rounds"] == 5
    assert [file.name for file in session.folder.iterdir()] == ["session.json"]


def test_a_figure_that_is_no_number_is_refused():
    with pytest.raises(ResultsError, match="not a number"):
        Session.create().append(run(server_cpu_s=float("nan")))


def _append_many(session_id, results_dir, first):
    os.environ["DEPLOYLAB_RESULTS"] = results_dir
    session = Session.open(session_id)
    for number in range(first, first + 50):
        session.append(run(round=number))


def test_two_writers_never_mix_their_lines(tmp_path):
    session = Session.create()
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_append_many, args=(session.id, str(tmp_path / "results"), first))
               for first in (0, 100)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len({r.round for r in session.runs()}) == 100
