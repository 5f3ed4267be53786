"""Converging, the parts that need no machine: the code as a bundle, the package sources, the hash, the plan."""

import dataclasses
import os
import re
import shutil
import socket
import subprocess
import sys
from types import SimpleNamespace

import pytest
from plan_helpers import plans

from deploylab import course as courses
from deploylab.core import paths
from deploylab.core.errors import ConvergeError, CourseError, HostError
from deploylab.machine import network
from deploylab.machine.ssh import Ssh
from deploylab.provision import app_code, converge, worker
from provisioning import operations

COURSE = courses.load()
LIB = paths.PROVISIONING / "files/usr/local/lib/deploylab"
STAGES = [stage.name for stage in COURSE.stages]
each_stage = pytest.mark.parametrize("stage", STAGES)


def variants_of(stage: str) -> list[str]:
    return [variant.variant for variant in COURSE.stage(stage).variants]


# ------------------------------------------------------------------------- the code as a bundle


@pytest.fixture
def state(tmp_path, monkeypatch):
    """An empty state folder, and a user with an unusual git configuration."""
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
    """A course whose application is a folder that a test may change, and the folder."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "manage.py").write_text("print()\n")
    (folder / ".gitignore").write_text("*.sqlite3\n")
    return dataclasses.replace(COURSE, app=dataclasses.replace(COURSE.app, source=str(folder))), folder


def test_the_same_content_has_the_same_revision(state, site):
    course, folder = site
    first = app_code.revision(course)
    assert app_code.revision(course) == first and len(first) == 40
    shutil.rmtree(state / "app.git")
    assert app_code.revision(course) == first


def test_a_change_changes_the_revision_and_an_ignored_file_does_not(state, site):
    course, folder = site
    first = app_code.revision(course)
    (folder / "db.sqlite3").write_text("rows")
    assert app_code.revision(course) == first
    (folder / "views.py").write_text("")  # not committed anywhere, and still deployed
    assert app_code.revision(course) != first


def test_the_bundle_contains_the_revision(state, site, tmp_path):
    rev, path = app_code.bundle(site[0])
    assert app_code.bundle(site[0]) == (rev, path)
    subprocess.run(["git", "clone", "-q", "-b", "main", path, tmp_path / "out"], check=True)
    assert (tmp_path / "out/manage.py").read_text() == "print()\n"


def test_a_missing_application_is_named(state, site):
    course, folder = site
    shutil.rmtree(folder)
    with pytest.raises(HostError, match="site"):
        app_code.revision(course)


# ------------------------------------------------------------------------------ package sources


def test_pip_settings_that_work_only_on_this_host_are_left_out(monkeypatch):
    monkeypatch.setattr(network, "getproxies", lambda: {"https": "http://127.0.0.1:3128", "http": "http://proxy.example:1"})
    listing = ("global.index-url='https://one.example/simple'\n"
               ":env:.index-url='https://two.example/simple'\n"
               "global.extra-index-url='file:///wheels https://three.example/ http://localhost:3141/'\n"
               "global.find-links='/wheels'\nglobal.cert='/here/ca.pem'\n:env:.default-timeout='60'\n")
    assert network.pip_settings(listing) == {
        "index-url": "https://two.example/simple", "extra-index-url": "https://three.example/", "timeout": "60"}
    listing += ("global.trusted-host=\"it's.example\"\ninstall.trusted-host='\\na.example\\nb.example'\n"
                "download.timeout='9'\n")
    assert network.pip_settings(listing) == {
        "index-url": "https://two.example/simple", "extra-index-url": "https://three.example/", "timeout": "60",
        "trusted-host": "a.example b.example"}
    assert network.proxies() == {"http": "http://proxy.example:1"}


def test_the_settings_are_read_from_pip_itself(monkeypatch, tmp_path):
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = https://one.example/simple\ntimeout = 7\n"
                                       "[install]\nextra-index-url =\n  https://a.example/\n  https://b.example/\n")
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.setenv("PIP_INDEX_URL", "https://two.example/simple")
    monkeypatch.setattr(network, "getproxies", dict)
    settings = network.pip_settings()
    assert settings["index-url"] == "https://two.example/simple" and settings["timeout"] == "7"
    assert settings["extra-index-url"] == "https://a.example/ https://b.example/"


def test_certificates_of_the_network(tmp_path):
    (tmp_path / "our company.crt").write_text("-----BEGIN CERTIFICATE-----\n")
    (tmp_path / "readme.txt").write_text("no")
    assert list(network.certificates(tmp_path)) == ["our_company.crt"]


# ------------------------------------------------------------------------------ the hash, the plan


@pytest.fixture
def hash_after(tmp_path, monkeypatch):
    """A function that changes a file under provisioning/ and returns the stages whose hash has changed."""
    copy = tmp_path / "provisioning"
    shutil.copytree(paths.PROVISIONING, copy)
    monkeypatch.setattr(paths, "PROVISIONING", copy)

    last: dict[str, dict[str, str]] = {}  # by course: the hashes after the previous change

    def hash_after(path, course=COURSE):
        names = [stage.name for stage in course.stages]
        before = last.get(repr(course)) or {name: converge.config_hash(course, name) for name in names}
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        with (copy / path).open("a") as file:
            file.write("# more\n")
        last[repr(course)] = {name: converge.config_hash(course, name) for name in names}
        return [name for name in names if last[repr(course)][name] != before[name]]

    return hash_after


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["nginx", *(pytest.param(stage.name, marks=pytest.mark.thorough)
                                              for stage in COURSE.stages if stage.name != "nginx")])
def test_a_file_changes_the_hash_of_the_stages_that_list_it(stage, hash_after):
    for path in {path for target in COURSE.targets if target.stage == stage for path in target.configuration}:
        listed = {target.stage for target in COURSE.targets if path in target.configuration}
        assert set(hash_after(f"files{path}")) == listed


def test_a_deploy_belongs_to_its_stage_and_to_those_that_import_it_and_shared_code_to_all(hash_after):
    assert hash_after("deploys/runserver.py") == ["runserver"]
    assert set(hash_after("deploys/nginx.py")) == {"apache", "nginx", "tls"}
    assert "runserver" not in hash_after("deploys/gunicorn.py")
    assert hash_after("deploys/common.py") == STAGES
    assert hash_after("operations/base.py") == STAGES
    assert hash_after("deploys/ground.py") == []


def test_a_file_that_no_target_lists_belongs_to_all_stages(hash_after):
    assert hash_after("files/etc/deploylab/not-listed.conf") == STAGES


def test_a_file_belongs_to_the_stages_that_list_it_whatever_its_name(hash_after):
    first, second, *others = COURSE.stages
    variant = dataclasses.replace(first.variants[0], configuration=(f"/etc/deploylab/{second.name}.conf",))
    course = dataclasses.replace(COURSE, stages=(dataclasses.replace(first, variants=(variant,)), second, *others))
    assert hash_after(f"files/etc/deploylab/{second.name}.conf", course) == [first.name]


def test_a_file_with_the_name_of_a_target_is_listed_by_it():
    """Otherwise changing it would change every stage. A variant may use its stage's file, with the names changed."""
    folder = paths.PROVISIONING / "files"
    files = {"/" + path.relative_to(folder).as_posix().removesuffix(".j2") for path in folder.rglob("*")
             if path.is_file() and path.suffix != ".pyc"}
    listed = {path for target in COURSE.all_targets for path in target.configuration}
    named = re.compile(rf"deploylab.*\b({'|'.join(target.slug for target in COURSE.targets)})\b")
    assert not sorted(path for path in files - listed if named.search(path))


@pytest.fixture(scope="module")
def planned():
    """The names of the operations by stage, for all stages with all their variants."""
    return plans({stage: variants_of(stage) for stage in STAGES} | {stage: [] for stage in converge.NO_STAGE})


@pytest.mark.slow
@pytest.mark.parametrize("stage", [*STAGES, converge.CALIBRATION, converge.GROUND])
def test_a_plan_is_made_without_reading_the_machine(stage, planned):
    """A fact that a deploy reads now would be from before the earlier operations have run."""
    names = planned[stage]
    assert isinstance(names, list), names
    assert len(names) > 10 or stage == converge.GROUND
    assert not [name for name in names if "operations." in name], "every operation has a name for a person"


def test_our_own_operations_say_what_pyinfra_lacks():
    own = [getattr(operations, name) for name in operations.__all__ if callable(getattr(operations, name))]
    silent = [function.__name__ for function in own
              if "pyinfra" not in f"{function.__doc__} {sys.modules[function.__module__].__doc__}"]
    assert len(own) > 10 and silent == ["with_address"], "with_address changes a text, and is not an operation"


def test_a_stage_without_a_deploy_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "PROVISIONING", tmp_path)
    with pytest.raises(CourseError, match="has no deploy"):
        converge.specification(Ssh("192.0.2.1", 22, "nobody", "none"), COURSE, STAGES[0])


def test_a_machine_that_does_not_answer_gives_an_error_with_the_next_command():
    """The port is closed: there is no connection."""
    with pytest.raises(ConvergeError, match="does not answer") as raised:
        converge.to_stage(Ssh("127.0.0.1", 1, "nobody", "none"), COURSE, STAGES[0])
    assert raised.value.next_step == f"./lab goto {STAGES[0]}"


def test_small_packets_are_sent_at_once():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as connection:
        client = SimpleNamespace(get_transport=lambda: SimpleNamespace(sock=connection))
        worker._without_delay(SimpleNamespace(connector=SimpleNamespace(client=client)))
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    worker._without_delay(SimpleNamespace(connector=object()))  # this computer, without ssh
