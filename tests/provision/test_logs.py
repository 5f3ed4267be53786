"""Whether logs stay small: what the check makes of what the machine says, and what logrotate really does there."""

import pytest
from check_helpers import COURSE, no_of
from waiting import until

from deploylab.machine import Completed
from deploylab.provision import converge
from deploylab.provision.checks import logs
from deploylab.provision.checks.base import Look

NGINX = COURSE.stage("nginx")
ACCESS = "/var/log/nginx/access.log"
KNOWN = f"considering log {ACCESS}\n  log does not need rotating\nconsidering log /var/log/nginx/error.log\n"
ROOM = "Filesystem 1048576-blocks Used Available Capacity Mounted on\n/dev/sda1 9000 500 8000 6% /\n"
FULL = ROOM + "tmpfs 8 8 0 100% /var/log/nginx\n"


class Answers:
    """A machine that answers a command by the first of these words in it."""

    def __init__(self, **answers: str):
        well = {"readlink": f"{ACCESS}\n", "df": ROOM, "logrotate --debug": KNOWN, "is-active": "active"}
        self.answers = well | answers

    def run(self, command, **options):
        return Completed(command, 0, next((out for word, out in self.answers.items() if word in command), ""))


def check(**answers: str):
    return logs.logs(Look(Answers(**answers), COURSE, NGINX))


def test_a_log_that_is_put_aside_has_a_limit():
    assert check().ok and check(readlink="").ok


@pytest.mark.parametrize(("answers", "seen", "cause"), [
    ({"df": FULL, "du": "3 /var/log/nginx/a.log\n"}, "0 MB are free", "3 /var/log/nginx/a.log"),
    ({"df": FULL}, "0 MB are free", "no log takes it"),
    ({"readlink": f"{ACCESS}\n/var/log/nginx/mine.txt (deleted)\n"}, "mine.txt", "no file in /etc/logrotate.d names"),
    ({"logrotate --debug": f"considering log {ACCESS}\nerror: skipping, because\n"}, ACCESS, "skipping, because"),
    ({"logrotate --debug": "error: Ignoring /etc/logrotate.d/nginx\n"}, ACCESS, "Ignoring /etc/logrotate.d/nginx"),
    ({"is-active": "inactive"}, "nothing puts logs aside", "logrotate.timer, which starts logrotate, is inactive"),
    ({"maxbytes": "x.conf:stdout_logfile_maxbytes=0"}, "without a limit", "x.conf:stdout_logfile_maxbytes=0"),
])
def test_one_without_a_limit_is_named(answers, seen, cause):
    result = check(**answers)
    assert not result.ok and result.cure.startswith("./lab goto nginx")
    assert seen in result.seen and cause in result.cause


@pytest.mark.machine
def test_a_disk_that_logs_have_filled_is_named_and_the_site_goes_on(machine):
    """On a small disk of its own, for the real one may be that of the computer."""
    converge.to_stage(machine, COURSE, "nginx")
    machine.check_output("mount -t tmpfs -o size=1m tmpfs /var/log/nginx && chmod 755 /var/log/nginx && "
                         "nginx -s reopen; yes debug | head -c 2m > /var/log/nginx/debug.log; true", sudo=True)
    try:
        result = logs.logs(Look(machine, COURSE, NGINX))
        assert not result.ok and "0 MB are free" in result.seen and "/var/log/nginx/debug.log" in result.cause
        assert Look(machine, COURSE, NGINX).get("/").status == 200  # nginx loses the lines, and nothing else
    finally:
        machine.check_output("umount -l /var/log/nginx && nginx -s reopen", sudo=True)
    assert "logs" not in no_of(machine, "nginx")


LOGS = {"nginx": ACCESS, "apache": "/var/log/apache2/access.log", "apache:proxy": "/var/log/apache2-proxy/access.log",
        "edge:varnish": "/var/log/varnish/varnishncsa.log", "runserver": "/var/log/deploylab/runserver.log"}

USUAL = ("nginx", "apache")  # the others are like one of these


@pytest.mark.machine
@pytest.mark.parametrize("name", [pytest.param(name, marks=[] if name in USUAL else pytest.mark.thorough)
                                  for name in LOGS])
def test_every_server_goes_on_in_a_new_file_after_its_log_was_put_aside(machine, name):
    target, log = COURSE.target(name), LOGS[name]
    converge.to_stage(machine, COURSE, target.stage, variants=[target.variant] if target.variant else [])
    look = Look(machine, COURSE, target)

    def logged(text):
        if name.startswith("apache"):  # it writes when its buffer is full, or at a reload
            machine.run(f"systemctl reload apache2@{target.variant}" if target.variant else "systemctl reload apache2",
                        sudo=True)
        return machine.run(f"grep -q {text} {log}", sudo=True).ok

    look.get("/nowhere/?before")
    until(lambda: logged("nowhere/?before"), f"{name} has not logged a page")
    machine.check_output("logrotate --force --state /tmp/rotated /etc/logrotate.conf", sudo=True)
    assert not machine.run(f"grep -q nowhere/?before {log}", sudo=True).ok
    assert "nowhere/?before" in machine.check_output(f"zgrep -h nowhere/?before {log}.1*", sudo=True)
    look.get("/nowhere/?after")
    until(lambda: logged("nowhere/?after"), f"nothing is written to the new {log}")
    assert "logs" not in no_of(machine, name)
