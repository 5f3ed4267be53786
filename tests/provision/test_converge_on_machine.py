"""Converging on the real machine: interrupted, with half-finished work, and with servers that are asleep."""

import os
import signal
import socket
import subprocess
import sys

import pytest

from deploylab import course as courses
from deploylab.core import paths
from deploylab.provision import converge
from deploylab.provision.on_demand import answers, awake
from tests.waiting import until

COURSE = courses.load()
STAGES = [stage.name for stage in COURSE.stages]


@pytest.mark.thorough
@pytest.mark.machine
def test_a_sleeping_variant_is_set_up_and_left_asleep(machine):
    """If it is running with its current files, it goes on; if the files have changed since, it is stopped."""
    debug = COURSE.target("nginx:debug")

    def state() -> str:
        return machine.run("supervisorctl status deploylab-nginx-debug", sudo=True).out.split()[1]

    converge.to_stage(machine, COURSE, "nginx", variants=["debug"])
    assert state() == "STOPPED" and not answers(machine, debug)
    with awake(machine, [debug]):
        assert answers(machine, debug)
        assert converge.to_stage(machine, COURSE, "nginx", variants=["debug"]).changed == 0
        assert state() == "RUNNING"
        machine.check_output("touch /etc/deploylab/gunicorn-nginx-debug.py", sudo=True)
        assert converge.to_stage(machine, COURSE, "nginx", variants=["debug"]).changes == (
            "Program deploylab-nginx-debug, asleep",)
        assert state() == "STOPPED"
    machine.check_output("echo '; mine' >> /etc/supervisor/conf.d/deploylab-nginx-debug.conf", sudo=True)
    assert converge.to_stage(machine, COURSE, "nginx", variants=["debug"]).changes == (
        "Files of gunicorn for nginx:debug",)


@pytest.mark.thorough
@pytest.mark.machine
def test_a_sleeping_apache_is_set_up_and_left_asleep(machine):
    """As above, for a service of systemd; and broken files of Apache are found before it is started."""
    sqlite, site = COURSE.target("apache:sqlite"), "/etc/apache2/sites-available/deploylab-apache-sqlite.conf"

    def changes() -> tuple[str, ...]:
        return converge.to_stage(machine, COURSE, "apache", variants=["sqlite"]).changes

    changes()
    assert not answers(machine, sqlite) and not machine.run("systemctl -q is-enabled apache2@sqlite").ok
    with awake(machine, [sqlite]):
        assert changes() == () and answers(machine, sqlite)
        machine.check_output(f"touch {site}", sudo=True)
        assert changes() == ("Service apache2@sqlite, asleep",) and not answers(machine, sqlite)
    machine.check_output("systemctl -q enable apache2@sqlite", sudo=True)
    assert changes() == ("Service apache2@sqlite, asleep",)
    machine.check_output("ln -s /nowhere /etc/apache2-sqlite/mods-enabled/mine.load", sudo=True)
    assert changes() == ("Links in /etc/apache2-sqlite/mods-enabled",)


@pytest.mark.thorough
@pytest.mark.machine
def test_apache_restarts_reloads_or_renews_its_daemons_whichever_is_enough(machine):
    """New code renews mod_wsgi's daemons, which finish their requests; a reload would cut off those of five seconds."""
    converge.to_stage(machine, COURSE, "apache")

    def master() -> str:
        return machine.check_output("cat /run/apache2/apache2.pid")

    def daemons() -> str:
        return machine.check_output("pgrep -f '^\\(wsgi:django\\) +-k start'")

    def others() -> str:
        return machine.check_output('pgrep -P "$(cat /run/apache2/apache2.pid)" -f "^/usr/sbin/apache2"')

    before = master(), daemons(), others()
    machine.check_output("touch /etc/deploylab/apache.env", sudo=True)
    assert converge.to_stage(machine, COURSE, "apache").changes == ("Application in apache2",)
    assert (master(), others()) == (before[0], before[2]) and daemons() != before[1]
    machine.check_output("touch /etc/apache2/sites-available/deploylab-apache.conf", sudo=True)
    assert converge.to_stage(machine, COURSE, "apache").changes == ("Service apache2",)
    assert master() == before[0] and others() != before[2]
    machine.check_output("touch /etc/apache2/conf-available/deploylab-apache.conf", sudo=True)
    assert converge.to_stage(machine, COURSE, "apache").changes == ("Service apache2",)
    assert master() != before[0]
    assert converge.to_stage(machine, COURSE, "apache").changes == ()


@pytest.mark.machine
def test_nginx_has_one_process_for_each_processor_of_this_machine(machine):
    converge.to_stage(machine, COURSE, "nginx")
    n_cpu = int(machine.check_output("nproc"))
    assert machine.check_output("pgrep -c -f 'nginx: worker process$'").strip() == str(n_cpu)


@pytest.mark.machine
def test_the_static_stub_answers(machine):
    import urllib.request

    converge.to_stage(machine, COURSE, converge.CALIBRATION)
    assert converge.to_stage(machine, COURSE, converge.CALIBRATION).changed == 0
    with urllib.request.urlopen(f"http://{machine.host}:{converge.CALIBRATION_PORT}/") as answer:
        assert answer.read() == b"ok\n"


@pytest.mark.thorough
@pytest.mark.machine
def test_no_port_is_taken_by_a_default_site(machine):
    for stage in STAGES:
        converge.to_stage(machine, COURSE, stage)
    assert machine.run("ss -Hltn 'sport = :80'").out == ""
    assert not machine.run("test -e /usr/sbin/policy-rc.d").ok


@pytest.mark.machine
def test_a_secret_is_made_only_once(machine):
    read = "cat /etc/deploylab/secret-key.env"
    converge.to_stage(machine, COURSE, STAGES[0])
    before = machine.check_output(read, sudo=True)
    converge.to_stage(machine, COURSE, STAGES[0])
    assert machine.check_output(read, sudo=True) == before


@pytest.mark.thorough
@pytest.mark.machine
def test_a_half_installed_package_is_repaired(machine):
    """As after a power cut: unpacked and not configured, and the guard against starting services is still there."""
    converge.to_stage(machine, COURSE, "nginx")
    machine.check_output("apt-get -q -y remove supervisor; cd /tmp && apt-get -q download supervisor && "
                         "dpkg --unpack supervisor_*.deb; rm supervisor_*.deb; "
                         "printf '#!/bin/sh\\n# deploylab: nothing starts during an installation\\nexit 101\\n'"
                         " > /usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d", sudo=True)
    assert "supervisor" in machine.run("dpkg --audit", sudo=True).out
    assert converge.to_stage(machine, COURSE, "nginx").changed
    assert machine.run("dpkg --audit", sudo=True).out == ""
    assert not machine.run("test -e /usr/sbin/policy-rc.d").ok
    assert converge.to_stage(machine, COURSE, "nginx").changed == 0


@pytest.mark.thorough
@pytest.mark.machine
def test_a_half_finished_migration_is_repaired(machine):
    """MariaDB cannot undo a CREATE TABLE: the record of the migration is missing, and its tables exist."""
    converge.to_stage(machine, COURSE, "nginx")
    machine.check_output("echo \"DELETE FROM django_migrations WHERE app = 'programme'\" | mariadb deploylab",
                         sudo=True)
    assert "Migrations" in converge.to_stage(machine, COURSE, "nginx").changes
    assert converge.to_stage(machine, COURSE, "nginx").changed == 0


@pytest.mark.thorough
@pytest.mark.machine
def test_a_server_started_by_hand_is_replaced(machine):
    """Somebody typed `runserver` in a lesson and forgot about it."""
    converge.to_stage(machine, COURSE, "runserver")
    port = COURSE.stage("runserver").port
    machine.check_output(f"pkill -u deploylab -f 'runserver .*:{port}'; sleep 1; "
                         f"setsid python3 -m http.server {port} >/dev/null 2>&1 </dev/null & sleep 1", sudo=True)
    assert converge.to_stage(machine, COURSE, "runserver").changes == (f"Server on port {port}",)


PARENT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
from deploylab import course
from deploylab.provision import converge
from deploylab.machine.ssh import Ssh
host, port, user, key, stage = sys.argv[1:]
machine = Ssh(host, int(port), user, key)
converge.to_stage(machine, course.load(), stage, on_event=lambda event: print(event["event"], flush=True))
"""


@pytest.mark.thorough
@pytest.mark.machine
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_a_cancelled_converge_leaves_nothing_running_and_can_be_repeated(machine, ending):
    """The package is removed first, so that there is an installation to interrupt."""
    converge.to_stage(machine, COURSE, "nginx")
    machine.check_output("apt-get -q -y purge supervisor", sudo=True)
    data = machine.inventory().data
    address = [str(data[key]) for key in ("ssh_hostname", "ssh_port", "ssh_user", "ssh_key")]
    parent = subprocess.Popen([sys.executable, "-c", PARENT, *address, "nginx"], cwd=paths.ROOT, text=True,
                              env={**os.environ, "PYTHONPATH": str(paths.ROOT)}, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL)
    until(lambda: machine.run("pgrep -x apt-get").ok, "no installation has begun", seconds=300)
    parent.send_signal(ending)
    parent.communicate()
    until(lambda: not machine.run("pgrep -x 'apt-get|dpkg'").ok, "the installation on the machine goes on", seconds=60)
    assert converge.to_stage(machine, COURSE, "nginx").changed
    assert converge.to_stage(machine, COURSE, "nginx").changed == 0


@pytest.mark.machine
def test_lighttpd_ends_in_good_order_while_somebody_is_connected(machine):
    target = COURSE.target("nginx:lighttpd")
    converge.to_stage(machine, COURSE, target.stage, variants=[target.variant])
    with awake(machine, [target]), socket.create_connection((machine.host, target.port)) as connection:
        connection.sendall(b"GET /test/ HTTP/1.1\r\n")  # and not the rest
        machine.check_output(target.stop, sudo=True)
        assert machine.run("systemctl is-failed lighttpd").out.strip() == "inactive"
