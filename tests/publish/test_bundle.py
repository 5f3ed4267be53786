"""A bundle: what is in it, that only a whole one for this computer is used, and what then asks no network.

`tests/offline.sh` makes a real one and goes down the road with it, without a network; it takes minutes.
"""

import hashlib
import io
import json
import re
import shutil
import subprocess
import tarfile
from importlib.metadata import distributions
from pathlib import Path

import nbformat
import pytest
from packaging.specifiers import SpecifierSet

from deploylab import bootstrap
from deploylab import course as courses
from deploylab.bootstrap import bundle, environment, get_pip
from deploylab.core import paths
from deploylab.core.errors import HostError
from deploylab.core.progress import Progress
from deploylab.lessons import notebooks
from deploylab.machine import apt, box, network
from deploylab.machine.doctor import reach
from deploylab.publish.bundle import debs, making, target

PARTS = {"begin.sh": b"#!/bin/sh\n", "project.tar.gz": b"project", "host-packages/a_1%3a2_all.deb": b"a" * 3000,
         "guest-packages/Release": b"Suite: trixie\n", "host-wheels/pip-1-py3-none-any.whl": b"wheel",
         "guest-wheels/mysqlclient-2.3.1.tar.gz": b"source"}


@pytest.fixture
def clone(tmp_path, monkeypatch) -> Path:
    """A clone of the project of one's own, as far as a bundle cares."""
    for name in bundle.inputs():
        (tmp_path / "clone" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(paths.ROOT / name, tmp_path / "clone" / name)
    monkeypatch.setattr(paths, "ROOT", tmp_path / "clone")
    monkeypatch.setenv("DEPLOYLAB_STATE", str(tmp_path / "clone" / ".lab"))
    return tmp_path / "clone"


@pytest.fixture
def file(clone, tmp_path) -> Path:
    """A bundle whose parts are too small to be of use, written as a real one is."""
    return written(tmp_path, PARTS)


def written(tmp_path: Path, files: dict[str, bytes], **changed) -> Path:
    work, out = tmp_path / "work", tmp_path / "room.tar"
    for name, content in files.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_bytes(content)
    said = json.loads(making._manifest("lxc/amd64", "c0ffee" * 7, making._parts(work))) | changed
    making._write(json.dumps(said), [making.Part(**part) for part in said["parts"]], work, out, Progress("test"))
    return out


def refused(file: Path) -> HostError:
    with pytest.raises(HostError) as caught:
        bundle.use(file, "./lab run --bundle x")
    assert caught.value.next_step and not list((paths.ROOT / ".lab").glob("bundle*"))  # nothing half unpacked
    return caught.value


# ---------------------------------------------------------------------------------------- the file


def test_the_manifest_comes_first_and_has_the_digest_of_each_part(file):
    with tarfile.open(file) as tar:
        members = tar.getmembers()
        manifest = json.load(tar.extractfile(members[0]))
        assert members[0].name == "manifest.json"
        assert [m.name for m in members[1:]] == [p["path"] for p in manifest["parts"]]
        for part in manifest["parts"]:
            content = tar.extractfile(part["path"]).read()
            assert part["sha256"] == hashlib.sha256(content).hexdigest() and part["n_bytes"] == len(content)
    assert {p["path"] for p in manifest["parts"]} == set(PARTS)
    assert (manifest["for"], manifest["commit"], manifest["inputs"]) == ("lxc/amd64", "c0ffee" * 7, bundle.inputs())
    assert {m.uid for m in members} == {0} and {m.uname for m in members} == {""}  # nothing of who made it


def test_a_whole_one_is_unpacked_and_then_in_use(file):
    progress = []
    assert not bundle.in_use() and bundle.identity() == ""
    assert bundle.use(file, "./lab run", lambda done, of: progress.append((done, of)))
    for name, content in PARTS.items():
        assert (bundle.folder() / name).read_bytes() == content
    assert '"commit": "c0ffeec0ffee' in (bundle.folder() / "manifest.json").read_text()
    assert progress[-1][0] == progress[-1][1] == sum(map(len, PARTS.values()))
    assert bundle.in_use() and len(bundle.identity()) == 12
    assert not bundle.use(file, "./lab run")  # the second time there is nothing to do


def test_what_stops_while_it_is_written_leaves_no_file(clone, tmp_path, monkeypatch):
    monkeypatch.setattr(making.cancel, "check", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    work = tmp_path / "work"
    work.mkdir()
    (work / "a").write_bytes(b"a")
    with pytest.raises(KeyboardInterrupt):
        making._write("{}", [making.Part("a", 1, "")], work, tmp_path / "room.tar", Progress("test"))
    assert not list(tmp_path.glob("room*"))


def test_what_stops_while_it_is_unpacked_leaves_the_one_before(file, tmp_path):
    bundle.use(file, "./lab run")
    newer = written(tmp_path, {**PARTS, "begin.sh": b"newer"})

    def stop(done, of):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bundle.use(newer, "./lab run", stop)
    assert (bundle.folder() / "begin.sh").read_bytes() == PARTS["begin.sh"]
    assert not bundle.folder().with_name("bundle.part").exists()


# ---------------------------------------------------------------------------------------- refused


def test_no_file(clone):
    assert "There is no bundle" in refused(clone / "nothing.tar").what


@pytest.mark.parametrize("left", [0, 300, 4000, 9000])
def test_cut_short(file, left):
    file.write_bytes(file.read_bytes()[:left])
    error = refused(file)
    assert "incomplete" in error.what and "copy the file again" in error.next_step


def test_a_part_that_was_changed(file):
    data = file.read_bytes()
    assert data.count(b"a" * 3000) == 1
    file.write_bytes(data.replace(b"a" * 3000, b"a" * 2999 + b"b"))
    assert "a_1%3a2_all.deb in it is damaged" in refused(file).what


def test_a_part_that_is_missing(clone, tmp_path):
    file = written(tmp_path, PARTS)
    with tarfile.open(file) as old, tarfile.open(tmp_path / "less.tar", "w") as less:
        for member in old.getmembers():
            if member.name != "project.tar.gz":
                less.addfile(member, old.extractfile(member))
    assert "incomplete: 1 of 6 parts are missing, project.tar.gz" in refused(tmp_path / "less.tar").what


def test_some_other_tar(clone, tmp_path):
    with tarfile.open(tmp_path / "other.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("x"), io.BytesIO())
    assert "It has no manifest" in refused(tmp_path / "other.tar").what


@pytest.mark.parametrize(("changed", "what", "cure"), [
    ({"arch": "arm64"}, "another processor: arm64", "./lab bundle"),
    ({"host": "debian 11"}, "another distribution: debian 11", "./lab bundle"),
    ({"python": "3.9"}, "another Python: 3.9", "./lab bundle"),
    ({"schema": 99}, "has format 99", "tar -xOf"),
    ({"inputs": {}}, "another version of the project, commit c0ffeec0ff", "tar -xOf"),
])
def test_one_for_another_computer_or_version(clone, tmp_path, changed, what, cure):
    error = refused(written(tmp_path, PARTS, **changed))
    assert what in error.what and cure in error.next_step


def test_no_room(file, monkeypatch):
    monkeypatch.setattr(bundle.shutil, "disk_usage", lambda where: shutil._ntuple_diskusage(9, 8, 1_000_000_000))
    error = refused(file)
    assert "2.5 GB, and only 1.0 GB are free" in error.what and "df -h" in error.next_step


def test_a_machine_that_was_made_with_a_network(file, clone):
    there = clone / ".lab" / "machines" / "machines" / "web" / "lxc" / "id"
    there.parent.mkdir(parents=True)
    there.touch()
    assert "./lab destroy" in refused(file).next_step


def test_a_part_may_not_leave_its_folder(clone, tmp_path):
    parts = [{"path": "../outside", "n_bytes": 1, "sha256": hashlib.sha256(b"x").hexdigest()}]
    (tmp_path / "work").mkdir()
    (tmp_path / "outside").write_bytes(b"x")
    file = written(tmp_path, PARTS, parts=parts)
    assert "outside its folder" in refused(file).what and not (clone / ".lab" / "outside").exists()


@pytest.mark.parametrize(("wanted", "why"), [
    ("floppy/z80", "is no PROVIDER/ARCH"), ("lxc", "is no PROVIDER/ARCH"),
    ("virtualbox/arm64", "public catalogue"), ("lxc/arm64", "on a computer of that architecture")])
def test_what_cannot_be_made_here(monkeypatch, wanted, why):
    monkeypatch.setattr(bundle, "here", lambda: {"arch": "amd64", "host": "debian 12", "python": "3.11"})
    assert target.checked(None) == target.checked("lxc/amd64") == "lxc/amd64"
    with pytest.raises(HostError, match=why) as caught:
        target.checked(wanted)
    assert "Possible here: lxc/amd64" in caught.value.what and "--for lxc/amd64" in caught.value.next_step


@pytest.mark.slow
def test_the_command_line_says_it_in_one_message(lab, tmp_path):
    (tmp_path / "bad.tar").write_bytes(b"x" * 100)
    for command in ("run", "up", "open"):
        done = lab(command, "--bundle", str(tmp_path / "bad.tar"))
        assert done.returncode == 1 and "not a bundle, or it is incomplete" in done.stderr and "Next:" in done.stderr
        assert "Traceback" not in done.stderr
    done = lab("bundle", "--for", "floppy/z80")
    assert done.returncode == 1 and "is no PROVIDER/ARCH" in done.stderr and "Next: ./lab bundle --for" in done.stderr


# --------------------------------------------------------------------------- in use, no network is asked


def test_the_guest_and_the_host_install_from_it(file, monkeypatch):
    assert apt.bundle.apt_options() == [] and bundle.pip_environment() == {}
    before = box.recipe_hash()
    bundle.use(file, "./lab run")
    assert network.pip_settings() == {"no-index": "true", "find-links": "/usr/share/deploylab/guest-wheels"}
    options = bundle.apt_options()
    assert "Dir::Etc::SourceParts=-" in options
    assert (bundle.folder() / "host.list").read_text() == f"deb [trusted=yes] {bundle.url('host-packages')} ./\n"
    child = environment.child_environ()
    assert child["PIP_NO_INDEX"] == "1" and child["PIP_FIND_LINKS"] == bundle.url("host-wheels")
    assert " ".join(options) in get_pip.cure()
    assert box.recipe_hash() != before  # a box from the network is built again
    assert {reach.index().seen, reach.distribution().seen} == {reach.FROM_BUNDLE}


def test_a_command_that_needs_more_says_that_the_bundle_lacks_it(file, monkeypatch, tmp_path):
    bundle.use(file, "./lab run")
    monkeypatch.setattr(environment.clone, "ROOT", str(tmp_path))
    builder = environment.Builder("test", ["test"], None, 0)
    builder.log.parent.mkdir(parents=True)
    builder.log.write_text("ERROR: Could not find a version that satisfies the requirement pytest")
    error = builder.failed("Packages could not be installed.")
    assert error.what.startswith("The bundle in use has what `run` and `open` need")
    assert error.next_step == "rm -r .lab/bundle && ./lab test"


def test_the_bootstrap_finds_the_file_in_what_was_typed():
    assert bootstrap.bundle_of(["run", "--bundle", "a b.tar", "--quick"]) == "a b.tar"
    assert bootstrap.bundle_of(["run", "--bundle=x.tar"]) == "x.tar"
    assert bootstrap.bundle_of(["run", "--bundle"]) == bootstrap.bundle_of(["run"]) == ""
    assert bootstrap.group_of(["--bundle", "open", "run"]) == "core"


def test_a_folder_of_packages_is_a_repository(tmp_path):
    folder = tmp_path / "with space" / "repository"
    (tmp_path / "pkg" / "DEBIAN").mkdir(parents=True)
    (tmp_path / "pkg" / "DEBIAN" / "control").write_text(
        "Package: deploylab-nothing\nVersion: 1:1.0\nArchitecture: all\nMaintainer: nobody\nDescription: nothing\n")
    folder.mkdir(parents=True)
    subprocess.run(["dpkg-deb", "-b", tmp_path / "pkg", folder / "deploylab-nothing_1%3a1.0_all.deb"], check=True,
                   capture_output=True)
    debs.index(folder, "trixie")
    options = debs._options(tmp_path / "apt", tmp_path / "got", [f"deb [trusted=yes] {url(folder)} ./"])
    for words in (["update"], ["install", "-y", "--download-only", "--reinstall", "deploylab-nothing"]):
        done = subprocess.run(["apt-get", *options, *words], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert "deploylab-nothing" in done.stdout


def url(folder: Path) -> str:
    return f"file://{bundle.quote(str(folder))}"


@pytest.mark.slow
def test_every_package_of_the_course_is_in_it():
    packages = set(making.guest_packages(courses.load()))
    assert {"openssh-server", "mariadb-server", "libapache2-mod-wsgi-py3", "varnish", "gcc"} <= packages
    for path in notebooks.folder().glob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            for typed in re.findall(r"apt-get [^\n]*install -y --no-install-recommends((?: \\\n|[^\n])*)", cell.source):
                named = {word for word in typed.replace("\\\n", " ").split() if not word.startswith("-")}
                assert named and named <= packages, path.name


def test_every_pinned_version_takes_the_python_of_debian_12():
    """A bundle is made with one 3.11 and used with another: what needs a later one is found where it arrives."""
    pins = dict(line.strip().lower().split("==") for line in (paths.ROOT / "constraints.txt").read_text().splitlines())
    late = [f"{package.name}: {needed}" for package in distributions()
            if package.name.lower() in pins and (needed := package.metadata.get("Requires-Python"))
            and "3.11.2" not in SpecifierSet(needed)]
    assert late == []


def test_begin_sh_is_a_shell_script_that_hands_on_what_it_is_given(tmp_path):
    """With a stand-in project that prints how it was called."""
    (tmp_path / "deploylab").mkdir()
    (tmp_path / "deploylab" / "lab").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "deploylab" / "lab").chmod(0o755)
    subprocess.run(["tar", "-czf", "project.tar.gz", "deploylab"], cwd=tmp_path, check=True)
    subprocess.run(["tar", "-cf", "room.tar", "project.tar.gz"], cwd=tmp_path, check=True)
    (tmp_path / "there").mkdir()
    for asked, called in ([], "run"), (["open", "--no-browser"], "open --no-browser"):
        done = subprocess.run(["sh", making.BEGIN, "../room.tar", *asked], cwd=tmp_path / "there", capture_output=True,
                              text=True)
        assert done.stdout.strip() == f"{called} --bundle {tmp_path / 'room.tar'}", done.stderr
