"""Progress: plain lines where there is no terminal, times kept, everything on standard error."""

import io

import pytest
from rich.console import Console

from deploylab.core.progress import Progress


def plain(monkeypatch, tmp_path) -> tuple[Progress, io.StringIO]:
    monkeypatch.setenv("DEPLOYLAB_STATE", str(tmp_path))
    out = io.StringIO()
    return Progress("test", Console(file=out, highlight=False)), out


def test_a_phase_is_said_and_timed(monkeypatch, tmp_path):
    progress, out = plain(monkeypatch, tmp_path)
    with progress.phase("box", "Building [the] box"):
        pass
    with progress.phase("box", "Building more"):
        pass
    assert "✓ Building [the] box" in out.getvalue()
    assert set(progress.seconds) == {"box"}


def test_a_phase_inside_another_is_counted_once(monkeypatch, tmp_path):
    """The report that grows is drawn between two loads: it is no time of the loads."""
    progress, _ = plain(monkeypatch, tmp_path)
    clock = iter([0.0, 10.0, 17.0, 17.0, 20.0, 23.0, 23.0, 30.0, 30.0])
    monkeypatch.setattr("deploylab.core.progress.time.monotonic", lambda: next(clock))
    with progress.phase("load", "25 contrasts"):
        with progress.phase("report", "the report, so far"):
            pass
        with progress.phase("report", "the report, so far"):
            pass
    assert progress.seconds == {"load": 20.0, "report": 10.0}


def test_a_failed_phase_is_not_said_to_be_done(monkeypatch, tmp_path):
    progress, out = plain(monkeypatch, tmp_path)
    with pytest.raises(ValueError), progress.phase("box", "Building"):
        raise ValueError
    assert "✓" not in out.getvalue()
    assert not progress.seconds


def test_a_failed_phase_on_a_terminal_ends_its_live_line(monkeypatch, tmp_path):
    monkeypatch.setenv("DEPLOYLAB_STATE", str(tmp_path))
    progress = Progress("test", Console(file=io.StringIO(), force_terminal=True))
    with pytest.raises(ValueError), progress.phase("box", "Building"):
        progress.update("half", 1, 2)
        raise ValueError
    progress.update("after")  # a late update must not fail
    with progress.phase("box", "Again"):
        progress.update("going", 1, 2)
    assert progress.seconds["box"] >= 0


@pytest.mark.parametrize(("done", "total", "shown"), [
    (3, 10, "load (3 of 10)"), (None, 10, "load (0 of 10)"), (0.2, 0.5, "load"), (1, None, "load")])
def test_a_plain_line_says_how_far_it_is_where_there_is_something_to_count(monkeypatch, tmp_path, done, total, shown):
    progress, out = plain(monkeypatch, tmp_path)
    monkeypatch.setattr("deploylab.core.progress.PLAIN_EVERY_S", 0)
    progress.update("load", done, total)
    assert out.getvalue() == f"    {shown}\n"


def test_the_log_gets_every_line(monkeypatch, tmp_path):
    progress, _ = plain(monkeypatch, tmp_path)
    with progress.phase("box", "Building"):
        progress.log("one\n")
        progress.log("two")
    assert progress.log_path.read_text() == "== Building\none\ntwo\n"
    assert progress.log_path == tmp_path / "log" / "test.log"
