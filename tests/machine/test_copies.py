"""Copies of a guest's disk: kept, put back, thrown away, and broken off."""

import os
import shutil
from types import SimpleNamespace

import pytest

from deploylab.core.errors import HostError
from deploylab.machine import copies, lxc, owned


@pytest.fixture
def guest(tmp_path, monkeypatch):
    """A guest's disk in a folder, no LXC behind it; gives the folder."""
    monkeypatch.setenv("DEPLOYLAB_STATE", str(tmp_path / "state"))
    disk = tmp_path / "lxc" / "guest" / "rootfs"
    monkeypatch.setattr(lxc, "disk", lambda name: disk)
    monkeypatch.setattr(lxc, "root", list)
    monkeypatch.setattr(lxc, "kill", lambda name: None)
    (disk / "etc").mkdir(parents=True)
    (disk / "etc/secret").write_text("one")
    (disk / "etc/secret").chmod(0o640)
    (disk / "etc/link").symlink_to("secret")
    return disk


def test_a_copy_put_back_is_the_disk_as_it_was(guest):
    copy = copies.save("guest", "k1", of="a", host="h")
    (guest / "etc/secret").write_text("two")
    (guest / "etc/more").write_text("")
    copies.restore("guest", copy)
    assert sorted(os.listdir(guest / "etc")) == ["link", "secret"]
    assert (guest / "etc/secret").read_text() == "one"
    assert (guest / "etc/secret").stat().st_mode & 0o777 == 0o640
    assert os.readlink(guest / "etc/link") == "secret"
    assert os.listdir(guest.parent) == ["rootfs"]


def test_nobody_else_comes_near_a_copy(guest):
    copies.save("guest", "k1", of="a", host="h")
    assert (copies.folder() / "k1").stat().st_mode & 0o777 == 0o700


def test_the_copies_used_last_are_kept_and_no_more(guest):
    for number, key in enumerate(("k1", "k2")):
        copies.save("guest", key, of=key, host="h")
        os.utime(copies.folder() / f"{key}.json", (number, number))
    copies.restore("guest", copies.find("k1"))
    copies.save("guest", "k3", of="k3", host="h")
    assert {copy.key for copy in copies.every()} == {"k1", "k3"}
    assert owned.all_things() == {"copy": ["k1", "k3"]}
    assert sorted(os.listdir(copies.folder())) == ["k1", "k1.json", "k3", "k3.json"]


def test_a_stale_copy_of_the_same_stages_goes_at_once(guest):
    copies.save("guest", "old", of="a + b", host="h")
    copies.save("guest", "new", of="a + b", host="h")
    assert [copy.key for copy in copies.every()] == ["new"]


def test_a_copy_that_was_broken_off_is_never_used_and_goes(guest, monkeypatch):
    def broken_off(source, target):
        target.mkdir()
        raise KeyboardInterrupt

    monkeypatch.setattr(copies, "_copy", broken_off)
    with pytest.raises(KeyboardInterrupt):
        copies.save("guest", "k1", of="a", host="h")
    assert copies.every() == [] and copies.find("k1") is None
    monkeypatch.undo()
    copies.remove_all()


def test_without_room_there_is_no_copy_and_a_message(guest, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda where: SimpleNamespace(free=copies.SPARE_BYTES))
    with pytest.raises(HostError, match="1.00 GB are free"):
        copies.save("guest", "k1", of="a", host="h")
    assert copies.every() == []


def test_a_disk_that_fills_up_meanwhile_leaves_nothing(guest, monkeypatch):
    def full(source, target):
        target.mkdir()
        raise HostError("cp: No space left on device")

    monkeypatch.setattr(copies, "_copy", full)
    with pytest.raises(HostError, match="No space"):
        copies.save("guest", "k1", of="a", host="h")
    assert os.listdir(copies.folder()) == [] and owned.all_things() == {}


def test_a_guest_keeps_its_disk_when_the_copy_cannot_be_put_back(guest):
    copy = copies.save("guest", "k1", of="a", host="h")
    shutil.rmtree(copies.folder() / "k1" / "rootfs")
    (guest / "etc/secret").write_text("mine")
    with pytest.raises(HostError, match="cp"):
        copies.restore("guest", copy)
    assert (guest / "etc/secret").read_text() == "mine"


def test_nothing_is_left_when_all_copies_go(guest):
    copies.save("guest", "k1", of="a", host="h")
    copies.remove_all()
    assert os.listdir(copies.folder()) == [] and owned.all_things() == {}
