"""TAB: in real shells on a terminal, and what is offered."""

import os
import pty
import select
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import packages
import pytest

from deploylab import course as courses
from deploylab.bootstrap import completion
from deploylab.core import paths
from deploylab.results import Session

# Without the user's own settings.
START = {"bash": ["bash", "--norc", "--noprofile", "-i"], "zsh": ["zsh", "-f", "-i"],
         "fish": ["fish", "--no-config", "-i"]}
READ = {"bash": 'eval "$({} completion bash)"', "zsh": 'eval "$({} completion zsh)"',
        "fish": "{} completion fish | source"}
BEGIN, END = "\x01", "\x05"  # Ctrl-A, Ctrl-E: the ends of the line, in all three shells
PATIENCE_S = 60


class Terminal:
    """A shell on a terminal of its own, with an empty home."""

    def __init__(self, shell: str, home: Path, folder: Path):
        self.pid, self.file = pty.fork()
        if not self.pid:
            os.chdir(folder)
            os.execvpe(START[shell][0], START[shell], {
                "PATH": os.environ["PATH"], "HOME": str(home), "TERM": "dumb", "LC_ALL": "C.UTF-8"})
        self.type(READ[shell].format(shlex.quote(str(paths.ROOT / "lab"))) + "; echo rea''dy\n")
        self.line("ready")

    def type(self, text: str) -> None:
        os.write(self.file, text.encode())

    def line(self, start: str) -> str:
        """The next line that begins with `start`, without its line end."""
        text, deadline_s = "", time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s:
            if select.select([self.file], [], [], 1)[0]:
                text += os.read(self.file, 4096).decode(errors="replace")
            *lines, _ = text.splitlines(keepends=True) or [""]
            for line in lines:
                if line.startswith(start):
                    return line.strip()
        raise AssertionError(f"no line with {start!r}: {text!r}")

    def completed(self, typed: str) -> str:
        """The line after TAB. The shell prints it: the line becomes the arguments of an `echo`."""
        self.type(f"{typed}\t{BEGIN}echo @@{END}\n")
        return self.line("@@").removeprefix("@@")

    def close(self) -> None:
        os.close(self.file)
        os.waitpid(self.pid, 0)


@pytest.fixture(scope="module", params=[pytest.param(shell, marks=[] if shell == "bash" else pytest.mark.thorough)
                                       for shell in START])
def terminal(request, tmp_path_factory):
    if os.environ.get("DEPLOYLAB_YES") == "1":
        packages.of(request.param, f"usr/bin/{request.param}")
    elif not shutil.which(request.param):
        pytest.skip(f"{request.param} is not installed here, and the tests may not install it: ./lab test --yes")
    home = tmp_path_factory.mktemp("home")
    shell = Terminal(request.param, home, paths.ROOT)
    yield shell
    shell.close()


@pytest.mark.parametrize(("typed", "whole"), [
    ("./lab dest", "./lab destroy"),
    ("lab goto runs", "lab goto runserver"),
    pytest.param(f"{paths.ROOT}/lab check nginx:gr", f"{paths.ROOT}/lab check nginx:granian", id="the whole path"),
    ("./lab compare nginx:sync nginx:rec", "./lab compare nginx:sync nginx:reconnect"),
    ("./lab measure nginx --view wa", "./lab measure nginx --view wait"),
    ("./lab measure nginx --view=wa", "./lab measure nginx --view=wait"),
    ("./lab measure nginx --conc", "./lab measure nginx --concurrency"),
    ("./lab open 05", "./lab open 05_nginx_gunicorn"),
    ("./lab slides --session newe", "./lab slides --session newest"),
    ("./lab up --bundle READ", "./lab up --bundle README.md"),
    ("./lab nosuchcom", "./lab nosuchcom"),
])
def test_tab_completes_in_a_real_shell(terminal, typed, whole):
    assert terminal.completed(typed) == whole


def offered(line: str, word_breaks: str = " :=") -> list[str]:
    """What bash gets to offer for a line. It treats a word with a colon as several words, and needs only the last."""
    asking = f'COMP_WORDBREAKS={shlex.quote(word_breaks)} COMP_LINE={shlex.quote(line)} COMP_POINT={len(line)}\n'
    done = subprocess.run(["bash", "--norc", "-c", f'{completion.script("bash")}{asking}_deploylab\n'
                           'printf "%s\\n" "${COMPREPLY[@]}"'], capture_output=True, text=True, check=True)
    return sorted(done.stdout.split())


def test_all_that_there_is_is_offered():
    course = courses.load()
    assert offered("lab measure ") == sorted(target.name for target in course.all_targets)
    assert offered("lab run ") == offered("lab reset ") == sorted(stage.name for stage in course.stages)
    assert offered("lab sweep nginx --view ") == sorted(course.app.views)
    assert offered("lab record 00_the_lab ") == sorted(lesson.name for lesson in course.lessons)
    assert offered("lab goto nginx --machine ") == ["auto", "local", "vagrant"]
    assert offered("lab completion ") == sorted(completion.SHELLS)
    assert "--yes" in offered("lab up -") == offered("lab up ")  # only options may follow


def test_bash_gets_what_stands_after_the_colon():
    variants = [target.variant for target in courses.load().stage("nginx").variants]
    assert offered("lab goto nginx:") == sorted(variants)
    assert offered("lab goto nginx:", word_breaks=" ") == sorted(f"nginx:{variant}" for variant in variants)


def test_sessions_of_one_s_own_are_offered(tmp_path, monkeypatch):
    monkeypatch.setenv("DEPLOYLAB_RESULTS", str(tmp_path))
    own = Session.create(kind="run")
    assert own.id in offered("lab report --session ")
    assert {own.id, "newest"} < {*offered("lab slides --session ")}


def test_tab_asks_no_machine_and_writes_nothing(tmp_path, monkeypatch):
    """Reaching a machine needs programs that are not in this PATH; files would be in the state or the home folder."""
    # This Python itself: what PATH has under that name may be a script that looks for one in other folders.
    for name, program in (("python3", Path(sys.executable).resolve()), ("env", shutil.which("env")),
                          ("bash", shutil.which("bash"))):
        (tmp_path / name).symlink_to(program)
    home, state = tmp_path / "home", tmp_path / "state"
    home.mkdir()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("DEPLOYLAB_STATE", str(state))
    assert "runserver" in offered("lab goto runs")
    assert not state.exists() and not [*home.iterdir()]
