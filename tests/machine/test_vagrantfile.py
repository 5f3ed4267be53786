"""The Vagrantfile, as Vagrant evaluates it for each hypervisor. The guest on LXC has tests of its own."""

import json
import os
import shutil
import subprocess

import pytest

from deploylab.core import paths
from deploylab.machine import box, choose, lxc

HYPERVISORS = sorted(set(choose.PROVIDERS) - {"lxc"})


LAYER = 'mount -t overlay overlay -o "lowerdir=$0:/usr" /usr && exec "$@"'
RIGHT = "%w[virtualbox parallels].include?(provider)"  # who takes a name; libvirt makes one of the folder's
WRONG = "%w[virtualbox parallels libvirt].include?(provider)"


@pytest.fixture(scope="module")
def environment(machine, tmp_path_factory):
    """For calls of Vagrant that know of no machine. The real one sees to it that Vagrant is there."""
    own = tmp_path_factory.mktemp("home")
    return {**os.environ, "VAGRANT_HOME": str(own), "VAGRANT_DOTFILE_PATH": str(own / "machines"),
            "VAGRANT_CHECKPOINT_DISABLE": "1", "VAGRANT_DEFAULT_PROVIDER": "libvirt"}


@pytest.fixture(scope="module")
def evaluated(environment):
    """{provider: what is asked of it}."""
    return evaluation(environment, *HYPERVISORS)


@pytest.fixture(scope="module")
def with_libvirt(machine, tmp_path_factory):
    """What a command begins with that shall see vagrant-libvirt, as the distribution has it.

    It is not installed: it lies in a layer over /usr, which this command alone has. Whoever works on this computer
    meanwhile would be offered libvirt else.
    """
    folder, layer = tmp_path_factory.mktemp("packages"), tmp_path_factory.mktemp("layer")
    plan = subprocess.run(["apt-get", "install", "-s", "-q", "--no-install-recommends", "vagrant-libvirt"], text=True,
                          capture_output=True, check=True).stdout
    names = [line.split()[1] for line in plan.splitlines() if line.startswith("Inst ")]
    if names:
        subprocess.run(["apt-get", "download", "-q", *names], cwd=folder, check=True, capture_output=True)
    for package in sorted(folder.glob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", package, layer], check=True)
    (layer / "usr").mkdir(exist_ok=True)
    return [*lxc.root(), "unshare", "--mount", "sh", "-c", LAYER, str(layer / "usr")]


def evaluation(environment, *providers, before=()):
    """What the Vagrantfile asks of each of these providers."""
    ruby = shutil.which("ruby") or pytest.fail("Vagrant is there, and no ruby")
    done = subprocess.run([*before, ruby, paths.ROOT / "tests/vagrantfile.rb", *providers], cwd=paths.ROOT, text=True,
                          capture_output=True, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.thorough
@pytest.mark.machine
@pytest.mark.parametrize("provider", HYPERVISORS)
def test_a_hypervisor_gets_the_pinned_box_and_a_network_of_its_own(evaluated, provider):
    config, settings = evaluated[provider], box.settings()
    assert (config["box"], config["version"]) == (settings["public_box"], settings["public_version"])
    assert config["hostname"] == "web" and config["folders"] == []
    networks = {kind: options for kind, options in config["networks"]}
    assert networks["private_network"]["type"] == "dhcp"
    # Vagrant's own port for ssh is the only one, on loopback, and another where it is taken.
    assert [kind for kind, _ in config["networks"]].count("forwarded_port") == 1
    forwarded = networks["forwarded_port"]
    assert (forwarded["guest"], forwarded["host_ip"], forwarded["auto_correct"]) == (22, "127.0.0.1", True)


@pytest.mark.thorough
@pytest.mark.machine
@pytest.mark.parametrize("provider", HYPERVISORS)
def test_a_hypervisor_leaves_a_processor_to_the_load(evaluated, provider):
    fits(evaluated[provider]["asked"])


@pytest.mark.thorough
@pytest.mark.machine
def test_libvirts_own_plug_in_takes_the_vagrantfile(with_libvirt, environment, tmp_path):
    """And it would not take just anything."""
    fits(evaluation(environment, "libvirt", before=with_libvirt)["libvirt"]["asked"])
    validate = [*with_libvirt, "vagrant", "validate"]
    done = subprocess.run(validate, cwd=paths.ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "Vagrantfile validated successfully.\n"), done.stderr
    text = (paths.ROOT / "Vagrantfile").read_text(encoding="utf-8")
    assert RIGHT in text
    (tmp_path / "Vagrantfile").write_text(text.replace(RIGHT, WRONG), encoding="utf-8")
    shutil.copytree(paths.PROVISIONING / "box", tmp_path / "provisioning" / "box")
    done = subprocess.run(validate, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and "Libvirt Provider:\n* The following settings shouldn't exist: name" in done.stderr


def fits(asked):
    """The plug-in was asked for what the box says, knows all of it, and leaves a processor to the load."""
    assert asked["memory"] == box.settings()["memory_mb"] and not asked.get("unknown")
    assert 1 <= asked["cpus"] <= max(1, os.cpu_count() - 1)
