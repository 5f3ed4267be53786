"""`./lab reset`: which stages come before, what a copy of the disk is good for, and a machine made anew."""

import os
import shutil
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest

from deploylab import course as courses
from deploylab.core import paths
from deploylab.core.errors import CourseError, HostError
from deploylab.core.progress import Progress
from deploylab.machine import copies, network
from deploylab.provision import converge, reset

COURSE = courses.load()
FIRST, SECOND, LAST = COURSE.stages[0], COURSE.stages[1], COURSE.stages[-1]


# ----------------------------------------------------------------- what comes before, and its name


def test_what_comes_before_a_stage():
    assert reset.earlier(COURSE, FIRST) == ()
    assert reset.earlier(COURSE, SECOND) == (FIRST,)
    assert reset.earlier(COURSE, LAST) == COURSE.stages[:-1]


def test_what_is_no_step_of_the_road_has_nothing_before_it():
    for reference in COURSE.references:
        with pytest.raises(CourseError, match="not a step of the road"):
            reset.earlier(COURSE, reference)


@pytest.fixture
def box(tmp_path, monkeypatch):
    """A box, a course and a way to packages that a test may change."""
    monkeypatch.setattr(paths, "PROVISIONING", tmp_path / "provisioning")
    monkeypatch.setattr(paths, "COURSE", tmp_path / "provisioning/course.toml")
    shutil.copytree(paths.ROOT / "provisioning", paths.PROVISIONING, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(converge, "app_revision", lambda course: "1" * 40)
    monkeypatch.setattr(network, "pip_settings", dict)
    monkeypatch.setattr(reset.box, "path", lambda: tmp_path / "box")
    (tmp_path / "box").write_bytes(b"one")
    return tmp_path / "box"


def test_whatever_goes_into_a_machine_changes_its_fingerprint(box, monkeypatch):
    def keys():
        return reset.fingerprints(COURSE, COURSE.stages)

    first = keys()
    assert keys() == first and len(set(first)) == len(COURSE.stages) + 1
    changes = [lambda: box.write_bytes(b"two"),
               lambda: paths.COURSE.write_text(paths.COURSE.read_text() + "# more\n"),
               lambda: monkeypatch.setattr(converge, "app_revision", lambda course: "2" * 40),
               lambda: monkeypatch.setattr(network, "pip_settings", lambda: {"timeout": "9"})]
    for change in changes:
        change()
        now = keys()
        assert not set(now) & set(first)
        first = now


def test_a_changed_stage_leaves_the_copies_of_those_before_it(box):
    first = reset.fingerprints(COURSE, COURSE.stages)
    file = converge.deploy_path(COURSE, SECOND.name)
    file.write_text(file.read_text() + "# more\n")
    now = reset.fingerprints(COURSE, COURSE.stages)
    assert now[:2] == first[:2] and not set(now[2:]) & set(first[2:])


# ------------------------------------------------------------------- the order of the work, no machine


class Standing:
    """Stands in for a machine, and for all that resetting asks others to do: it writes down what was done."""

    name, host, provider = "guest", "h", "lxc"

    def __init__(self, monkeypatch):
        self.did: list[str] = []
        self.kept: dict[str, copies.Copy] = {}
        self.dead: set[str] = set()
        self.no_room = False
        for name in ("discard", "up", "halt"):
            setattr(self, name, lambda progress, name=name: self.did.append(name))
        monkeypatch.setattr(reset, "copies", self)
        monkeypatch.setattr(reset, "answers", lambda machine, stage: stage.name not in self.dead)
        monkeypatch.setattr(reset, "fingerprints", lambda course, stages: [str(n) for n in range(len(stages) + 1)])
        monkeypatch.setattr(reset.prepare, "to_stage", self.prepare)
        monkeypatch.setattr(reset.converge, "to_stage", lambda machine, course, name: self.did.append(name))

    def state(self):
        return "running"

    def close(self):
        pass

    def prepare(self, machine, course, stage, progress):
        self.did.append(stage.name)
        return SimpleNamespace(ok=True)

    def every(self):
        return list(self.kept.values())

    def find(self, key):
        return self.kept.get(key)

    def save(self, guest, key, *, of, host):
        if self.no_room:
            raise HostError("no room")
        self.did.append(f"save {key}")
        self.kept[key] = copies.Copy(key, of, host, 1)

    def restore(self, guest, copy):
        if self.no_room:
            raise HostError("no room")
        self.did.append(f"restore {copy.key}")

    def reset(self, stage) -> list[str]:
        """What was done for `./lab reset STAGE`."""
        self.did = []
        reset.reset(self, COURSE, stage, Progress("test"))
        return self.did


@pytest.fixture
def standing(monkeypatch):
    return Standing(monkeypatch)


def test_before_the_first_stage_the_machine_is_bare(standing):
    assert standing.reset(FIRST) == ["discard", "up", "ground"]


def test_the_first_time_a_copy_is_kept_and_the_next_time_it_is_put_back(standing):
    assert standing.reset(SECOND) == ["discard", "up", "ground", FIRST.name, "halt", "save 1", "up"]
    assert standing.reset(SECOND) == ["restore 1", "up"]


def test_a_copy_of_fewer_stages_is_a_start(standing):
    standing.reset(SECOND)
    rest = [stage.name for stage in COURSE.stages[1:-1]]
    kept = ["halt", f"save {len(COURSE.stages) - 1}", "up"] if rest else []
    assert standing.reset(LAST) == ["restore 1", "up", *rest, *kept]


def test_what_nobody_starts_at_boot_is_started(standing):
    standing.reset(SECOND)
    standing.dead = {FIRST.name}
    assert standing.reset(SECOND) == ["restore 1", "up", FIRST.name]


def test_another_address_goes_through_every_stage_again(standing):
    standing.reset(SECOND)
    standing.host = "other"
    assert FIRST.name in standing.reset(SECOND)


def test_without_room_for_a_copy_the_machine_is_built_all_the_same(standing, capsys):
    standing.reset(SECOND)
    standing.no_room = True
    assert standing.reset(SECOND) == ["discard", "up", "ground", FIRST.name, "halt", "up"]
    assert "no room" in capsys.readouterr().err


def test_other_providers_build_the_machine_again(standing):
    standing.provider = "virtualbox"
    assert standing.reset(SECOND) == ["discard", "up", "ground", FIRST.name]
    assert standing.kept == {}


def test_it_asks_before_it_destroys(lab, tmp_path):
    (tmp_path / "machine.json").write_text('{"kind": "vagrant", "provider": "lxc"}')
    done = lab("reset", FIRST.name, DEPLOYLAB_STATE=str(tmp_path))
    assert done.returncode == 1
    assert "Destroy the machine" in done.stderr and f"./lab reset {FIRST.name} --yes" in done.stderr


# ------------------------------------------------------------------------------- the real machine


def reset_for_real(lab) -> subprocess.CompletedProcess:
    done = lab("reset", SECOND.name, "--yes")
    assert done.returncode == 0, done.stderr
    return done


def mark(machine) -> None:
    machine.check_output("touch /etc/mine", sudo=True)


@pytest.mark.thorough
@pytest.mark.machine
def test_the_real_machine_is_what_it_was_before(machine, lab):
    from deploylab.provision import on_demand

    host = machine.host
    converge.to_stage(machine, COURSE, SECOND.name)
    mark(machine)
    reset_for_real(lab)
    for _ in range(2):  # built, then from the copy
        assert machine.host == host
        assert not machine.run("test -e /etc/mine").ok
        assert on_demand.answers(machine, FIRST) and not on_demand.answers(machine, SECOND)
        assert converge.to_stage(machine, COURSE, FIRST.name).changes == ()
        mark(machine)
        again = reset_for_real(lab)
        assert "the copy of" in again.stderr


@pytest.mark.thorough
@pytest.mark.machine
@pytest.mark.parametrize("word", ["Destroying", "Vagrant machine", "the copy of"])
def test_broken_off_anywhere_the_next_command_mends_it(machine, lab, word):
    if word == "the copy of":
        reset_for_real(lab)
    else:
        copies.remove_all()
    command = [sys.executable, "-c", "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
               "from deploylab.cli import main; raise SystemExit(main())", "reset", SECOND.name, "--yes"]
    with subprocess.Popen(command, cwd=paths.ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True,
                          env={**os.environ, "PYTHONPATH": str(paths.ROOT)}, stdin=subprocess.DEVNULL) as process:
        for line in process.stderr:
            if word in line:
                os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C at a terminal: to all of them
                break
        said = process.stderr.read()
    assert process.returncode == 130, said
    up = lab("up")
    assert up.returncode == 0, up.stderr
    assert machine.run("true").ok
    reset_for_real(lab)
    assert converge.to_stage(machine, COURSE, FIRST.name).changes == ()
