"""`./lab reset`: which stages come before, when a copy of the disk is used, and a machine built from scratch."""

import shutil
import subprocess
from types import SimpleNamespace

import pytest
from interrupted import interrupted

from deploylab import course as courses
from deploylab.core import paths
from deploylab.core.errors import CourseError, HostError
from deploylab.core.progress import Progress
from deploylab.machine import copies, network
from deploylab.provision import converge, reset

COURSE = courses.load()
FIRST, SECOND, LAST = COURSE.stages[0], COURSE.stages[1], COURSE.stages[-1]


# ----------------------------------------------------------------- what comes before, and its fingerprint


def test_what_comes_before_a_stage():
    assert reset.earlier(COURSE, FIRST) == ()
    assert reset.earlier(COURSE, SECOND) == (FIRST,)
    assert reset.earlier(COURSE, LAST) == COURSE.stages[:-1]


def test_a_reference_is_not_part_of_the_road_and_has_nothing_before_it():
    for reference in COURSE.references:
        with pytest.raises(CourseError, match="not a step of the road"):
            reset.earlier(COURSE, reference)


@pytest.fixture
def box(tmp_path, monkeypatch):
    """A box, a course and package sources that a test may change."""
    monkeypatch.setattr(paths, "PROVISIONING", tmp_path / "provisioning")
    monkeypatch.setattr(paths, "COURSE", tmp_path / "provisioning/course.toml")
    shutil.copytree(paths.ROOT / "provisioning", paths.PROVISIONING, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(converge, "app_revision", lambda course: "1" * 40)
    monkeypatch.setattr(network, "pip_settings", dict)
    monkeypatch.setattr(reset.box, "path", lambda: tmp_path / "box")
    (tmp_path / "box").write_bytes(b"one")
    return tmp_path / "box"


def test_everything_that_goes_into_a_machine_changes_its_fingerprint(box, monkeypatch):
    def keys():
        return reset.fingerprints(COURSE, COURSE.stages)

    before = keys()
    assert keys() == before and len(set(before)) == len(COURSE.stages) + 1
    changes = [lambda: box.write_bytes(b"two"),
               lambda: paths.COURSE.write_text(paths.COURSE.read_text() + "# more\n"),
               lambda: monkeypatch.setattr(converge, "app_revision", lambda course: "2" * 40),
               lambda: monkeypatch.setattr(network, "pip_settings", lambda: {"timeout": "9"})]
    for change in changes:
        change()
        after = keys()
        assert not set(after) & set(before)
        before = after


def test_copies_of_the_stages_before_a_changed_one_stay_valid(box):
    before = reset.fingerprints(COURSE, COURSE.stages)
    file = converge.deploy_path(COURSE, SECOND.name)
    file.write_text(file.read_text() + "# more\n")
    after = reset.fingerprints(COURSE, COURSE.stages)
    assert after[:2] == before[:2] and not set(after[2:]) & set(before[2:])


# ------------------------------------------------------------------- the order of the steps, without a machine


class FakeMachine:
    """Replaces the machine, and everything that `reset` calls: it records the steps."""

    name, host, provider = "guest", "h", "lxc"

    def __init__(self, monkeypatch):
        self.steps: list[str] = []
        self.copies: dict[str, copies.Copy] = {}
        self.stopped: set[str] = set()
        self.later: list[list[str]] = []
        self.disk_full = False
        for name in ("discard", "up", "halt"):
            setattr(self, name, lambda progress, name=name: self.steps.append(name))
        monkeypatch.setattr(reset, "copies", self)
        monkeypatch.setattr(reset, "answers", lambda machine, stage: stage.name not in self.stopped)
        monkeypatch.setattr(reset, "fingerprints", lambda course, stages: [str(n) for n in range(len(stages) + 1)])
        monkeypatch.setattr(reset.prepare, "to_stage", self.prepare)
        monkeypatch.setattr(reset.converge, "to_stage", lambda machine, course, name: self.steps.append(name))

    def state(self):
        return "running"

    def close(self):
        pass

    def prepare(self, machine, course, stage, progress, later):
        self.steps.append(stage.name)
        self.later.append([after.name for after in later])
        return SimpleNamespace(ok=True)

    def every(self):
        return list(self.copies.values())

    def find(self, key):
        return self.copies.get(key)

    def save(self, guest, key, *, of, host):
        if self.disk_full:
            raise HostError("no room")
        self.steps.append(f"save {key}")
        self.copies[key] = copies.Copy(key, of, host, 1)

    def restore(self, guest, copy):
        if self.disk_full:
            raise HostError("no room")
        self.steps.append(f"restore {copy.key}")

    def reset(self, stage) -> list[str]:
        """The steps of `./lab reset STAGE`."""
        self.steps = []
        reset.reset(self, COURSE, stage, Progress("test"))
        return self.steps


@pytest.fixture
def fake(monkeypatch):
    return FakeMachine(monkeypatch)


def test_before_the_first_stage_the_machine_is_bare(fake):
    assert fake.reset(FIRST) == ["discard", "up", "ground"]


def test_the_first_time_a_copy_is_saved_and_the_next_time_it_is_restored(fake):
    assert fake.reset(SECOND) == ["discard", "up", "ground", FIRST.name, "halt", "save 1", "up"]
    assert fake.reset(SECOND) == ["restore 1", "up"]


def test_each_stage_is_told_which_come_after_it_for_their_packages(fake):
    fake.provider = "virtualbox"
    fake.reset(LAST)
    before = [stage.name for stage in COURSE.stages[:-1]]
    assert fake.later == [before[number:] for number in range(1, len(before) + 1)]


def test_a_copy_of_fewer_stages_is_used_as_a_start(fake):
    fake.reset(SECOND)
    rest = [stage.name for stage in COURSE.stages[1:-1]]
    saved = ["halt", f"save {len(COURSE.stages) - 1}", "up"] if rest else []
    assert fake.reset(LAST) == ["restore 1", "up", *rest, *saved]


def test_a_stage_that_does_not_start_at_boot_is_started(fake):
    fake.reset(SECOND)
    fake.stopped = {FIRST.name}
    assert fake.reset(SECOND) == ["restore 1", "up", FIRST.name]


def test_with_another_address_every_stage_is_converged_to_again(fake):
    fake.reset(SECOND)
    fake.host = "other"
    assert FIRST.name in fake.reset(SECOND)


def test_if_there_is_no_room_for_a_copy_the_machine_is_built_again(fake, capsys):
    fake.reset(SECOND)
    fake.disk_full = True
    assert fake.reset(SECOND) == ["discard", "up", "ground", FIRST.name, "halt", "up"]
    assert "no room" in capsys.readouterr().err


def test_other_providers_build_the_machine_again(fake):
    fake.provider = "virtualbox"
    assert fake.reset(SECOND) == ["discard", "up", "ground", FIRST.name]
    assert fake.copies == {}


def test_it_asks_before_it_destroys_the_machine(lab, tmp_path):
    (tmp_path / "machine.json").write_text('{"kind": "vagrant", "provider": "lxc"}')
    done = lab("reset", FIRST.name, DEPLOYLAB_STATE=str(tmp_path))
    assert done.returncode == 1
    assert "Destroy the machine" in done.stderr and f"./lab reset {FIRST.name} --yes" in done.stderr


# ------------------------------------------------------------------------------- the real machine


def reset_machine(lab) -> subprocess.CompletedProcess:
    done = lab("reset", SECOND.name, "--yes")
    assert done.returncode == 0, done.stderr
    return done


def mark(machine) -> None:
    machine.check_output("touch /etc/mine", sudo=True)


@pytest.mark.thorough
@pytest.mark.machine
def test_the_real_machine_is_as_it_was_before_the_stage(machine, lab):
    from deploylab.provision import on_demand

    host = machine.host
    converge.to_stage(machine, COURSE, SECOND.name)
    mark(machine)
    reset_machine(lab)
    for _ in range(2):  # built, then from the copy
        assert machine.host == host
        assert not machine.run("test -e /etc/mine").ok
        assert on_demand.answers(machine, FIRST) and not on_demand.answers(machine, SECOND)
        assert converge.to_stage(machine, COURSE, FIRST.name).changes == ()
        mark(machine)
        again = reset_machine(lab)
        assert "the copy of" in again.stderr


@pytest.mark.thorough
@pytest.mark.machine
@pytest.mark.parametrize("word", ["Destroying", "Vagrant machine", "the copy of"])
def test_after_an_interruption_anywhere_the_next_command_repairs_it(machine, lab, word):
    if word == "the copy of":
        reset_machine(lab)
    else:
        copies.remove_all()
    done = interrupted(word, "reset", SECOND.name, "--yes")
    assert done.returncode == 130, done.stderr
    up = lab("up")
    assert up.returncode == 0, up.stderr
    assert machine.run("true").ok
    reset_machine(lab)
    assert converge.to_stage(machine, COURSE, FIRST.name).changes == ()
