"""doctor: each thing of a computer is found as it is, with a cure, and what is sent on names nobody."""

import getpass
import json
import os
import socket
import ssl
import subprocess
import sys

import pytest
from lab_helpers import make_wheel, serving

from deploylab.core import paths
from deploylab.core.errors import HostError
from deploylab.machine import choose, doctor, local, lxc
from deploylab.machine.doctor import NOTE, OK, PROBLEM, Finding, hypervisors, reach, resources, share

GB = 1_000_000_000


def meminfo(all_gb, free_gb):
    return f"MemTotal: {int(all_gb * 1e6 / 1.024)} kB\nMemFree: 1 kB\nMemAvailable: {int(free_gb * 1e6 / 1.024)} kB\n"


@pytest.mark.parametrize(("look", "said", "state"), [
    (lambda: resources.python((3, 10)), "3.10", PROBLEM),
    (lambda: resources.python((3, 13)), "3.13", OK),
    (lambda: resources.processors(1), "1", NOTE),
    (lambda: resources.processors(2), "the guest gets 1", OK),
    (lambda: resources.processors(8), "the guest gets 2", OK),
    (lambda: resources.memory(meminfo(2, 1.5)), "2.00 GB", PROBLEM),
    (lambda: resources.memory(meminfo(8, 2)), "2.00 GB free", NOTE),
    (lambda: resources.memory(meminfo(8, 6)), "6.00 GB free", OK),
    (lambda: resources.disk(GB), "1.00 GB free, 3.00 GB needed", PROBLEM),
    (lambda: resources.disk(50 * GB), "50.0 GB free", OK),
    (lambda: resources.busy(99), "99.0 programs", NOTE),
    (lambda: resources.busy(0.0), "0.0 programs", OK),
    (lambda: reach.vpn(["eth0", "lo"], "default via 192.0.2.1 dev eth0"), "none found", OK),
    (lambda: reach.vpn(["eth0", "tun0"], ""), "tun0 is up", NOTE),
    (lambda: reach.vpn(["wg0"], "10.0.3.0/24 dev wg0"), "10.0.3.0/24 is taken", PROBLEM),
    (lambda: reach.vpn(["lxcbr0"], "10.0.3.0/24 dev lxcbr0 proto kernel"), "none found", OK),
])
def test_a_thing_is_found_as_it_is(look, said, state):
    finding = look()
    assert (finding.state, said in finding.seen) == (state, True), finding
    assert bool(finding.cure) == (state != OK)


def test_a_laptop_on_its_battery(tmp_path):
    assert resources.power(tmp_path).seen == "no battery"
    (tmp_path / "BAT0").mkdir()
    (tmp_path / "BAT0/status").write_text("Discharging\n")
    assert resources.power(tmp_path).state == NOTE
    (tmp_path / "BAT0/status").write_text("Charging\n")
    assert resources.power(tmp_path).state == OK


def test_a_taken_port_is_no_problem_and_is_said():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        assert resources.port(number).state == NOTE
    assert resources.port(number).state == OK


def test_two_hypervisors_in_each_other_s_way(tmp_path, monkeypatch):
    modules = tmp_path / "modules"
    modules.write_text("kvm_amd 155648 1 - Live 0x0\n")
    monkeypatch.setattr(hypervisors.shutil, "which", lambda name: None)
    assert hypervisors.conflicts(modules, "qemu-system-x86_64 -m 1").state == OK  # no VirtualBox, no conflict
    monkeypatch.setattr(hypervisors.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert hypervisors.conflicts(modules, "qemu-system-x86_64 -m 1").state == PROBLEM
    assert hypervisors.conflicts(modules, "bash").state == OK


def test_without_vagrant_the_cure_is_the_platform_s(monkeypatch):
    def nothing():
        raise HostError("Vagrant with a provider is not installed.", choose.INSTALL_BY_HAND["Darwin"])

    monkeypatch.setattr(choose, "choose", nothing)
    finding = hypervisors.vagrant()
    assert finding.state == PROBLEM and "brew install" in finding.cure


def test_missing_packages_are_a_note_and_not_a_problem(monkeypatch):
    monkeypatch.setattr(choose, "choose", lambda: choose.Choice("vagrant", "lxc", "it can", ("vagrant", "lxc")))
    finding = hypervisors.vagrant()
    assert finding.state == NOTE and "2 packages" in finding.seen and "./lab up" in finding.cure


@pytest.mark.parametrize(("others", "state"), [([], PROBLEM), (["libvirt"], NOTE)])
def test_no_lxc_is_a_problem_only_where_nothing_else_is_there(monkeypatch, others, state):
    monkeypatch.setattr(lxc, "kernel_lacks", lambda: "this kernel has no network bridges")
    monkeypatch.setattr(choose, "usable_providers", lambda: others)
    monkeypatch.setattr(local, "is_container", lambda: "")
    finding = hypervisors.lxc_ability()
    assert finding.state == state and "bridges" in finding.seen


def test_in_a_container_no_lxc_is_no_problem_where_it_can_be_the_machine_itself(monkeypatch):
    monkeypatch.setattr(lxc, "kernel_lacks", lambda: "control groups are not mounted")
    monkeypatch.setattr(choose, "usable_providers", lambda: [])
    monkeypatch.setattr(local, "is_container", lambda: "this is a container")
    monkeypatch.setattr(local, "lacks", lambda: "")
    assert hypervisors.lxc_ability().state == NOTE and "--machine local" in hypervisors.lxc_ability().cure
    monkeypatch.setattr(choose, "choose", lambda: choose.Choice("local", "", "this is a container"))
    assert hypervisors.vagrant().state == OK and "this computer itself" in hypervisors.vagrant().seen
    monkeypatch.setattr(local, "lacks", lambda: "it needs root")
    assert hypervisors.lxc_ability().state == PROBLEM


@pytest.fixture
def pip(monkeypatch):
    """Let pip ask this index, and know of no other."""
    def use(url: str, **more: str) -> None:
        for name in [name for name in os.environ if name.startswith("PIP_") or name.endswith("_CA_BUNDLE")]:
            monkeypatch.delenv(name)
        for name, text in {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": url, **more}.items():
            monkeypatch.setenv(name, text)
    return use


@pytest.fixture
def store(tmp_path):
    """An index with a package of the name that pip asks for."""
    (tmp_path / "store/simple/pip").mkdir(parents=True)
    make_wheel(tmp_path / "store/simple/pip", "pip", "1.0")
    (tmp_path / "store/simple/pip/index.html").write_text('<!DOCTYPE html><a href="pip-1.0-py3-none-any.whl">pip</a>')
    return tmp_path / "store"


@pytest.mark.slow
def test_pip_asks_the_index_that_it_was_told(pip, store):
    with serving(store) as url:
        pip(f"{url}/simple")
        assert reach.index().state == OK and reach.index().seen.startswith("127.0.0.1 answers in ")
        pip(f"{url}/nothing")
        assert reach.index().state == PROBLEM and "127.0.0.1: 404" in reach.index().seen
    pip("http://user:pw@127.0.0.1:1/simple", PIP_FIND_LINKS=str(store / "simple/pip"))
    down = reach.index()
    assert down.state == PROBLEM and down.seen == "127.0.0.1: [Errno 111] Connection refused" and "bundle" in down.cure
    for told in {"PIP_NO_INDEX": "1"}, {"PIP_INDEX_URL": (store / "simple").as_uri()}:
        pip("http://127.0.0.1:1/simple", PIP_FIND_LINKS=str(store / "simple/pip"), **told)
        assert reach.index().state == OK and "no network needed" in reach.index().seen


@pytest.mark.slow
def test_an_index_and_a_mirror_whose_certificate_nobody_trusts(pip, store, tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", tmp_path / "key", "-out", tmp_path / "cert", "-days", "1", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    with serving(store, context=context) as url:
        url = url.replace("127.0.0.1", "localhost")
        pip(f"{url}/simple")
        for finding in reach.index(), reach._reached("packages", url):
            assert finding.state == PROBLEM and "certificate is not trusted (self" in finding.seen
            assert finding.seen.startswith("localhost: ") and "update-ca-certificates" in finding.cure
        pip(f"{url}/simple", PIP_CERT=str(tmp_path / "cert"))
        assert reach.index().state == OK


def test_a_mirror_that_answers_something_and_one_that_does_not(store):
    with serving(store) as url:
        assert reach._reached("packages", url).state == reach._reached("packages", f"{url}/nothing").state == OK
    assert "Connection refused" in reach._reached("packages", url).seen


def test_a_look_that_breaks_is_said_and_the_next_goes_on():
    def broken():
        raise OSError("no such thing")

    first, second = doctor.examine([broken, lambda: Finding("b", OK, "there")])
    assert (first.name, first.state) == ("broken", NOTE) and "no such thing" in first.seen
    assert second.seen == "there"


def test_what_is_sent_on_names_no_person_no_host_and_no_folder(monkeypatch):
    monkeypatch.setattr(getpass, "getuser", lambda: "somebody")
    monkeypatch.setattr(socket, "gethostname", lambda: "their-laptop")
    text = doctor.text([
        Finding("proxy", OK, "https: http://somebody:secret@proxy.example:3128"),
        Finding("Python index", PROBLEM, "packages.example: refused", "join another network"),
        Finding("disk", OK, f"{paths.ROOT} on their-laptop, 192.0.2.7, somebody"),
    ])
    assert text.startswith("deploylab on this computer: 1 to solve, 0 worth knowing, 2 in order.")
    for word in ("secret", "proxy.example", "packages.example", "192.0.2.7", "their-laptop", "somebody"):
        assert word not in text
    assert str(paths.ROOT) not in text
    assert "join another network" in text and share.without_names("3.11 of 4") == "3.11 of 4"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become an account that is not there")
def test_an_account_without_a_name_and_a_home_can_send_its_findings():
    """As in a container that runs under a bare number (`docker run --user 54321`)."""
    script = ("import os; from deploylab.machine import doctor; os.environ.clear(); os.setuid(54321); "
              "print(doctor.text([doctor.Finding('disk', doctor.OK, 'somewhere')]))")
    done = subprocess.run([sys.executable, "-B", "-c", script], capture_output=True, text=True,
                          env={"PYTHONPATH": str(paths.ROOT)})
    assert (done.returncode, done.stderr) == (0, "") and "disk: somewhere" in done.stdout


def test_this_computer_is_looked_at_and_the_status_says_what_came_out(lab, tmp_path):
    done = lab("doctor", "--json", "--share", DEPLOYLAB_RESULTS=str(tmp_path))
    document = json.loads(done.stdout)
    assert [finding["name"] for finding in document["findings"]][:3] == ["system", "Python", "Vagrant"]
    assert len(document["findings"]) == len(doctor.PROBES)
    problems = [finding for finding in document["findings"] if finding["state"] == PROBLEM]
    assert done.returncode == (1 if problems else 0) and document["ready"] is not bool(problems)
    assert all(finding["cure"] for finding in problems)
    assert (tmp_path / "doctor.txt").read_text().count("\n") >= len(document["findings"])
