"""Who can reach what: sockets of this computer and of the machine, keys, passwords, and where they must not be seen."""

import ipaddress
import json
import os
import re
import subprocess
import threading
import time
from pathlib import Path

import pytest
import requests

from deploylab import course as courses
from deploylab.core import paths
from deploylab.machine import box, lxc
from deploylab.machine.doctor import PROBLEM
from deploylab.provision import converge
from tests import jupyter, secrecy

COURSE = courses.load()
STAGE = "nginx"  # it has both secrets: Django's key and the database's password
SECRET_FILES = ("/etc/deploylab/secret-key.env", "/etc/deploylab/mariadb.env")
PRIVATE = {path for target in COURSE.all_targets for path in target.expect.get("private", ())}
# What an honest site over plain HTTP is told by `check --deploy`: there is no TLS here, and the guides say so.
ABOUT_TLS = {"security.W004", "security.W008", "security.W012", "security.W016"}


# -- this computer ----------------------------------------------------------------------


def descendants(of: int) -> set[int]:
    """The numbers of all processes that came from this one, and its own."""
    rows = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = {int(pid): int(ppid) for pid, ppid in (row.split() for row in rows.splitlines())}
    found = {of}
    while more := {pid for pid, ppid in parents.items() if ppid in found} - found:
        found |= more
    return found


def listening(of: int) -> set[str]:
    """The addresses on which a process or one that came from it listens."""
    ours = descendants(of)
    rows = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout.splitlines()
    return {row.split()[3].rpartition(":")[0] for row in rows
            if ours & {int(pid) for pid in re.findall(r"pid=(\d+)", row)}}


def command_lines() -> set[str]:
    """What everybody on this computer can read of every process; a guest on LXC is no secret to it."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.add(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:  # it ended meanwhile
            continue
    return found


@pytest.mark.slow
def test_jupyterlab_is_for_whoever_has_its_token_and_sits_here(tmp_path):
    """It makes a token of its own, new at each start; the kernels are on loopback too."""
    with jupyter.opened(tmp_path, "--recorded", JUPYTER_TOKEN="") as address:
        [token] = set(re.findall(r"token=(\w+)", (tmp_path / "log").read_text()))
        site = address.partition("/lab")[0]
        assert len(token) >= 40
        for path in ("api/contents", "api/kernels", "api/sessions", "api/terminals", "files/00_the_lab.ipynb"):
            for wrong in ({}, {"Authorization": "token "}, {"Authorization": f"token {token[:-1]}0x"}):
                answer = requests.get(f"{site}/{path}", headers=wrong, allow_redirects=False, timeout=10)
                assert answer.status_code in (302, 403), path
                assert answer.status_code == 403 or "/login" in answer.headers["Location"]
        mine = {"Authorization": f"token {token}"}
        assert requests.get(f"{site}/api/contents", headers=mine, timeout=10).ok
        # A name of somebody's own that leads to 127.0.0.1: a page there would else speak to it.
        other = mine | {"Host": "lab.example"}
        assert requests.get(f"{site}/api/contents", headers=other, timeout=10).status_code == 403
        kernel = requests.post(f"{site}/api/kernels", headers=mine, json={"name": "python3"}, timeout=60).json()["id"]
        channels = requests.get(f"{site}/api/kernels/{kernel}/channels", timeout=10)
        assert channels.status_code == 403
        [connection] = (tmp_path / "runtime").glob(f"kernel-{kernel}.json")
        for path in (connection, *(tmp_path / "runtime").glob("jpserver-*.json")):
            assert path.stat().st_mode & 0o077 == 0, path
        key = json.loads(connection.read_text())["key"]
        assert not secrecy.told({token, key}, *command_lines())
        assert listening(os.getpid()) == {"127.0.0.1"}


@pytest.mark.machine
def test_this_computer_opens_no_way_to_the_guest(machine):
    """The guest is on the bridge, whose network no other computer has; no port of this one is handed on to it."""
    said = subprocess.run(["ip", "-j", "address", "show", lxc.BRIDGE], capture_output=True, text=True, check=True)
    [bridge] = [one for one in json.loads(said.stdout)[0]["addr_info"] if one["family"] == "inet"]
    network = ipaddress.ip_interface(f"{bridge['local']}/{bridge['prefixlen']}").network
    assert network.is_private and ipaddress.ip_address(machine.host) in network
    rules = subprocess.run([*lxc.root(), "iptables-save"], capture_output=True, text=True, check=True).stdout
    assert f"-s {network}" in rules and not re.search(r"-j (DNAT|REDIRECT|NETMAP)", rules)
    assert machine.host not in rules
    assert not [line for line in command_lines() if line.startswith("redir ") and machine.host in line]
    rows = subprocess.run(["ss", "-Hlntup"], capture_output=True, text=True, check=True).stdout.splitlines()
    [dnsmasq] = {row.split()[4].rpartition(":")[0] for row in rows if "dnsmasq" in row and ":67 " not in row}
    assert dnsmasq == bridge["local"]


# -- the machine ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def anew(machine):
    """Both secrets made anew, seen by whoever looks on: the old ones, the new ones, all that was seen of processes."""
    converge.to_stage(machine, COURSE, STAGE)
    before = secrecy.of(machine)
    machine.check_output(f"rm {' '.join(SECRET_FILES)}", sudo=True)
    seen, sockets, over = set(), set(), threading.Event()

    def look_on():
        while not over.is_set():
            seen.update(command_lines())
            time.sleep(0.02)

    def look_at_sockets():
        while not over.wait(0.5):
            sockets.update(listening(os.getpid()))

    lookers = [threading.Thread(target=look) for look in (look_on, look_at_sockets)]
    for looker in lookers:
        looker.start()
    try:
        made = converge.to_stage(machine, COURSE, STAGE)
    finally:
        over.set()
        for looker in lookers:
            looker.join()
    assert {"Secret DJANGO_SECRET_KEY", "Secret DJANGO_MYSQL_PASSWORD"} <= set(made.changes)
    return before, secrecy.of(machine), seen, sockets


@pytest.mark.machine
def test_secrets_are_made_anew_where_they_are_gone(anew):
    before, after, _, _ = anew
    assert len(after - before) == len(SECRET_FILES)


@pytest.mark.machine
def test_no_process_was_called_with_a_secret(anew):
    """Not while they are made either. The database's client was among what was seen, so looking on was quick enough."""
    _, secrets, seen, _ = anew
    assert any("deploylab.provision.worker" in line for line in seen)
    assert any(re.search(r"\bmariadb\b", line) for line in seen) and any("migrate --check" in line for line in seen)
    assert not secrecy.told(secrets, *seen)


@pytest.mark.machine
def test_what_we_start_here_listens_on_loopback_alone(anew):
    assert anew[3] <= {"127.0.0.1", "[::1]"}


@pytest.mark.machine
def test_no_log_and_no_result_has_a_secret(machine, anew, lab, tmp_path):
    """All that this clone wrote, and what is told to whoever helps. test_full_run.py asks it of a whole run."""
    commands = [("measure", STAGE, "--view", "page", "--seconds", "1", "--repeats", "1"), ("check", STAGE, "--json"),
                ("status", "--deep"), ("doctor", "--json")]
    told = [lab(*words, DEPLOYLAB_RESULTS=str(tmp_path)) for words in commands]
    assert [one.returncode for one in told[:-1]] == [0, 0, 0]
    missing = {one["name"] for one in json.loads(told[-1].stdout)["findings"] if one["state"] == PROBLEM}
    assert missing <= {"Python index", "packages"}  # each is asked once, and a busy network may be late
    assert list(tmp_path.rglob("runs.jsonl"))
    secrets = anew[1]
    assert secrecy.holders(secrets, tmp_path, paths.state_dir() / "log", paths.results_dir()) == []
    assert not secrecy.told(secrets, *(one.stdout + one.stderr for one in told))
    (tmp_path / "planted").write_text(f"DJANGO_SECRET_KEY={min(secrets)}")
    assert secrecy.holders(secrets, tmp_path) == [str(tmp_path / "planted")]


@pytest.mark.machine
def test_the_machine_keeps_its_secrets_in_files_of_root_and_the_application(machine, anew):
    """Everywhere where it keeps text, its own logs among them. The words to look for go in by standard input."""
    words = "\n".join(secret for secret in anew[1] if secret != box.key().read_text().splitlines()[3]).encode()
    where = "/etc /srv /var/log /var/www /usr/local /home /root /tmp /run /opt"
    found = machine.run(f"grep -rlIF -D skip -f - {where} 2>/dev/null; true", sudo=True, stdin=words).out.split()
    modes = machine.check_output(f"stat -c '%a %U %G %n' {' '.join(found)}", sudo=True).splitlines()
    rights = {name: (mode, owner, group) for mode, owner, group, name in (line.split() for line in modes)}
    assert set(SECRET_FILES) <= set(rights) <= PRIVATE | {"/etc/varnish/secret"}
    for path, (mode, owner, group) in rights.items():
        assert owner == "root" and mode in ("640", "600") and group in ("deploylab", "root"), path
    assert not machine.run(f"cat {SECRET_FILES[0]}").ok, "a user of the machine must not read it"
    assert machine.run("journalctl -q --no-pager | grep -cF -f /dev/fd/3 3<&0", sudo=True, stdin=words).out == "0\n"


@pytest.mark.machine
def test_the_machine_listens_with_what_the_course_has_and_ssh(machine, anew):
    rows = machine.check_output("ss -Hlntu").splitlines()
    beyond = [(row.split()[0], *row.split()[4].rsplit(":", 1)) for row in rows]
    here = ("127.", "[::1]")
    beyond = {(kind, int(port)) for kind, address, port in beyond if not address.startswith(here)}
    ports = {*(target.port for target in COURSE.all_targets), *converge.EXTRA_PORTS.values()}
    assert ("tcp", COURSE.stage(STAGE).port) in beyond
    assert beyond <= {("tcp", port) for port in ports} | {("tcp", 22), ("udp", 68)}  # 68: how it is given its address
    links = json.loads(machine.check_output("ip -j address"))
    assert [link["ifname"] for link in links if "LOOPBACK" not in link["flags"]] == ["eth0"]


@pytest.mark.machine
def test_the_machine_is_opened_by_this_clones_key_alone(machine):
    key = box.key()
    assert key.stat().st_mode & 0o077 == 0
    public = key.with_suffix(".pub").read_text().split()[1]
    keys = machine.check_output("cat /home/*/.ssh/auth*_keys /root/.ssh/auth*_keys 2>/dev/null; true", sudo=True)
    assert [line.split()[1] for line in keys.splitlines()] == [public]
    can = machine.check_output("passwd -Sa | awk '$2 == \"P\" || $2 == \"NP\"'", sudo=True)
    assert can == "", "a password lets somebody in"
    sshd = machine.check_output("sshd -T", sudo=True).splitlines()
    assert {"passwordauthentication no", "kbdinteractiveauthentication no", "permitrootlogin no",
            "permitemptypasswords no"} <= set(sshd)


@pytest.mark.machine
def test_the_box_brings_no_key_of_a_server(machine):
    """Each guest makes its own at its first boot, or one could play the other."""
    inner = subprocess.Popen(["tar", "-xOf", box.path(), "rootfs.tar.gz"], stdout=subprocess.PIPE)
    names = subprocess.run(["tar", "-tz"], stdin=inner.stdout, capture_output=True, text=True, check=True).stdout
    inner.stdout.close()
    assert inner.wait() == 0 and "/etc/ssh/sshd_config" in names and "ssh_host_" not in names
    assert "ssh_host_ed25519_key" in machine.check_output("ls /etc/ssh")


@pytest.mark.machine
def test_django_misses_nothing_but_tls(machine, anew):
    """With the stage's own environment, as its server has it."""
    said = machine.check_output(f"deploylab-manage {STAGE} check --deploy 2>&1", sudo=True)
    assert set(re.findall(r"\((\w+\.[WE]\d+)\)", said)) == ABOUT_TLS, said
