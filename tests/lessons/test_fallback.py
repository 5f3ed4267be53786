"""Plan B of a talk: the recording continues where the machine was, even if the machine is gone, and back."""

import nbclient
import nbformat
import pytest

from deploylab import course as courses
from deploylab.core import cancel, paths
from deploylab.core.errors import DeployLabError, MachineError
from deploylab.lessons import fallback, recording
from deploylab.lessons.answers import Begun, Output
from deploylab.lessons.backend import Backend
from deploylab.lessons.lab import Lab
from tests.lesson_helpers import ASKED, QUESTION, answer
from tests.waiting import until

COURSE = courses.load()
LESSON = "05_nginx_gunicorn"


class Alive:
    """A machine that answers every cell with the same word until it is dead; then asking it fails the test."""

    described = "a machine"

    def __init__(self):
        self.dead, self.n_asked = False, 0
        self.machine = self

    def answers(self) -> bool:
        return not self.dead

    def guest(self, progress, text, background=None, on_line=None):
        self.n_asked += 1
        assert not self.dead, "a machine that is gone was asked"
        return Output(out=f"live {text}", status=0, seconds=0.1)

    def compare(self, progress, on_pair=None, **_):
        cancel.sleep(60)

    def begin(self, progress):
        return Begun(machine=self.described, host="h", made=(), stands=())


@pytest.fixture
def talk(monkeypatch):
    """A `lab` in the middle of a lesson on a machine, with a recording of the same lesson."""
    outputs = [{"out": f"recorded {n}", "status": 0, "seconds": 0.1} for n in (1, 2, 3)]
    answers = {recording.key("guest", {"text": "free", "background": None}): outputs,
               recording.key("compare", QUESTION): [answer(2.0).to_json()],
               recording.key("begin", {}): [Alive().begin(None).to_json()]}
    monkeypatch.setattr(recording, "read", lambda lesson: recording.Recording("another machine", "2026-01-02", answers))
    lab = Lab(COURSE)
    lab._lesson, lab._backend = LESSON, Backend(Alive())
    return lab


def test_one_call_switches_and_one_goes_back_and_each_answer_says_which_it_is(talk):
    assert repr(talk.guest("free")).startswith("live free")
    shown = talk.plan_b()
    assert repr(shown).startswith("RECORDED on 2026-01-02, another machine") and "lab.live()" in shown.text
    # The second answer of the recording: the first one counts as used, because the machine was asked.
    assert repr(talk.guest("free")).startswith("RECORDED on 2026-01-02, another machine\nrecorded 2")
    assert talk.live().label == ""
    assert repr(talk.guest("free")).startswith("live free")


def test_the_recording_never_falls_behind_the_talk(talk):
    talk.guest("free"), talk.guest("free")
    talk.plan_b()
    assert "recorded 3" in talk.guest("free").text
    assert "recorded 3" in talk.guest("free").text  # asked for the fourth time: the last answer again


def test_calling_it_twice_changes_nothing(talk):
    machine = talk._backend
    talk.plan_b(), talk.plan_b()
    talk.live(), talk.live()
    assert talk._backend is machine


def test_a_machine_that_is_gone_is_not_asked(talk):
    machine = talk._backend.live
    machine.dead = True
    talk.plan_b()
    assert "recorded 1" in talk.guest("free").text and machine.n_asked == 0
    with pytest.raises(MachineError, match="the recording stays in use"):
        talk.live()
    assert "recorded 2" in talk.guest("free").text
    machine.dead = False
    talk.live()
    assert "live" in talk.guest("free").text


def test_what_the_machine_could_not_answer_counts_as_not_asked(talk):
    talk._backend.live.guest = lambda progress, text, background: (_ for _ in ()).throw(MachineError("gone"))
    with pytest.raises(MachineError):
        talk.guest("free")
    talk.plan_b()
    assert "recorded 1" in talk.guest("free").text


def test_a_race_that_goes_on_is_given_up_and_its_result_is_the_recorded_one(talk):
    race = talk.race(**ASKED)
    assert race.running
    talk.plan_b()
    shown = race.result()
    assert repr(shown).startswith("RECORDED on 2026-01-02") and shown.ok
    until(lambda: not race.running)
    assert talk.race(**ASKED) is not race


def test_before_the_lesson_begins_it_decides_for_all_of_it(talk, monkeypatch):
    monkeypatch.setattr(fallback, "find_backend", lambda course, lesson: pytest.fail("the machine was looked for"))
    fresh = Lab(COURSE)
    fresh.plan_b()
    assert repr(fresh.begin(LESSON)).startswith("RECORDED") and "There is no machine" not in repr(fresh.begin(LESSON))
    monkeypatch.setattr(fallback, "find_backend", lambda course, lesson: Backend(Alive()))
    fresh.live()
    assert "live" in fresh.guest("free").text


def test_without_a_recording_the_machine_goes_on(talk, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(recording, "folder", lambda: paths.ROOT / "nowhere")
    with pytest.raises(DeployLabError, match="no recording"):
        talk.plan_b()
    assert "live" in talk.guest("free").text


@pytest.mark.slow
def test_in_a_notebook_the_lesson_goes_on_from_the_shipped_recording():
    """With a kernel, the magics and the recording that ships; the machine is a stand-in that dies during it."""
    cells = ["%load_ext deploylab\nfrom tests.lessons.test_fallback import Alive, Backend",
             f"lab._lesson, lab._backend = {LESSON!r}, Backend(Alive())",
             "%%guest\nsystemctl show supervisor -p Restart",
             "lab._backend.live.dead = True\nlab.plan_b()", "lab.contrast('bare')",
             "%%guest\nsystemctl show supervisor -p Restart -p UnitFileState",
             "lab.check('nginx')", "lab._machine_backend.live.dead = False\nlab.live()", "%%guest\nuptime"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
    nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3", coalesce_streams=True,
                            resources={"metadata": {"path": str(paths.ROOT)}}).execute()
    shown = [one.outputs[-1].data["text/html"] if one.outputs else "" for one in notebook.cells]
    marked = ["RECORDED on 20" in text for text in shown]
    assert marked == [False, False, False, True, True, True, True, False, False]
    assert "live systemctl" in shown[2] and "UnitFileState=enabled" in shown[5] and "live uptime" in shown[8]
