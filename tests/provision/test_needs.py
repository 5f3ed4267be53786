"""What stages install is read from their deploys, and installed in one go before the first server is set up."""

import dataclasses
import json
import subprocess
import sys

import pytest
from pyinfra.operations import apt, pip

from deploylab import course as courses
from deploylab.core import paths
from deploylab.core.progress import Progress
from deploylab.machine.ssh import Ssh
from deploylab.provision import converge, needs, worker

COURSE = courses.load()
NOBODY = Ssh("192.0.2.1", 22, "nobody", "none")
PIP = {"requirements.txt", "requirements-production.txt", "requirements-granian.txt"}


def lab_of(name: str, variants=(), later=()):
    """The input of a stage's deploy, as the worker makes it."""
    return worker._lab(converge.specification(NOBODY, COURSE, name, variants, later, pip={}))


def all_targets(*stages):
    return [target for stage in stages for target in (stage, *stage.variants)]


def installations(name: str, lab, monkeypatch) -> tuple[list[list[str]], list[str]]:
    """What the deploy asks of apt.packages, and of pip.packages, call by call."""
    of_apt, of_pip = [], []
    monkeypatch.setattr(apt, "packages", lambda packages, **_: of_apt.append(packages))
    monkeypatch.setattr(pip, "packages", lambda requirements, extra_install_args, **_: of_pip.append(
        f"{extra_install_args} -r {requirements}"))
    needs._plan(f"provisioning.deploys.{name}", lab)
    monkeypatch.undo()
    return of_apt, of_pip


def test_a_stage_alone_installs_only_what_it_needs():
    assert lab_of("runserver").packages == ["logrotate", "git", "python3-venv"]
    assert lab_of("runserver").requirements == ["requirements.txt"]
    alone = set(lab_of("nginx").packages)
    assert {"nginx-light", "mariadb-server", "supervisor", "gcc"} <= alone
    assert not alone & {"apache2", "lighttpd", "uwsgi-core", "varnish", "memcached", "redis-server"}


def test_a_variant_adds_what_it_needs():
    added = {variant.variant: set(lab_of("nginx", [variant.variant]).packages) - set(lab_of("nginx").packages)
             for variant in COURSE.stage("nginx").variants}
    assert {name: names for name, names in added.items() if names} == {
        "uwsgi": {"uwsgi-core", "uwsgi-plugin-python3"}, "lighttpd": {"lighttpd"}}


def test_the_first_stage_of_several_has_the_packages_of_all_of_them_each_once():
    first, *rest = COURSE.stages
    lab = lab_of(first.name, [variant.variant for variant in first.variants], all_targets(*rest))
    alone = [lab_of(stage.name, [variant.variant for variant in stage.variants]) for stage in COURSE.stages]
    assert set(lab.packages) == {name for one in alone for name in one.packages}
    assert len(lab.packages) == len(set(lab.packages)) and len(lab.requirements) == len(set(lab.requirements))
    assert set(lab.requirements) == PIP


@pytest.mark.parametrize("stage", COURSE.stages, ids=lambda stage: stage.name)
def test_the_first_installation_has_everything_and_leaves_nothing_to_the_others(stage, monkeypatch):
    lab = lab_of(stage.name, [variant.variant for variant in stage.variants])
    of_apt, of_pip = installations(stage.name, lab, monkeypatch)
    assert of_apt[0] == lab.packages and len(of_apt) > 1
    assert {name for names in of_apt[1:] for name in names} == set(lab.packages), "each deploy still names its own"
    assert all(f"/app/{name}" in of_pip[0] for name in lab.requirements)


def test_pip_is_given_each_file_once_and_from_the_code_of_the_stage_that_is_set_up(monkeypatch):
    lab = lab_of("runserver", later=all_targets(COURSE.stage("nginx")))
    [of_pip] = installations("runserver", lab, monkeypatch)[1]
    words = of_pip.split()
    files = [words[place + 1] for place, word in enumerate(words) if word == "-r"]
    assert len(files) == len(PIP) and set(files) == {f"/srv/deploylab/runserver/app/{name}" for name in PIP}


def test_one_run_of_pip_takes_files_that_name_each_other(tmp_path):
    """requirements-production.txt has a line `-r requirements.txt`: the same pins twice are no conflict."""
    (tmp_path / "requirements.txt").write_text("pip\n")
    (tmp_path / "requirements-production.txt").write_text("-r requirements.txt\nrich\n")
    done = subprocess.run([sys.executable, "-m", "pip", "install", "--no-index", "--dry-run", "-r",
                           "requirements.txt", "-r", "requirements-production.txt"], cwd=tmp_path, text=True,
                          capture_output=True)
    assert done.returncode == 0, done.stderr


def test_what_is_noted_is_not_done_and_afterwards_pyinfra_is_as_before(monkeypatch):
    real = apt.packages, pip.packages
    lab_of("nginx")
    assert (apt.packages, pip.packages) == real
    lab = dataclasses.replace(lab_of("nginx"), stage="no-such-stage")
    with pytest.raises(Exception, match="no-such-stage"):
        needs.of([("provisioning.deploys.nginx", lab)])
    assert (apt.packages, pip.packages) == real


def test_a_deploy_that_is_given_no_list_installs_its_own(monkeypatch):
    lab = dataclasses.replace(lab_of("runserver"), packages=[], requirements=[])
    assert installations("runserver", lab, monkeypatch)[0] == [["logrotate"], ["git", "python3-venv"]]


def test_the_program_lists_the_packages_of_all_specs():
    specs = [converge.specification(NOBODY, COURSE, name, pip={}) for name in ("runserver", converge.CALIBRATION)]
    done = subprocess.run([sys.executable, "-m", "deploylab.provision.needs"], input=json.dumps(specs), text=True,
                          capture_output=True, cwd=paths.ROOT)
    assert json.loads(done.stdout) == ["git", "logrotate", "nginx-light", "python3-venv"], done.stderr


def test_a_run_tells_each_stage_which_targets_come_after_it(monkeypatch):
    from deploylab.measure import full_run, schedule

    told = []

    class Enough(Exception):
        pass

    def to_stage(machine, course, stage, progress, variants, later):
        told.append((stage.name, [target.name for target in later]))
        raise Enough

    monkeypatch.setattr(full_run.prepare, "to_stage", to_stage)
    monkeypatch.setattr(full_run.results, "resumable", lambda plan: object())
    stages = [COURSE.stage("runserver"), COURSE.stage("apache")]
    with pytest.raises(Enough):
        full_run.run(None, COURSE, stages, effort=schedule.QUICK, progress=Progress("test"))
    compared = {side for contrast in full_run.contrasts_among(COURSE, stages, thorough=False)
                for side in (contrast.a, contrast.b)}
    assert "apache:sqlite" in compared and "apache:sqlite-normal" not in compared
    assert told == [("runserver", [target.name for target in all_targets(stages[1])
                                   if target == stages[1] or target.name in compared])]


# ------------------------------------------------------------------------------- the real machine


@pytest.mark.thorough
@pytest.mark.machine
def test_all_packages_come_at_once_and_no_server_starts_before_its_stage(machine, lab):
    """With the packages of every stage on it the machine runs only the first; then the others are set up on it."""
    first, *rest = COURSE.stages
    done = lab("reset", first.name, "--yes")
    assert done.returncode == 0, done.stderr
    done = converge.to_stage(machine, COURSE, first.name, later=all_targets(*rest))
    assert [name for name in done.changes if "ackages" in name] == [
        "All Debian packages at once", "Python packages of requirements.txt"]
    servers = "apache2 lighttpd mariadb memcached nginx redis-server supervisor varnish"
    assert set(machine.run(f"systemctl is-active {servers}").out.split()) == {"inactive"}
    assert machine.run("ss -Hltn 'sport = :80'").out == ""
    assert not machine.run("test -e /usr/sbin/policy-rc.d").ok
    for stage in rest:
        variants = [variant.variant for variant in stage.variants]
        done = converge.to_stage(machine, COURSE, stage.name, variants=variants)
        assert not [name for name in done.changes if "ackages" in name]
        assert converge.to_stage(machine, COURSE, stage.name, variants=variants).changes == ()
