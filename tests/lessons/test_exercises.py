"""Exercises: START fails, SOLUTION passes, each is in one notebook; in the notebook they never raise."""

import json
import re

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from deploylab import course as courses
from deploylab.core.errors import CourseError
from deploylab.core.progress import Progress
from deploylab.lessons import exercises, recording
from deploylab.lessons.answers import Output
from deploylab.lessons.backend import Backend
from deploylab.lessons.extension import GuestMagics
from deploylab.lessons.lab import Lab
from deploylab.lessons.live import Live
from deploylab.provision import converge

COURSE = courses.load()
NAMES = exercises.names()
PURE = [name for name in NAMES if not exercises.read(name).needs]
ON_MACHINE = [name for name in NAMES if exercises.read(name).needs]
NOTEBOOKS = {path.stem: path for path in exercises.folder().parent.glob("*.ipynb")}


class Notebook:
    """A notebook without its kernel: cells run here, and give back their result."""

    def __init__(self, backend: Backend | None = None):
        # The only one of this process, as in a kernel: `display` needs it. It saves no history to the disk.
        self.lab, self.shell = Lab(COURSE), InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}))
        self.lab._backend = backend
        self.shell.push({"lab": self.lab})
        self.shell.register_magics(GuestMagics(self.shell, self.lab))

    def exercise(self, name: str, text: str):
        return self.shell.run_cell_magic("exercise", name, text)


@pytest.fixture(scope="module")
def notebook():
    return Notebook()


# ------------------------------------------------------------------------------ every exercise


def lesson_of(name: str) -> str:
    """The lesson that an exercise belongs to, by its number."""
    return next(one.name for one in COURSE.lessons if one.name[:exercises.LESSON] == name[:exercises.LESSON])


@pytest.mark.parametrize("name", NAMES)
def test_an_exercise_is_whole(name):
    one = exercises.read(name)
    assert one.task.startswith("## Exercise: ") and len(one.hints) >= 2 and all(one.hints)
    assert one.start != one.solution and len(one.start.splitlines()) <= 10
    for target in one.needs:
        COURSE.target(target)


@pytest.mark.parametrize("name", PURE)
def test_the_start_fails_and_the_solution_passes(notebook, name):
    one = exercises.read(name)
    begun = notebook.exercise(name, one.start)
    assert not begun and repr(begun).startswith("Not yet: ") and f'lab.hint("{name}")' in repr(begun)
    assert "ended in" not in repr(begun)  # it fails for a reason, and breaks nothing
    solved = notebook.exercise(name, one.solution)
    assert solved and repr(solved).startswith("Done")


MISTAKES = {  # what was once taken for right: an exercise, an answer, and what its check says
    "05_slots": ("""
import math
def settings(cores, cpu_ms, waits_ms, memory_mb, worker_mb):
    workers = max(1, min(max(2, cores), memory_mb // worker_mb))
    return workers, math.ceil(cores * (cpu_ms + waits_ms) / cpu_ms / workers)
""", "three workers, which use three cores. You say 14 threads; fewer are right"),
    "07_key": ("""
def key(ask):
    return f"page:{ask['path']}|{ask['query'].get('page', '1')}|{ask['language']}"
""", "have one key, .*visitors may type '|' too"),
    "07_key: the part first": ("""
def key(ask):
    return f"{ask['query'].get('page', '1')} {ask['language']} {ask['path']}"
""", "have one key, .*visitors may type ' en ' too"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_an_answer_that_only_looks_right_is_not_done(notebook, case):
    text, said = MISTAKES[case]
    begun = notebook.exercise(case.partition(":")[0], text)
    assert not begun and re.search(said.replace("|", r"\|"), repr(begun)), repr(begun)


def cells_of(path, kind: str) -> list[str]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == kind]


@pytest.mark.parametrize("name", NAMES)
def test_an_exercise_stands_in_its_notebook_once_as_it_begins(name):
    one, first = exercises.read(name), f"%%exercise {name}\n"
    used = {stem: [text.rstrip() for text in cells_of(path, "code") if text.startswith(first)]
            for stem, path in NOTEBOOKS.items()}
    assert {stem: texts for stem, texts in used.items() if texts} == {lesson_of(name): [first + one.start]}
    tasks = [text.split() for text in cells_of(NOTEBOOKS[lesson_of(name)], "markdown")]
    assert one.task.split() in tasks, "no Markdown cell is its TASK"


def test_no_notebook_has_an_exercise_without_a_module():
    used = {name for path in NOTEBOOKS.values() for text in cells_of(path, "code")
            for name in re.findall(r"^%%exercise (\S+)", text)}
    assert used <= set(NAMES)


# -------------------------------------------------------------------------------- in a notebook


@pytest.fixture
def one(tmp_path, monkeypatch, notebook):
    """An exercise made for the test: x must be 3."""
    (tmp_path / "00_x.py").write_text(
        'TASK, START, SOLUTION = "### Exercise: x", "x = 1", "x = 3"\nHINTS = ["a number", "three"]\n'
        "def check(lab, namespace):\n    return '' if namespace['x'] + 0 == 3 else 'x is another number.'\n")
    monkeypatch.setattr(exercises, "folder", lambda: tmp_path)
    notebook.lab._hints.clear()
    return notebook


@pytest.mark.parametrize(("text", "word"), [
    ("x = 1", "Not yet: x is another number."), ("x = 'three'", "TypeError"), ("1 / 0", "the error above"),
    ("x = = 3", "the error above"), ("raise KeyboardInterrupt", "the error above"),
    ("%%guest\ntrue", "the error above"),
])
def test_whatever_a_learner_types_the_notebook_goes_on(one, text, word):
    shown = one.exercise("00_x", text)
    assert not shown and word in repr(shown)


def test_a_name_that_is_none_lists_those_there_are(one):
    assert "There are: 00_x" in repr(one.exercise("00_y", "x = 3"))
    with pytest.raises(CourseError):
        one.lab.hint("00_y")


def test_hints_come_one_after_the_other(one):
    shown = [repr(one.lab.hint("00_x")) for _ in range(3)]
    assert shown[0] == "Hint 1 of 2 for 00_x: a number"
    assert shown[1] == shown[2] and "three" in shown[1] and 'lab.solution("00_x")' in shown[1]


def test_the_solution_is_folded(one):
    html = one.lab.solution("00_x")._repr_html_()
    assert "<details>" in html and "x = 3" in html


def test_a_module_that_lacks_something_is_named(one, tmp_path):
    (tmp_path / "00_x.py").write_text("TASK = ''")
    with pytest.raises(CourseError, match="START"):
        exercises.read("00_x")


# ----------------------------------------------------------------------------------- recorded


ASKS = """
TASK, START, SOLUTION, NEEDS = "### Exercise: x", "%%guest\\ntrue", "%%guest\\nfalse", ["nginx"]
HINTS = ["a", "b"]
def check(lab, namespace):
    return lab.guest("look").answer.out
"""


def test_an_answer_recorded_for_one_text_is_none_for_another(one, tmp_path):
    """The check asks the same question for every text: an answer about one text must not be used for another."""
    (tmp_path / "00_x.py").write_text(ASKS)
    read, answers = exercises.read("00_x"), {}

    class Noting(Live):
        def __init__(self):
            pass

        def guest(self, progress, text, background=None, on_line=None):
            return Output(out={"look": output}.get(text, ""), status=0, seconds=0.1)

    class Writer:
        def keep(self, command, arguments, answer):
            answers.setdefault(recording.key(command, arguments), []).append(answer.to_json())

    live = Notebook(Backend(Noting(), None, Writer()))
    for text, output in [(read.start, "it is wrong."), (read.solution, "")]:
        assert bool(live.exercise("00_x", text)) is (output == "")
    recorded = Notebook(Backend(None, recording.Recording("a machine", "2026-01-02", answers)))
    shown = [recorded.exercise("00_x", text) for text in (read.solution, read.start, "%%guest\nmine")]
    assert [bool(each) for each in shown] == [True, False, False]
    assert "RECORDED" in repr(shown[0]) and "it is wrong" in repr(shown[1]) and "the cell ended" in repr(shown[2])


# ----------------------------------------------------------------------------------- the real machine


@pytest.mark.thorough
@pytest.mark.machine
@pytest.mark.parametrize("name", ON_MACHINE)
def test_on_the_machine_too_and_goto_brings_back_what_it_changed(machine, name):
    one = exercises.read(name)
    stages = {target.partition(":")[0]: [] for target in one.needs}
    for target in one.needs:
        stages[target.partition(":")[0]] += [target.partition(":")[2]] if ":" in target else []

    def converged() -> int:
        return sum(converge.to_stage(machine, COURSE, stage, variants=variants).changed
                   for stage, variants in stages.items())

    converged()
    notebook = Notebook(Backend(Live(machine, COURSE, lesson_of(name))))
    begun = notebook.exercise(name, one.start)
    assert not begun and repr(begun).startswith("Not yet: ") and "ended in" not in repr(begun), repr(begun)
    solved = notebook.exercise(name, one.solution)
    assert solved, repr(solved)
    converged()
    assert converged() == 0
    live = Live(machine, COURSE, lesson_of(name))
    assert all(check.ok for target in one.needs for check in live.check(Progress("test"), target=target).checks)
