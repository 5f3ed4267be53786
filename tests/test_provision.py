"""Converging: the pieces without a machine, then the real thing, broken off and broken into."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from deploylab import course as courses
from deploylab import network, paths, provision, source
from deploylab.errors import ConvergeError, CourseError, HostError
from deploylab.machine.ssh import Ssh

COURSE = courses.load()
LIB = paths.PROVISIONING / "files/usr/local/lib/deploylab"
STAGES = [stage.name for stage in COURSE.stages]
each_stage = pytest.mark.parametrize("stage", STAGES)


# ------------------------------------------------------------------------- the code as a bundle


@pytest.fixture
def state(tmp_path, monkeypatch):
    """A state folder of its own, and a person whose git is set up in her own way."""
    monkeypatch.setenv("DEPLOYLAB_STATE", str(tmp_path / "state"))
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text("[core]\n autocrlf = true\n excludesFile = ~/ignored\n[commit]\n gpgSign = true\n")
    (home / "ignored").write_text("*.py\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Somebody")
    (tmp_path / "state").mkdir()
    return tmp_path / "state"


@pytest.fixture
def site(tmp_path):
    """A course whose application is a folder that a test may change."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "manage.py").write_text("print()\n")
    (folder / ".gitignore").write_text("*.sqlite3\n")
    return dataclasses.replace(COURSE, app=dataclasses.replace(COURSE.app, source=str(folder))), folder


def test_equal_content_has_the_equal_revision(state, site):
    course, folder = site
    first = source.revision(course)
    assert source.revision(course) == first and len(first) == 40
    shutil.rmtree(state / "app.git")
    assert source.revision(course) == first


def test_a_change_changes_the_revision_and_what_is_ignored_does_not(state, site):
    course, folder = site
    first = source.revision(course)
    (folder / "db.sqlite3").write_text("rows")
    assert source.revision(course) == first
    (folder / "views.py").write_text("")  # not committed anywhere, and deployed all the same
    assert source.revision(course) != first


def test_the_bundle_holds_the_revision(state, site, tmp_path):
    rev, path = source.bundle(site[0])
    assert source.bundle(site[0]) == (rev, path)
    subprocess.run(["git", "clone", "-q", "-b", "main", path, tmp_path / "out"], check=True)
    assert (tmp_path / "out/manage.py").read_text() == "print()\n"


def test_a_missing_application_is_named(state, site):
    course, folder = site
    shutil.rmtree(folder)
    with pytest.raises(HostError, match="site"):
        source.revision(course)


# ---------------------------------------------------------------------- the way to the packages


def test_pip_settings_that_only_this_host_can_use_are_left_out(monkeypatch):
    monkeypatch.setattr(network, "getproxies", lambda: {"https": "http://127.0.0.1:3128", "http": "http://proxy.example:1"})
    listing = ("global.index-url='https://one.example/simple'\n"
               ":env:.index-url='https://two.example/simple'\n"
               "global.extra-index-url='file:///wheels https://three.example/ http://localhost:3141/'\n"
               "global.find-links='/wheels'\nglobal.cert='/here/ca.pem'\n:env:.default-timeout='60'\n")
    assert network.pip_settings(listing) == {
        "index-url": "https://two.example/simple", "extra-index-url": "https://three.example/", "timeout": "60"}
    assert network.proxies() == {"http": "http://proxy.example:1"}


def test_certificates_of_the_network(tmp_path):
    (tmp_path / "our company.crt").write_text("-----BEGIN CERTIFICATE-----\n")
    (tmp_path / "readme.txt").write_text("no")
    assert list(network.certificates(tmp_path)) == ["our_company.crt"]


# ------------------------------------------------------------------------------ the hash, the plan


@each_stage
def test_the_hash_is_of_this_stage_alone(stage, tmp_path, monkeypatch):
    copy = tmp_path / "provisioning"
    shutil.copytree(paths.PROVISIONING, copy)
    monkeypatch.setattr(paths, "PROVISIONING", copy)
    first = {name: provision.config_hash(COURSE, name) for name in STAGES}
    environment = copy / f"files/etc/deploylab/{stage}.env.j2"
    environment.write_text(environment.read_text() + "# more\n")
    changed = [name for name in STAGES if provision.config_hash(COURSE, name) != first[name]]
    assert changed == [stage]


PLAN = """
import json, sys
from pyinfra.api import Inventory, State
from pyinfra.context import ctx_host, ctx_state
from importlib import import_module
from provisioning.lab import Lab
lab = Lab(**json.load(sys.stdin))
state = State(Inventory((["plan"], {})), check_for_changes=False)
with ctx_state.use(state), ctx_host.use(next(iter(state.inventory))):
    import_module("provisioning.deploys." + lab.stage).deploy(lab)
print(json.dumps([sorted(state.get_op_meta(op).names)[0] for op in state.get_op_order()]))
"""


@pytest.mark.parametrize("stage", [*STAGES, provision.CALIBRATION])
def test_a_plan_is_made_without_asking_the_machine(stage):
    """What a deploy asked now would be decided before the operations before it have run."""
    spec = provision.specification(Ssh("192.0.2.1", 22, "nobody", "none"), COURSE, stage)
    done = subprocess.run([sys.executable, "-c", PLAN], input=json.dumps(spec["lab"]), cwd=paths.ROOT, text=True,
                          capture_output=True, env={**os.environ, "PYTHONPATH": str(paths.ROOT)})
    assert done.returncode == 0, done.stderr
    names = json.loads(done.stdout)
    assert len(names) > 10
    assert not [name for name in names if "operations." in name], "every operation has a name for a person"


def test_a_stage_without_a_deploy_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "PROVISIONING", tmp_path)
    with pytest.raises(CourseError, match="has no deploy"):
        provision.specification(Ssh("192.0.2.1", 22, "nobody", "none"), COURSE, STAGES[0])


def test_a_machine_that_does_not_answer_is_a_message():
    """The port is closed: no connection, one error with the next command."""
    with pytest.raises(ConvergeError, match="does not answer") as raised:
        provision.converge(Ssh("127.0.0.1", 1, "nobody", "none"), COURSE, STAGES[0])
    assert raised.value.next_step == f"./lab goto {STAGES[0]}"


# -------------------------------------------------------------------- the programs on the machine


def test_fresh_compares_a_process_with_its_files(tmp_path):
    (tmp_path / "before").write_text("")
    time.sleep(0.1)
    process = subprocess.Popen(["sleep", "60"])
    try:
        def fresh(*names):
            return subprocess.run([LIB / "fresh", str(process.pid), *map(str, names)], capture_output=True).returncode

        time.sleep(0.1)
        assert fresh(tmp_path / "before") == 0
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub/after").write_text("")
        os.utime(tmp_path / "sub/after", (0, 0))  # an old date does not fool it
        assert fresh(tmp_path / "before", f"{tmp_path}/sub/") == 1
        assert fresh(tmp_path / "missing") == 1
    finally:
        process.kill()
        process.wait()
    assert subprocess.run([LIB / "fresh", "", tmp_path], capture_output=True).returncode == 1


def test_requirements_compares_versions(tmp_path):
    version = subprocess.run([sys.executable, "-c", "import importlib.metadata as m; print(m.version('rich'))"],
                             capture_output=True, text=True).stdout.strip()
    (tmp_path / "base.txt").write_text(f"rich=={version}  # a comment\n")
    wanted = tmp_path / "more.txt"
    wanted.write_text("-r base.txt\n")

    def run(*options):
        return subprocess.run([sys.executable, LIB / "requirements", *options, wanted], capture_output=True, text=True)

    assert run().returncode == 0
    assert run("--records").stdout.strip().endswith("RECORD")
    (tmp_path / "base.txt").write_text("rich==0.0.1\n")
    assert "not 0.0.1" in run().stderr


def test_leftovers_spares_the_present_converge():
    environment = {**os.environ, "DEPLOYLAB_CONVERGE": "of-a-test"}
    process = subprocess.Popen(["sleep", "60"], env=environment)
    try:
        assert subprocess.run([LIB / "leftovers", "--check", "of-a-test"]).returncode == 0
        assert subprocess.run([LIB / "leftovers", "--check", "another"]).returncode == 1
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("path", sorted(p for p in LIB.iterdir() if p.read_text().startswith("#!/bin/sh")),
                         ids=lambda path: path.name)
def test_the_shell_programs_parse(path):
    assert subprocess.run(["sh", "-n", path]).returncode == 0


# ----------------------------------------------------------------------------- the real machine


@pytest.mark.machine
@each_stage
def test_the_second_time_nothing_changes(machine, stage):
    events = []
    first = provision.converge(machine, COURSE, stage, on_event=events.append)
    assert first.failed == 0
    assert [event["event"] for event in (events[0], events[-1])] == ["planned", "end"]
    again = provision.converge(machine, COURSE, stage)
    assert again.changes == () and again.changed == 0
    assert again.n_operations == first.n_operations


@pytest.mark.machine
def test_the_static_stub_answers(machine):
    import urllib.request

    provision.converge(machine, COURSE, provision.CALIBRATION)
    assert provision.converge(machine, COURSE, provision.CALIBRATION).changed == 0
    with urllib.request.urlopen(f"http://{machine.host}:{provision.CALIBRATION_PORT}/") as answer:
        assert answer.read() == b"ok\n"


@pytest.mark.machine
def test_no_port_is_taken_by_a_default_site(machine):
    for stage in STAGES:
        provision.converge(machine, COURSE, stage)
    assert machine.run("ss -Hltn 'sport = :80'").out == ""
    assert not machine.run("test -e /usr/sbin/policy-rc.d").ok


@pytest.mark.machine
def test_secrets_are_made_there_and_stay_there(machine):
    provision.converge(machine, COURSE, STAGES[0])
    path = "/etc/deploylab/secret-key.env"
    value = machine.check_output(f"grep -o '=.*' {path}", sudo=True).strip().lstrip("=")
    assert len(value) >= 50
    assert not machine.run(f"cat {path}").ok, "a user of the machine must not read it"
    assert value not in machine.check_output("ps axww -o args", sudo=True)
    for log in (paths.state_dir() / "log").glob("*"):
        assert value not in log.read_text(errors="replace")


@pytest.mark.machine
def test_a_secret_is_made_only_once(machine):
    read = "cat /etc/deploylab/secret-key.env"
    provision.converge(machine, COURSE, STAGES[0])
    before = machine.check_output(read, sudo=True)
    provision.converge(machine, COURSE, STAGES[0])
    assert machine.check_output(read, sudo=True) == before


@pytest.mark.machine
def test_a_half_installed_package_is_mended(machine):
    """As after a power cut: unpacked and not configured, and the guard against starting services left behind."""
    provision.converge(machine, COURSE, "nginx")
    machine.check_output("apt-get -q -y remove supervisor; cd /tmp && apt-get -q download supervisor && "
                         "dpkg --unpack supervisor_*.deb; rm supervisor_*.deb; "
                         "printf '#!/bin/sh\\n# deploylab: nothing starts during an installation\\nexit 101\\n'"
                         " > /usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d", sudo=True)
    assert "supervisor" in machine.run("dpkg --audit", sudo=True).out
    assert provision.converge(machine, COURSE, "nginx").changed
    assert machine.run("dpkg --audit", sudo=True).out == ""
    assert not machine.run("test -e /usr/sbin/policy-rc.d").ok
    assert provision.converge(machine, COURSE, "nginx").changed == 0


@pytest.mark.machine
def test_a_half_made_migration_is_mended(machine):
    """MariaDB cannot undo a CREATE TABLE: the migration's record is missing, its tables are there."""
    provision.converge(machine, COURSE, "nginx")
    machine.check_output("echo \"DELETE FROM django_migrations WHERE app = 'programme'\" | mariadb deploylab",
                         sudo=True)
    assert "Migrations" in provision.converge(machine, COURSE, "nginx").changes
    assert provision.converge(machine, COURSE, "nginx").changed == 0


@pytest.mark.machine
def test_a_server_started_by_hand_makes_room(machine):
    """Somebody typed `runserver` in a lesson and forgot it."""
    provision.converge(machine, COURSE, "runserver")
    port = COURSE.stage("runserver").port
    machine.check_output(f"kill $(cat /run/deploylab/runserver.pid); sleep 1; "
                         f"setsid python3 -m http.server {port} >/dev/null 2>&1 </dev/null & sleep 1", sudo=True)
    assert provision.converge(machine, COURSE, "runserver").changes == (f"Server on port {port}",)


PARENT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
from deploylab import course, provision
from deploylab.machine.ssh import Ssh
host, port, user, key, stage = sys.argv[1:]
machine = Ssh(host, int(port), user, key)
provision.converge(machine, course.load(), stage, on_event=lambda event: print(event["event"], flush=True))
"""


@pytest.mark.machine
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_a_cancelled_converge_leaves_nothing_and_can_be_gone_on_with(machine, ending):
    """The package is taken away first, so that there is something to break off."""
    provision.converge(machine, COURSE, "nginx")
    machine.check_output("apt-get -q -y purge supervisor", sudo=True)
    _, data = machine.inventory()
    where = [str(data[key]) for key in ("ssh_hostname", "ssh_port", "ssh_user", "ssh_key")]
    parent = subprocess.Popen([sys.executable, "-c", PARENT, *where, "nginx"], cwd=paths.ROOT, text=True,
                              env={**os.environ, "PYTHONPATH": str(paths.ROOT)}, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL)
    deadline_s = time.monotonic() + 60
    while not machine.run("pgrep -x apt-get").ok:
        assert time.monotonic() < deadline_s
    parent.send_signal(ending)
    parent.communicate()
    deadline_s = time.monotonic() + 15
    while machine.run("pgrep -x 'apt-get|dpkg'").ok:
        assert time.monotonic() < deadline_s, "the installation on the machine goes on"
        time.sleep(0.2)
    assert provision.converge(machine, COURSE, "nginx").changed
    assert provision.converge(machine, COURSE, "nginx").changed == 0
