"""The machine kind `local`: this computer becomes the server, and is afterwards what it was.

It is tried where nothing of the kit ever was: a bare Debian with namespaces of its own, made by `tests/clean.sh`.
"""

import json
import re
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest
from pyinfra.facts.systemd import SystemdEnabled, SystemdStatus

from deploylab import course as courses
from deploylab.cli import options
from deploylab.core import paths
from deploylab.core.errors import HostError
from deploylab.core.progress import Progress
from deploylab.machine import LocalMachine, VagrantMachine, box, choose, local, owned, with_address
from deploylab.publish.bundle import making

TESTS = paths.ROOT / "tests"

# What may differ afterwards, and why.
TRACES = {
    r"/var/(lib/apt|cache/apt|lib/dpkg|cache/debconf|cache/ldconfig|lib/systemd)\b": "apt's own books and copies",
    r"/var/log\b": "what was done is logged",
    r"/var/backups\b": "dpkg and adduser keep copies of their books there",
    r"/run/adduser\b": "adduser's lock",
    r"/etc/(passwd|group|shadow|gshadow|subuid|subgid)-": "copies that useradd and userdel make",
}


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def seen(request, tmp_path_factory, provider) -> Path:
    """The folder of what tests/local.sh saw in a Debian."""
    if provider != "lxc":
        pytest.skip("the Debian is made with programs that are installed for LXC")
    out = tmp_path_factory.mktemp("local")
    done = subprocess.run([TESTS / "clean.sh", paths.ROOT, TESTS / "local.sh", out, request.param],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=3600)
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-3000:]
    return out


@pytest.mark.thorough
@pytest.mark.machine
def test_it_is_taken_by_itself_only_in_a_container_and_after_a_yes(seen):
    assert "Vagrant with a provider is not installed" in (seen / "nowhere").read_text()
    assert (seen / "container").read_text() == "local\n"
    unasked = (seen / "unasked").read_text()
    assert "because this is a container" in unasked and "there is nobody to ask" in unasked
    assert "./lab up --yes" in unasked


@pytest.mark.thorough
@pytest.mark.machine
@pytest.mark.parametrize("target", ["runserver", "edge:varnish", "apache:embedded"])
def test_goto_brings_this_computer_to_a_stage(seen, target):
    ready = json.loads((seen / f"{target}.json").read_text())
    assert ready["changed"] > 0 and ready["failed"] == 0
    assert ready["checks"] and all(check["ok"] for check in ready["checks"])


@pytest.mark.thorough
@pytest.mark.machine
def test_the_second_time_nothing_changes_and_after_a_halt_all_stand_again(seen):
    assert json.loads((seen / "again.json").read_text())["changed"] == 0
    standing = json.loads((seen / "check.json").read_text())["stages"]
    assert standing["apache"] and all(check["ok"] for check in standing["apache"])


@pytest.mark.thorough
@pytest.mark.machine
def test_everything_listens_on_loopback_alone_and_nothing_after_a_halt(seen):
    sockets = set((seen / "sockets.standing").read_text().split())
    assert {"127.0.0.1:8000", "127.0.0.1:8002", "127.0.0.1:8006", "127.0.0.1:8016", "127.0.0.1:3306"} <= sockets
    assert all(address.startswith("127.0.0.1:") for address in sockets)
    assert (seen / "sockets.halted").read_text() == ""


@pytest.mark.thorough
@pytest.mark.machine
@pytest.mark.parametrize("of", ["files", "contents", "packages", "users", "programs", "listening"])
def test_destroy_leaves_the_computer_as_it_was(seen, of):
    before, after = ((seen / f"{of}.{when}").read_text().splitlines() for when in ("before", "after"))
    differs = sorted(set(before) ^ set(after))
    left = [line for line in differs if not any(re.search(rf"(^|\s){trace}", line) for trace in TRACES)]
    assert not left


@pytest.mark.slow
def test_what_the_stages_install_is_what_destroy_looks_for():
    listed = [line for line in (local.PROGRAMS / "packages.txt").read_text().splitlines() if not line.startswith("#")]
    assert listed == sorted(set(making.guest_packages(courses.load())) - set(box.packages()))


def test_a_system_with_other_packages_is_refused(monkeypatch):
    monkeypatch.setattr(local.platform, "freedesktop_os_release",
                        lambda: {"ID": "fedora", "VERSION_ID": "40", "PRETTY_NAME": "Fedora 40"})
    assert "this is Fedora 40" in local.lacks()


def test_the_load_gets_a_processor_that_the_servers_have_not(monkeypatch, tmp_path):
    monkeypatch.setattr(local.os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    monkeypatch.setattr(local, "SYSTEMD", tmp_path / "absent")
    assert local.server_cpus() == (0, 1)
    monkeypatch.setattr(local.os, "sched_getaffinity", lambda _: {1, 3})
    assert local.server_cpus() == (1,)
    monkeypatch.setattr(local.os, "sched_getaffinity", lambda _: {0})
    assert local.server_cpus() == ()  # one for both: the report says so
    monkeypatch.setattr(local, "SYSTEMD", tmp_path)
    monkeypatch.setattr(local.os, "sched_getaffinity", lambda _: {0, 1})
    assert local.server_cpus() == ()  # systemd starts them, on whatever processor


def test_our_systemctl_tells_pyinfra_what_it_asks():
    for fact in (SystemdStatus(), SystemdEnabled()):
        asked = str(fact.command(services=["nobodys.service", "nobodys@one.service"])).split()
        lines = subprocess.run([local.PROGRAMS / "systemctl", *asked[1:]], capture_output=True, text=True).stdout
        assert fact.process(lines.splitlines()) == {"nobodys.service": False, "nobodys@one.service": False}
    asked = [local.PROGRAMS / "systemctl", "show", "-P", "NeedDaemonReload", "nobodys"]
    assert subprocess.run(asked, capture_output=True, text=True).stdout == "no\n"


@pytest.fixture
def systemctl(monkeypatch):
    """Our systemctl as a module, with the files of the kit as the units' own."""
    loader = SourceFileLoader("local_systemctl", str(local.PROGRAMS / "systemctl"))
    module = module_from_spec(spec_from_loader(loader.name, loader))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # beside a program that goes to other computers
    loader.exec_module(module)
    monkeypatch.setattr(module, "DROP_INS", paths.PROVISIONING / "files/etc/systemd/system")
    return module


def test_our_systemctl_puts_a_server_into_the_background(systemctl):
    words = systemctl.daemon("start", "varnish")
    assert "/run/varnish.pid" in words and {"--background", "--make-pidfile"} <= set(words)
    assert words[words.index("--") + 1] == "-F" and words[-1] == "backend_idle_timeout=4" and "--chuid" not in words


def test_our_systemctl_leaves_a_daemon_its_process_id_and_its_user(systemctl):
    words = systemctl.daemon("start", "varnishncsa.service")
    assert not {"--background", "--make-pidfile"} & set(words)
    assert words[words.index("--pidfile") + 1] == "/run/varnishncsa/varnishncsa.pid" == words[words.index("-P") + 1]
    assert words[words.index("--chuid") + 1] == "varnishlog:varnish"
    assert words[-2:] == ["-F", '%h %l %u %t "%m %U%q %H" %s %b "%{Referer}i" "%{User-Agent}i" '
                           "took_us=%D behind_us=%{VCL_Log:behind_us}x cache=%{X-Cache}o id=%{VCL_Log:id}x"]
    assert systemctl.daemon("reload", "varnishncsa")[-3:] == ["--stop", "--signal", "HUP"]


def test_the_saved_kind_wins_and_another_one_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("DEPLOYLAB_STATE", str(tmp_path))
    choose.save(choose.Choice("local", "", "a test says so"))
    monkeypatch.setenv("DEPLOYLAB_MACHINE", "vagrant")
    with pytest.raises(HostError, match="of kind local"):
        choose.choose()
    monkeypatch.setenv("DEPLOYLAB_MACHINE", "auto")
    assert choose.choose().kind == "local"


def refuse(*_):
    raise HostError("a test says no", "")


@pytest.mark.parametrize("made", [False, True])
def test_a_machine_that_was_refused_is_not_this_clone_s_machine(monkeypatch, tmp_path, made):
    """Otherwise `up --machine vagrant` would be refused too, and ask for the machine to be destroyed."""
    monkeypatch.setenv("DEPLOYLAB_STATE", str(tmp_path))
    monkeypatch.setattr(choose, "choose", lambda: choose.Choice("local", "", "a test says so"))
    monkeypatch.setattr(LocalMachine, "up", refuse)  # never the real one: it changes this computer
    if made:
        owned.add("local", "half of it")
    with pytest.raises(HostError, match="a test says no"):
        options.ensure_machine(yes=True, progress=Progress("test"))
    assert (choose.saved() is not None) == made  # what was half made, `destroy` has to find


def test_a_machine_that_could_not_start_again_stays_this_clone_s(monkeypatch, tmp_path):
    monkeypatch.setenv("DEPLOYLAB_STATE", str(tmp_path))
    choose.save(choose.Choice("local", "", ""))
    monkeypatch.setattr(choose, "choose", lambda: choose.Choice("local", "", "used before"))
    monkeypatch.setattr(LocalMachine, "up", refuse)
    with pytest.raises(HostError):
        options.ensure_machine(yes=True, progress=Progress("test"))
    assert choose.saved().kind == "local"


@pytest.mark.parametrize(("marks", "word"), [
    ({"CODESPACES": "true"}, "Codespace"), ({"REMOTE_CONTAINERS": "true"}, "development container"), ({}, "")])
def test_a_container_is_known_by_its_marks(monkeypatch, marks, word):
    for name in ("CODESPACES", "REMOTE_CONTAINERS", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(local, "MARKS", ())
    for name, value in marks.items():
        monkeypatch.setenv(name, value)
    assert word in local.is_container() and bool(word) == bool(local.is_container())


def test_what_a_lesson_types_listens_on_this_machine_as_everything_does():
    typed = "runserver --noreload 0.0.0.0:8000"
    assert with_address(LocalMachine(), typed) == "runserver --noreload 127.0.0.1:8000"
    assert with_address(VagrantMachine("lxc"), typed) == typed
