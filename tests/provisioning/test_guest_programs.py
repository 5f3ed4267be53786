"""The small programs that the deploys put on the machine, tried on this computer."""

import os
import re
import subprocess
import sys
import time

import pytest

from deploylab import course as courses
from deploylab.core import paths

COURSE = courses.load()
LIB = paths.PROVISIONING / "files/usr/local/lib/deploylab"


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


@pytest.fixture
def guard(tmp_path):
    """`guard` on somebody's own computer that is a folder, with a systemctl that knows only what starts at boot."""
    enabled, bin_ = tmp_path / "enabled", tmp_path / "bin"
    bin_.mkdir()
    enabled.write_text("nginx\n")
    (tmp_path / "packages").touch()
    (bin_ / "systemctl").write_text(f"""#!/bin/sh
case $2 in is-enabled) grep -qx "$3" {enabled} ;; disable) sed -i "/^$3$/d" {enabled} ;; esac
""")
    (bin_ / "systemctl").chmod(0o755)
    text = (LIB / "guard").read_text()
    for folder in ("/usr/sbin/", "/var/lib/deploylab/"):
        text = text.replace(f"={folder}", f"={tmp_path}/")
    (tmp_path / "guard").write_text(text.replace("PATH=/usr/local/sbin:", f"PATH={bin_}:/usr/local/sbin:"))

    def run(word: str) -> list[str]:
        subprocess.run(["sh", tmp_path / "guard", word], check=True)
        return enabled.read_text().split()

    run.enabled, run.folder = enabled, tmp_path
    return run


def test_a_server_that_comes_with_a_package_does_not_start_at_boot_and_one_that_was_there_still_does(guard):
    guard("on")
    assert (guard.folder / "policy-rc.d").read_text().endswith("exit 101\n")
    guard.enabled.write_text("nginx\napache2\nmariadb\nrsync\n")  # what the packages' own scripts do
    guard("on")  # a second time, as apt does within `install`
    assert guard("off") == ["nginx", "rsync"], "only servers of the course are asked about"
    assert sorted(path.name for path in guard.folder.iterdir()) == ["bin", "enabled", "guard", "packages"]


def test_on_a_machine_where_nothing_was_enabled_every_server_that_comes_is_disabled(guard):
    guard.enabled.write_text("")
    guard("on")
    guard.enabled.write_text("varnish\n")
    assert guard("off") == []


def test_on_a_guest_and_without_a_beginning_nothing_is_disabled(guard):
    guard.enabled.write_text("nginx\napache2\n")
    assert guard("off") == ["nginx", "apache2"]
    (guard.folder / "packages").unlink()
    guard("on")
    guard.enabled.write_text("nginx\napache2\nvarnish\n")
    assert guard("off") == ["nginx", "apache2", "varnish"]


def test_all_programs_know_the_same_servers():
    """Those that start at boot; they stop in another order than they start."""
    known = [re.search(pattern, (paths.PROVISIONING / path).read_text())[1].split() for path, pattern in (
        ("files/usr/local/lib/deploylab/guard", 'units="(.*)"'), ("local/arrive", 'units="(.*)"'),
        ("local/leave", r"for unit in (.*); do"))]
    assert sorted(known[0]) == sorted(known[1]) == sorted(known[2])
    assert {unit for stage in COURSE.stages for unit in stage.expect.get("services", ())} <= set(known[0])


def test_leftovers_spares_the_present_converge():
    # Processes of its own: from a host one sees into the machines that are containers on it.
    alone = ["unshare", "--pid", "--fork", "--mount-proc", *([] if os.getuid() == 0 else ["--map-root-user"])]
    script = f"""DEPLOYLAB_CONVERGE=of-a-test sleep 60 & sleep 0.2
        {LIB}/leftovers --check of-a-test; echo $?; {LIB}/leftovers --check another; echo $?; kill $! && echo alive"""
    done = subprocess.run([*alone, "sh", "-c", script], capture_output=True, text=True)
    assert done.stdout.split() == ["0", "1", "alive"], done.stderr


@pytest.mark.parametrize("path", sorted(p for p in LIB.iterdir() if p.read_text().startswith("#!/bin/sh")),
                         ids=lambda path: path.name)
def test_the_shell_programs_parse(path):
    assert subprocess.run(["sh", "-n", path]).returncode == 0
