"""A machine from nothing to nothing: `destroy` leaves no container, bridge, process, key or file outside the clone."""

import hashlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path

import pytest

from deploylab.cli import options
from deploylab.core import paths
from deploylab.core.errors import MachineError
from deploylab.core.progress import Progress
from deploylab.machine import choose, lost, lxc
from deploylab.machine.vagrant import VagrantMachine
from tests import host
from tests.waiting import until


@pytest.fixture
def clone(tmp_path):
    """The variables of a clone with a state of its own, and a home and a folder for temporary files that are empty.

    Its folder has a space and letters beyond ASCII, as anybody's may.
    """
    short = Path(tempfile.mkdtemp(prefix="lab"))  # sockets have short paths
    own = {"HOME": tmp_path / "home", "TMPDIR": short, "DEPLOYLAB_STATE": tmp_path / "mi año ☕"}
    own |= {f"XDG_{kind}_HOME": tmp_path / "home" / kind for kind in ("CACHE", "CONFIG", "DATA", "STATE")}
    own["HOME"].mkdir()
    yield {name: str(path) for name, path in own.items()}
    shutil.rmtree(short)


@pytest.fixture
def marks(clone):
    """What everything of this clone bears in its name, its command line or its environment."""
    return hashlib.sha256(clone["DEPLOYLAB_STATE"].encode()).hexdigest()[:6], clone["DEPLOYLAB_STATE"]


def in_its_folders(clone) -> list[str]:
    return [str(path) for name in ("HOME", "TMPDIR") for path in Path(clone[name]).rglob("*")]


@pytest.mark.thorough
@pytest.mark.machine
def test_a_life_from_nothing_to_nothing(machine, lab, clone, marks):
    """Another machine beside the tests' own: made, halted, brought back at its address, destroyed."""
    before = host.shared()
    assert not host.of_clone(*marks)
    try:
        up = lab("up", "--yes", **clone)
        assert up.returncode == 0, up.stderr
        lives = host.of_clone(*marks)
        assert len(lives["containers"]) == 1 and lives["processes"] and lives["files"]
        address = json.loads(lab("status", "--json", **clone).stdout)["machine"]["host"]
        assert address != machine.host
        assert lab("halt", **clone).returncode == 0
        assert json.loads(lab("status", "--json", **clone).stdout)["machine"]["running"] is False
        assert lab("check", **clone).returncode == 1
        assert lab("up", **clone).returncode == 0
        assert json.loads(lab("status", "--json", **clone).stdout)["machine"]["host"] == address
    finally:
        gone = lab("destroy", "--yes", **clone)
    assert gone.returncode == 0
    assert not host.of_clone(*marks)
    assert {kind: there - before[kind] for kind, there in host.shared().items() if there - before[kind]} == {}
    assert in_its_folders(clone) == []
    assert json.loads((Path(clone["DEPLOYLAB_STATE"]) / "owned.json").read_text()) == {}
    assert machine.answers()  # the other machine never noticed


@pytest.mark.thorough
@pytest.mark.machine
@pytest.mark.parametrize(("stop", "number", "status"), [
    (os.killpg, signal.SIGINT, 130),                # Ctrl-C goes to all that runs at the terminal
    (os.kill, signal.SIGKILL, -signal.SIGKILL),     # to ours alone: Vagrant must go with it
])
def test_a_machine_that_was_stopped_half_made_is_destroyed_too(machine, lab, clone, marks, stop, number, status):
    process = subprocess.Popen(
        [sys.executable, "-m", "deploylab.cli", "up", "--yes"], cwd=paths.ROOT, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        env={**os.environ, **clone, "PYTHONPATH": str(paths.ROOT)})
    try:
        until(lambda: "containers" in host.of_clone(*marks), "no container comes", seconds=300)
    finally:
        stop(process.pid, number)
        process.wait(300)
        shutil.rmtree(clone["DEPLOYLAB_STATE"])  # `git clean -fdx` takes all that was known of it
        gone = lab("destroy", "--yes", **clone)
    assert process.returncode == status
    assert gone.returncode == 0 and "There is no machine" not in gone.stdout
    assert not host.of_clone(*marks) and in_its_folders(clone) == []


@pytest.mark.thorough
@pytest.mark.machine
def test_who_still_makes_a_guest_is_ended_before_its_folder_goes(machine, tmp_path):
    """Its template unpacks on when Vagrant was killed: a folder that is taken away under it comes back."""
    if machine.provider != "lxc":
        pytest.skip("makes half a container")
    guest = f"{machine.name}-half"
    template, folder = tmp_path / "lxc-template", lxc.disk(guest).parent
    template.write_text(f"while :; do mkdir -p {folder}/rootfs; (cd {folder}/rootfs && sleep 1; touch a.$$); done")
    others = set(subprocess.run(["lxc-ls", "-1"], capture_output=True, text=True).stdout.split())
    command = [*lxc.root(), "sh", template, f"--name={guest}", "--path=/x"]
    with subprocess.Popen(command, start_new_session=True) as maker:
        try:
            until((folder / "rootfs").exists)
            lxc.destroy(guest)
            assert not folder.exists() and maker.wait(5)
        finally:
            maker.kill()
    assert not host.of_clone(guest)
    assert set(subprocess.run(["lxc-ls", "-1"], capture_output=True, text=True).stdout.split()) == others


def test_a_machine_that_does_not_come_up_is_known_to_destroy(tmp_path, monkeypatch):
    class Broken:
        def up(self, progress):
            raise MachineError("It did not boot.", "./lab destroy")

    monkeypatch.setenv("DEPLOYLAB_STATE", str(tmp_path))
    choice = choose.Choice("vagrant", "virtualbox", "a test")
    monkeypatch.setattr(choose, "choose", lambda: choice)
    monkeypatch.setattr("deploylab.machine.open_machine", lambda choice: Broken())
    with pytest.raises(MachineError):
        options.ensure_machine(yes=True, progress=Progress("test"))
    assert choose.saved() == choose.Choice("vagrant", "virtualbox", "used before")


def test_a_machine_whose_state_was_deleted_is_found_by_its_name(tmp_path, monkeypatch):
    """test_a_machine_that_was_stopped_half_made_is_destroyed_too destroys such a one; `up` does so first."""
    class Discarded(Exception):
        pass

    def discard(self, progress):
        raise Discarded

    monkeypatch.setenv("DEPLOYLAB_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(lxc, "network", nullcontext)
    monkeypatch.setattr(lxc, "exists", lambda guest: (tmp_path / guest).exists())
    monkeypatch.setattr(VagrantMachine, "discard", discard)
    machine = VagrantMachine("lxc")
    assert lost() is None
    (tmp_path / machine.name).mkdir()
    assert lost().name == machine.name
    with pytest.raises(Discarded):
        machine.up(Progress("test"))
    note = tmp_path / "state" / "machines" / "machines" / "web" / "lxc" / "id"
    note.parent.mkdir(parents=True)
    note.touch()
    assert lost() is None and not VagrantMachine("virtualbox").is_lost()


# A network, processes and folders of its own: the bridge of this computer is others' too.
ALONE = """set -e
mount -t sysfs sysfs /sys
for folder in /run/lxc /var/lib/misc; do mkdir -p $folder; mount -t tmpfs tmpfs $folder; done
exec "$@"
"""
HANGS = "ip link add guest0 type veth; ip link set guest0 master " + lxc.BRIDGE
UP = "from deploylab.machine import lxc\nwith lxc.network(): pass"
# The last other clone leaves while one starts its guest, which does not use the bridge yet.
MEANWHILE = "from deploylab.machine import lxc\nwith lxc.network(): lxc.remove_network()"
DOWN = "from deploylab.machine import lxc; lxc.remove_network()"
# dnsmasq is told to end, and nobody waits for it: so for five seconds it may be there without its bridge.
SEEN = f"""for _ in $(seq 50); do
    [ -e /sys/class/net/{lxc.BRIDGE} ] || ! pgrep -x dnsmasq >/dev/null && break
    sleep 0.1
done
printf '%s ' $(ls /sys/class/net | grep -c {lxc.BRIDGE}) $(pgrep -c dnsmasq) \\
    $(iptables-save | grep -c ^-A) $(find /run/lxc -type f | wc -l); echo"""


@pytest.mark.thorough
@pytest.mark.machine
@pytest.mark.parametrize(("steps", "bridge_after_each"), [
    ([UP, HANGS, DOWN, "ip link del guest0", DOWN], [1, 1, 1, 1, 0]),  # the first clone goes, then the last
    ([UP, DOWN, DOWN, UP, DOWN], [1, 0, 0, 1, 0]),
    ([MEANWHILE, DOWN], [1, 0]),
    ([f"{lxc.LXC_NET} start", UP, DOWN], [1, 1, 1]),                   # it was there before any clone
])
def test_the_last_to_go_takes_the_bridge_away_and_leaves_another_ones(machine, steps, bridge_after_each, tmp_path):
    """The real bridge with its dnsmasq and its rules, in a network of its own."""
    commands = [f"{sys.executable} -c {shlex.quote(step)}" if "import" in step else f"{step} >/dev/null 2>&1 </dev/null"
                for step in steps]
    script = "\n".join(f"{command}\n{SEEN}" for command in [":", *commands])
    alone = [*lxc.root(), "unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
    done = subprocess.run([*alone, "sh", "-c", ALONE, "sh", "sh", "-c", script], capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(paths.ROOT)}, timeout=300)
    before, *after = [[int(n) for n in line.split()] for line in done.stdout.splitlines()]
    assert [numbers[0] for numbers in after] == bridge_after_each, done.stderr
    assert before == [0, 0, 0, 0]
    for there in after:  # bridge, dnsmasq, rules of the firewall and files go together
        assert there == before if not there[0] else all(there)
