"""What is on a machine, and what differs between two looks at it."""

from pathlib import Path

import pytest

from deploylab.machine import snapshot
from deploylab.machine.guest import snapshot as on_guest


def test_what_came_went_and_changed_each_has_its_sign():
    before = {"files": {"/etc/a": "1", "/etc/b": "1"}, "packages": {"git": "2.39"}}
    after = {"files": {"/etc/b": "2", "/etc/c": "1"}, "packages": {"git": "2.39"}, "sockets": {"0.0.0.0:80": "nginx"}}
    assert [str(change) for change in snapshot.changes(before, after)] == [
        "- files: /etc/a  (1)", "~ files: /etc/b  (1 -> 2)", "+ files: /etc/c  (1)", "+ sockets: 0.0.0.0:80  (nginx)"]
    assert snapshot.changes(before, before) == []


def test_files_are_told_by_mode_owner_and_content(tmp_path, monkeypatch):
    monkeypatch.setattr(on_guest, "ROOTS", (str(tmp_path),))
    (tmp_path / "one").write_text("a")
    (tmp_path / "one").chmod(0o640)
    (tmp_path / "link").symlink_to("one")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/config").write_text("")
    first = on_guest.files()
    assert set(first) == {str(tmp_path / name) for name in ("one", "link")}
    assert first[str(tmp_path / "link")] == f"link to {tmp_path / 'one'}"
    assert first[str(tmp_path / "one")].startswith("640 ")
    (tmp_path / "one").chmod(0o600)
    second = on_guest.files()
    (tmp_path / "one").write_text("b")
    third = on_guest.files()
    assert len({seen[str(tmp_path / "one")] for seen in (first, second, third)}) == 3


def test_this_process_is_among_those_that_run():
    own = Path("/proc/self/cmdline").read_bytes().split(b"\0")[0].decode()
    assert any(own in name for name in on_guest.processes())


def test_a_socket_made_under_the_number_of_its_process_is_called_by_its_name():
    line = 'u_str LISTEN 0 128 /run/supervisor.sock.{0} 2156 * 0 users:(("supervisord",pid={0},fd=4))'
    assert on_guest.listening([(line.format(55), 4)]) == on_guest.listening([(line.format(56), 4)]) == {
        "/run/supervisor.sock": "supervisord"}
    tcp = 'LISTEN 0 511 0.0.0.0:8003 0.0.0.0:* users:(("nginx",pid=77,fd=5),("nginx",pid=70,fd=5))'
    assert on_guest.listening([(tcp, 3)]) == {"0.0.0.0:8003": "nginx"}


@pytest.mark.machine
def test_a_file_on_the_real_machine_is_seen_and_so_is_that_it_went(machine):
    before = snapshot.take(machine)
    machine.put(b"mine", "/etc/mine", mode="0600")
    there = snapshot.take(machine)
    assert [change.name for change in snapshot.changes(before, there) if change.kind == "files"] == ["/etc/mine"]
    machine.check_output("rm /etc/mine", sudo=True)
    assert [change for change in snapshot.changes(before, snapshot.take(machine)) if change.kind == "files"] == []
    assert all(before[kind] for kind in ("packages", "users", "services", "sockets", "processes"))
