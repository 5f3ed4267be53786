"""What `./lab status` says about a machine, its stages and the newest session."""

from dataclasses import replace

from deploylab.cli.status import MachineStatus, SessionStatus, StageStatus, Status, lines

RUNS = MachineStatus(kind="vagrant", provider="lxc", name="m", running=True, host="192.0.2.1", login="ssh m")
OPEN = StageStatus(name="one", port=8001, title="First", open=True, sleeps=False, url="http://192.0.2.1:8001/")
SHUT = StageStatus(name="other", port=8002, title="Second", open=False, sleeps=True, url=None)
STATUS = Status(machine=RUNS, stages=(OPEN, SHUT), session=SessionStatus(id="s1", finished=False, kind="run"))


def test_a_machine_that_runs_is_told_with_its_stages_and_its_session():
    first, login, one, other, session = lines(STATUS)
    assert first == "Machine m (vagrant, lxc): running at 192.0.2.1" and login == "  log in: ssh m"
    assert OPEN.url in one and "–" in other and session == "Newest session: s1 (unfinished; ./lab run continues it)"


def test_what_was_asked_of_the_guest_stands_below_the_machine():
    deep = replace(STATUS, machine=replace(RUNS, memory="1 GB held", boot="running"))
    assert lines(deep)[1:3] == ["  memory: 1 GB held", "  boot: running"]
    assert deep.to_json()["machine"] == STATUS.to_json()["machine"] | {"memory": "1 GB held", "boot": "running"}
    assert "memory" not in STATUS.to_json()["machine"]


def test_a_machine_that_does_not_run_says_what_to_do():
    still = Status(machine=replace(RUNS, running=False, host=None, login=None), stages=(SHUT,), session=None)
    assert lines(still)[-1] == "Next: ./lab up" and still.to_json()["machine"]["host"] is None


def test_without_a_stage_that_answers_the_first_one_is_next():
    assert lines(replace(STATUS, stages=(SHUT,)))[-1] == "Next: ./lab goto other"
