"""The commands of `lab`: the notebook's shell, recordings, what is shown; then a notebook on the real machine."""

import json
import os
import subprocess

import nbclient
import nbformat
import pytest

from deploylab import course as courses
from deploylab.core import paths
from deploylab.lessons import guest_shell, recording
from deploylab.lessons.answers import Output, Page
from deploylab.lessons.backend import Backend
from deploylab.lessons.display import output
from deploylab.lessons.lab import Lab

COURSE = courses.load()


# ---------------------------------------------------------------------------------------- the shell


@pytest.fixture
def cell(tmp_path, monkeypatch):
    """Run a cell in bash here, as it would run on the machine."""
    monkeypatch.setattr(guest_shell, "STATE", f"{tmp_path}/{{}}")

    def cell(text: str, notebook: str = "one") -> tuple[int, str]:
        command = ["bash", "-c", guest_shell.script(text, notebook)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    return cell


def test_folder_variables_and_functions_stay(cell):
    assert cell("cd /usr; a='x  y'; export B=$'1\\n2'; list=(1 '2 3'); f() { echo \"f $1\"; }") == (0, "")
    assert cell('pwd; echo "$a"; sh -c \'echo "$B"\'; echo "${list[1]}"; f 3') == (0, "/usr\nx  y\n1\n2\n2 3\nf 3\n")


def test_they_stay_when_a_cell_fails_or_leaves_early(cell):
    assert cell("x=1; cd /; exit 3")[0] == 3
    assert cell("x=$((x + 1)); pwd; false") == (1, "/\n")
    assert cell("echo $x") == (0, "2\n")


def test_each_notebook_has_a_shell_of_its_own(cell):
    cell("x=1")
    assert cell("echo \"[$x]\"", "two") == (0, "[]\n")


def test_what_is_kept_lies_where_nobody_else_can_have_put_it(tmp_path):
    """It is run before each cell, by a user who may become root: so it is not in /tmp, and only they can read it."""
    done = subprocess.run(["bash", "-c", guest_shell.script("SECRET=1", "one")],
                          env={**os.environ, "HOME": str(tmp_path)})
    assert done.returncode == 0
    [kept] = tmp_path.iterdir()
    assert "SECRET=" in kept.read_text() and kept.stat().st_mode & 0o777 == 0o600
    assert guest_shell.script("", "one").splitlines()[0].endswith(f"=~/{kept.name}")


def test_what_bash_sets_itself_is_not_kept(cell):
    cell("true")
    assert cell("true") == (0, "") and cell("echo $BASHPID")[1] != cell("echo $BASHPID")[1]


# ----------------------------------------------------------------------------------- the recording


@pytest.fixture
def kept(tmp_path):
    writer = recording.Writer.begin("one", "a machine", "abc", tmp_path)
    writer.keep("guest", {"text": "free", "background": None}, Output(out="first", status=0, seconds=0.1))
    writer.keep("guest", {"text": "free", "background": None}, Output(out="second", status=0, seconds=0.1))
    return tmp_path


def test_a_question_asked_again_gets_the_next_answer_and_then_the_last(kept):
    recorded = recording.read("one", kept)
    outputs = [recorded.ask("guest", {"background": None, "text": "free"}).out for _ in range(3)]
    assert outputs == ["first", "second", "second"]
    assert recorded.label.startswith("RECORDED on 2") and recorded.label.endswith("a machine")


def test_a_recording_does_not_tell_where_the_project_lies(kept):
    writer = recording.Writer(kept / "one.jsonl")
    output_text = f"{paths.ROOT}/notebooks\nGet:12 http://packages.example/debian trixie InRelease"
    writer.keep("host", {"text": "pwd"}, Output(out=output_text, status=0, seconds=0.1))
    assert recording.read("one", kept).ask("host", {"text": "pwd"}).out == (
        "~/deploylab/notebooks\nGet:12 http://mirror/debian trixie InRelease")


def test_never_a_near_match(kept):
    with pytest.raises(recording.NotRecorded) as caught:
        recording.read("one", kept).ask("guest", {"text": "free -m", "background": None})
    assert "free -m" in caught.value.what and "guest(text='free')" in caught.value.what


def test_a_recording_cut_short_gives_what_is_whole(kept):
    path = kept / "one.jsonl"
    path.write_text(path.read_text()[:-20])
    assert recording.read("one", kept).ask("guest", {"text": "free", "background": None}).out == "first"


@pytest.mark.parametrize("text", ["", "{", json.dumps({"schema": 99})])
def test_what_is_no_recording_is_refused(tmp_path, text):
    (tmp_path / "one.jsonl").write_text(text + "\n")
    with pytest.raises(recording.NotRecorded):
        recording.read("one", tmp_path)


# --------------------------------------------------------------------------------- what is shown


def test_what_is_typed_looks_like_code_in_a_notebook():
    shown = output.text("Who waits? `ss -xl | grep <name>`\nRead it.")
    assert shown.body == "<p>Who waits? <code>ss -xl | grep &lt;name&gt;</code></p><p>Read it.</p>"
    assert "`ss -xl | grep <name>`" in shown.text


def test_everything_recorded_bears_the_label():
    lab = Lab(COURSE)
    answer = [{"name": "x", "ok": False, "seen": "<b>", "cause": "c", "cure": "d"}]
    question = recording.key("check", {"target": "nginx"})
    lab._backend = Backend(None, recording.Recording("a machine", "2026-01-02", {question: [answer]}))
    shown = lab.check("nginx")
    assert not shown and "RECORDED on 2026-01-02" in shown._repr_html_() and "&lt;b&gt;" in shown._repr_html_()
    assert repr(shown).startswith("RECORDED") and "Cure: d" in repr(shown)


def test_a_long_output_is_folded_and_whole_in_plain_text():
    answer = Output(out="\n".join(f"line {n}" for n in range(100)), status=1, seconds=2.0)
    shown = output.output(answer)
    assert "80 more lines" in shown._repr_html_() and "line 50" in repr(shown) and "exit 1" in repr(shown)
    assert shown._repr_html_().count("<pre") == shown._repr_html_().count("monospace") == 3  # columns stay in line
    assert not shown


@pytest.mark.parametrize(("url", "panes"), [("http://192.0.2.1:8000/", 1), ("https://192.0.2.1:8007/", 0)])
def test_a_site_that_no_pane_can_show_has_its_link_and_the_reason(monkeypatch, url, panes):
    shown = []
    lab = Lab(COURSE)
    monkeypatch.setattr(lab, "_ask", lambda *_, **__: Page(url=url))
    monkeypatch.setattr(lab._site_pane, "show", lambda *page: shown.append(page))
    cell = lab.show("stage")
    assert len(shown) == panes and url in cell.text and f'href="{url}"' in cell.body
    assert ("guide VII" in cell.text) is ("guide VII" in cell.body) is (not panes)


def test_a_command_before_begin_says_what_to_do():
    with pytest.raises(Exception, match="lab.begin"):
        Lab(COURSE).check("nginx")


# ---------------------------------------------------------------------------------- the real machine


def executed(cells: list[str]) -> list[str]:
    """What each cell of a notebook shows, as plain text; run in a kernel of its own."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3", allow_errors=True,
                            coalesce_streams=True).execute()
    return ["\n".join(o.get("text") or "\n".join(o.get("traceback", [])) or o.data["text/plain"] for o in one.outputs)
            for one in notebook.cells]


@pytest.mark.machine
def test_the_magics_reach_the_machine(machine):
    shown = executed([
        "%load_ext deploylab\nlab.begin('00_the_lab')", "%%guest\ncd /etc; export A=7", "%%guest\npwd; echo $A; false",
        "%%guest --background tick\nwhile :; do echo tick; sleep 0.1; done", "%%guestfile /tmp/x\na = 1\n",
        "%%guestfile /tmp/x\na = 2\n", "import time; time.sleep(1); lab.stop('tick')", "lab.goto('no-such-stage')"])
    assert "[exit 1 after" in shown[2] and shown[2].startswith("/etc\n7\n")
    assert "/tmp/x: new" in shown[4] and "-a = 1\n+a = 2" in shown[5]
    assert shown[6].count("tick") > 3
    assert not machine.run("pgrep -f '[w]hile :; do echo tick'").ok
    assert "There is no stage 'no-such-stage'" in shown[7] and "Traceback" not in shown[7]
