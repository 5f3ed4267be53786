"""What keeps a server running, its sandbox, and a variant that a machine cannot be set up for."""

import pytest

from deploylab import course as courses
from deploylab.core.errors import MachineError
from deploylab.core.progress import Progress
from deploylab.machine import Completed
from deploylab.measure import full_run, schedule
from deploylab.provision import prepare
from deploylab.provision.checks import supervision
from deploylab.provision.checks.base import Look
from tests.benchmarks import restarts

COURSE = courses.load()
SYSTEMD = COURSE.target("nginx:systemd")
CLOSED = "NoNewPrivs:\t1\nSeccomp:\t2\nroot: ro,relatime\n"
RATED = "→ Overall exposure level for deploylab-nginx-systemd.service: {} SAFE\n"


class Answering:
    """A machine that answers each command by the first of these words found in it; any other ends with status 1."""

    def __init__(self, **answers: str):
        self.answers = answers

    def run(self, command, **options):
        word = next((word for word in self.answers if word in command), None)
        return Completed(command, 1, "") if word is None else Completed(command, 0, self.answers[word])


def look(target, **answers) -> Look:
    look = Look(Answering(**answers), COURSE, target)
    look.workers = {11: {1}, 12: {1}}
    return look


def test_a_service_that_stays_dead_is_named_with_the_reason():
    there = {"test": "", "show": "on-failure\n"}
    assert supervision.restarts(look(COURSE.stage("nginx"), **there)).ok
    for policy in ("no", "on-success", "on-watchdog", ""):
        check = supervision.restarts(look(COURSE.stage("nginx"), test="", show=f"{policy}\n"))
        assert not check.ok and check.seen.startswith("mariadb stays dead") and "no Restart=" in check.cause
    check = supervision.restarts(look(COURSE.stage("nginx"), test="", show="no\n", cat="Restart=no\n"))
    assert not check.ok and "its files say Restart=no" in check.cause and check.cure == "./lab goto nginx"


def test_without_systemd_the_check_says_that_it_does_not_apply():
    check = supervision.restarts(look(COURSE.stage("nginx"), show="no\n"))
    assert check.ok and "does not apply" in check.seen


def test_everything_that_debian_keeps_is_asked_about():
    asked = {unit for target in COURSE.targets for unit in target.expect.get("restarts", ())}
    services = {unit for target in COURSE.targets for unit in target.expect.get("services", ())}
    assert asked == {unit for unit in services if not unit.endswith(".socket")}


@pytest.mark.parametrize(("state", "word"), [
    (CLOSED.replace("ro,", "rw,"), "may write"), (CLOSED + "network: shared\n", "network"),
    (CLOSED.replace("Privs:\t1", "Privs:\t0"), "more rights"), (CLOSED.replace("comp:\t2", "comp:\t0"), "system call"),
    ("", "may write")])
def test_a_process_without_its_sandbox_is_seen_whatever_its_unit_says(state, word):
    check = supervision.sandbox(look(SYSTEMD, NoNewPrivs=state, security=RATED.format("0.7")))
    assert not check.ok and word in check.seen and "no file beside" in check.cause


def test_a_sandbox_is_closed_and_rated():
    good = {"NoNewPrivs": CLOSED, "security": RATED.format("0.7")}
    assert supervision.sandbox(look(SYSTEMD, **good)).ok
    rows = ("✗ PrivateUsers=    Service has access to other users    0.2\n"
            "✓ PrivateTmp=      Service has no access to other software's temporary files    \n"
            "✗ PrivateNetwork=  Service has access to the host's network    0.5\n")
    check = supervision.sandbox(look(SYSTEMD, **good | {"security": rows + RATED.format("9.2")}))
    assert not check.ok and "9.2" in check.seen
    assert check.cause.startswith("Service has access to the host's network (PrivateNetwork=)")
    assert "PrivateUsers=" in check.cause and "PrivateTmp" not in check.cause
    assert not supervision.sandbox(look(SYSTEMD, **good | {"security": "Failed to connect to bus\n"})).ok


def test_what_a_machine_lacks_is_said_before_anything_is_set_up(monkeypatch, capsys):
    bare, progress = Answering(), Progress("test")
    assert prepare.lacking(bare, SYSTEMD) == "systemd as its first process"
    assert prepare.lacking(Answering(systemd=""), SYSTEMD) == "" == prepare.lacking(bare, COURSE.stage("nginx"))
    with pytest.raises(MachineError, match="nginx:systemd needs systemd as its first process"):
        prepare.to_stage(bare, COURSE, COURSE.stage("nginx"), progress, [SYSTEMD])
    others = [target for target in COURSE.stage("nginx").variants if target != SYSTEMD]
    assert prepare.possible(bare, COURSE.stage("nginx").variants, progress) == others
    assert "nginx:systemd is left out: it needs systemd" in "".join(capsys.readouterr())


def test_a_run_leaves_out_the_contrasts_of_what_a_machine_cannot_have():
    stages = [COURSE.stage("nginx")]
    all_of_them = full_run.contrasts_among(COURSE, stages, thorough=True)
    left = full_run._measurable(Answering(), COURSE, all_of_them, Progress("test"))
    assert [one.name for one in all_of_them if one not in left] == ["supervisor"]
    assert full_run._measurable(Answering(systemd=""), COURSE, all_of_them, Progress("test")) == all_of_them
    assert schedule.QUICK.all_contrasts is False and COURSE.contrast("supervisor").thorough


def test_a_variant_says_itself_what_it_needs():
    assert [target.name for target in COURSE.targets if target.only_where] == ["nginx:systemd", "tls:brotli"]


def test_what_visitors_notice_of_a_kill():
    s = 1_000_000_000
    seen = restarts.noticed({"due_ns": [0, s, 2 * s, 3 * s], "end_ns": [s // 10, s + 1, 2 * s + 1, 6 * s],
                             "outcome": [0, 1, 1, 0]})
    assert (seen.failed, seen.sent, round(seen.gap_s, 1), round(seen.longest_s, 1)) == (2, 4, 5.9, 3.0)
    none = restarts.noticed({"due_ns": [0, s], "end_ns": [1, 2 * s], "outcome": [1, 1]})
    assert (none.failed, none.sent, none.gap_s, none.longest_s) == (2, 2, 2.0, 0)
    row = restarts.table([(restarts.KEPT[2], [seen, none])]).splitlines()[-1]
    assert row == "| gunicorn's master is killed | supervisord | 2, 2 of 3 | 4.0 s | 1.5 s |"
