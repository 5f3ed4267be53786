"""Reaching a machine: commands through a shell, files, the lock, the record of what is ours."""

import json
import multiprocessing
import os
import signal
import subprocess
import time

import pytest
from waiting import until

from deploylab.core.errors import Busy, CommandError, HostError, MachineError
from deploylab.machine import choose, lock, owned, shell

HERE = ["sh", "-c"]


@pytest.fixture
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("DEPLOYLAB_STATE", str(tmp_path))
    return tmp_path


def processes_named(word: str) -> list[str]:
    from pathlib import Path

    lines = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if line.startswith(word):
            lines.append(line)
    return lines


# -- a shell, here ----------------------------------------------------------------


def test_a_command_gives_its_output_and_its_status():
    done = shell.run(HERE, "echo out; echo err >&2; exit 7")
    assert (done.status, done.ok) == (7, False)
    assert sorted(done.out.split()) == ["err", "out"]


def test_quotes_and_newlines_arrive_as_they_are():
    assert shell.run(HERE, "printf '%s' \"it's \\\"so\\\" \n$((1+1))\"").out == 'it\'s "so" \n2'


def test_lines_come_while_the_command_still_runs():
    lines = []
    shell.run(HERE, "echo one; sleep 0.5; printf two", on_line=lambda line: lines.append((line, time.monotonic())))
    assert [line for line, _ in lines] == ["one", "two"]
    assert lines[1][1] - lines[0][1] > 0.2


def test_standard_input_reaches_a_command_that_wants_it():
    assert shell.run(HERE, "cat", stdin=b"hello").out == "hello"


def test_with_both_standard_input_stays_open_until_we_end(tmp_path):
    """The command reads a line, and is told by the end of its input that nobody waits for it any more."""
    command, lines = "read line; echo $line; cat >/dev/null; touch", []

    def stop(line):
        lines.append(line)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shell.run(HERE, f"{command} {tmp_path}/ended", stdin=b"hello\n", on_line=stop)
    until(lambda: (tmp_path / "ended").exists(), "the command was not told")
    assert lines == ["hello"]


def test_a_command_that_takes_too_long_is_ended_with_its_children():
    with pytest.raises(MachineError, match="0.3 s"):
        shell.run(HERE, "sleep 4711 & sleep 4711", timeout_s=0.3)
    until(lambda: not processes_named("sleep 4711"), "its children live on")


def _run_for_ever():
    shell.run(HERE, "sleep 4712")


def test_a_killed_caller_leaves_nothing_behind():
    caller = multiprocessing.get_context("spawn").Process(target=_run_for_ever)
    caller.start()
    until(lambda: processes_named("sleep 4712"), "the command has not begun")
    caller.kill()
    caller.join()
    until(lambda: not processes_named("sleep 4712"), "the command outlived its caller")


# -- the lock and the record of what is ours ----------------------------------------


def _hold(ready, done):
    with lock.held("run"):
        ready.set()
        done.wait(10)


def test_the_second_holder_is_told_who_holds_the_lock(state):
    context = multiprocessing.get_context("fork")
    ready, done = context.Event(), context.Event()
    holder = context.Process(target=_hold, args=(ready, done))
    holder.start()
    assert ready.wait(10)
    with pytest.raises(Busy, match=rf"`\./lab run`.*pid {holder.pid}"), lock.held("goto"):
        pass
    done.set()
    holder.join()
    with lock.held("goto"):
        pass


def test_the_lock_of_a_killed_holder_is_free(state):
    context = multiprocessing.get_context("fork")
    ready, done = context.Event(), context.Event()
    holder = context.Process(target=_hold, args=(ready, done))
    holder.start()
    assert ready.wait(10)
    holder.kill()
    holder.join()
    with lock.held("goto"):
        pass


def test_whoever_holds_the_lock_does_not_get_it_once_more(state):
    with lock.held("lab.goto nginx"):
        with pytest.raises(Busy, match=rf"`lab\.goto nginx`.*pid {os.getpid()}"), lock.held("lab.measure"):
            pass
        with pytest.raises(Busy, match="lab.goto"), lock.held("run"):  # to have asked for it did not release it
            pass


def _hold_and_leave_a_child(pipe):
    with lock.held("run"):
        program = subprocess.Popen(["sleep", "600"])
        forked = multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,))
        forked.start()
        pipe.send([program.pid, forked.pid])
        time.sleep(600)


def test_children_that_live_on_do_not_hold_the_lock(state):
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    holder = context.Process(target=_hold_and_leave_a_child, args=(theirs,))
    holder.start()
    children = ours.recv()
    with pytest.raises(Busy), lock.held("goto"):
        pass
    holder.kill()
    holder.join()
    try:
        with lock.held("goto"):
            for pid in children:
                os.kill(pid, 0)  # it lives
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)


def test_a_folder_of_the_state_that_is_not_there_yet_is_made(state, monkeypatch):
    monkeypatch.setenv("DEPLOYLAB_STATE", str(state / "new"))
    with lock.held("goto"):
        assert (state / "new").is_dir()


def test_owned_things_are_kept_until_they_are_removed(state):
    owned.add("container", "a")
    owned.add("container", "b")
    owned.remove("container", "a")
    assert owned.all_things() == {"container": ["b"]}
    owned.remove("container", "b")
    assert owned.all_things() == {}


def test_a_damaged_list_of_owned_things_names_the_file(state):
    (state / "owned.json").write_text('{"container": ["a')
    with pytest.raises(HostError, match=r"owned\.json is damaged") as raised:
        owned.all_things()
    assert raised.value.next_step == f"rm {state / 'owned.json'}, then the same command"


# -- which machine ------------------------------------------------------------------


def test_the_saved_choice_is_kept(state):
    assert choose.saved() is None
    choose.save(choose.Choice("vagrant", "virtualbox", "a test"))
    assert choose.choose() == choose.Choice("vagrant", "virtualbox", "used before")
    choose.forget()
    assert choose.saved() is None


@pytest.mark.parametrize("text", ["", '{"kind": ', "[]", "null", "{}"])
def test_a_damaged_choice_is_no_choice(state, text):
    (state / "machine.json").write_text(text)
    assert choose.saved() is None


def test_the_first_usable_provider_is_taken_and_said_why(state, monkeypatch):
    monkeypatch.delenv("VAGRANT_DEFAULT_PROVIDER", raising=False)
    monkeypatch.setattr(choose, "usable_providers", lambda: ["libvirt", "virtualbox"])
    choice = choose.choose()
    assert (choice.provider, choice.install) == ("libvirt", ())
    assert "libvirt" in choice.why


def test_the_environment_can_name_the_provider(state, monkeypatch):
    monkeypatch.setenv("VAGRANT_DEFAULT_PROVIDER", "virtualbox")
    monkeypatch.setattr(choose, "usable_providers", lambda: ["libvirt", "virtualbox"])
    assert choose.choose().provider == "virtualbox"


def test_without_a_way_the_message_names_what_to_install(state, monkeypatch):
    monkeypatch.setattr(choose, "usable_providers", lambda: [])
    monkeypatch.setattr(choose.lxc, "kernel_lacks", lambda: "this kernel has no network bridges")
    monkeypatch.setattr(choose.local, "is_container", lambda: "")
    with pytest.raises(HostError, match="no network bridges") as caught:
        choose.choose()
    assert "./lab up" in caught.value.next_step


def test_packages_that_a_distribution_lacks_are_found_out(state, monkeypatch):
    monkeypatch.setattr(choose, "usable_providers", lambda: [])
    monkeypatch.setattr(choose.lxc, "kernel_lacks", lambda: "")
    monkeypatch.setattr(choose.apt, "missing", lambda names: ["vagrant-lxc"])
    monkeypatch.setattr(choose.apt, "available", lambda names: False)
    monkeypatch.setattr(choose.local, "is_container", lambda: "")
    with pytest.raises(HostError, match="vagrant-lxc"):
        choose.choose()


# -- the real machine -----------------------------------------------------------------


@pytest.mark.machine
def test_the_machine_is_what_the_box_says(machine):
    facts = machine.facts()
    assert facts.kind == "vagrant"
    assert "trixie" in facts.distro
    assert facts.memory_bytes == 2048 * 1024 * 1024
    assert facts.n_cpu in (1, 2)


@pytest.mark.machine
def test_cancelling_ends_the_process_on_the_machine(machine):
    with pytest.raises(MachineError):
        machine.run("sleep 4713 & sleep 4713", timeout_s=0.5)
    until(lambda: not machine.run("pgrep -f '^sleep 4713'").ok, "it goes on, on the machine")


@pytest.mark.machine
def test_a_file_is_put_with_its_owner_and_mode(machine):
    content = bytes(range(256)) * 4000
    machine.put(content, "/root/with a space/été", mode="0600")
    try:
        assert machine.check_output("stat -c '%a %U %s' '/root/with a space/été'", sudo=True).split() == [
            "600", "root", str(len(content))]
    finally:
        machine.run("rm -r '/root/with a space'", sudo=True)


@pytest.mark.machine
def test_a_failed_command_tells_its_last_lines(machine):
    with pytest.raises(CommandError, match="no such thing"):
        machine.check_output("echo no such thing; exit 3")


@pytest.mark.machine
def test_a_second_up_leaves_the_machine_as_it_is(machine, lab):
    began = machine.check_output("stat -c %Z /proc/1")
    done = lab("up")
    assert done.returncode == 0, done.stderr
    assert machine.host in done.stderr
    assert machine.check_output("stat -c %Z /proc/1") == began


@pytest.mark.machine
def test_status_sees_the_machine(machine, lab):
    status = json.loads(lab("status", "--json", "--deep").stdout)["machine"]
    assert (status["running"], status["host"], status["vagrant"]) == (True, machine.host, "running")
    assert status["boot"] == "running", machine.run(
        "systemctl --failed --no-legend; journalctl -q --no-pager -b -p warning -n 20", sudo=True).out
