"""The small programs that the deploys put on the machine, tried on this computer."""

import os
import subprocess
import sys
import time

import pytest

from deploylab.core import paths

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
