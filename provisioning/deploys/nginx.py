"""Stage `nginx`: nginx in front of gunicorn, which supervisord runs; MariaDB; static files by nginx."""

from pyinfra.operations import apt

from provisioning import operations
from provisioning.deploys import app, common, front, gunicorn, mariadb, units
from provisioning.lab import Lab

BARE = "nginx-bare"  # the variant without nginx in front
LIGHTTPD, CONF = "nginx-lighttpd", "/etc/lighttpd/lighttpd.conf"  # lighttpd in front of the same gunicorn
LIGHTTPD_UNIT = "/etc/systemd/system/lighttpd.service.d/deploylab.conf"
SYSTEMD = "nginx-systemd"  # gunicorn without supervisord
SERVERS = {  # the variants with another application server
    "nginx-granian": gunicorn.Server(
        "granian", f"{gunicorn.BIN}/python[0-9.]* {gunicorn.BIN}/granian .*/{{}}.sock .*",
        command=f"{gunicorn.BIN}/granian --uds /run/deploylab/{{}}.sock {{wsgi}}",
        requirements="requirements-granian.txt"),
    "nginx-uwsgi": gunicorn.Server(
        "uWSGI", "/usr/bin/uwsgi .*/{}.sock .*", packages=("uwsgi-core", "uwsgi-plugin-python3"),
        # The same numbers as gunicorn's. Each process loads the application itself, as with gunicorn. TERM ends uWSGI;
        # by default it means "reload". A request head may be as long as nginx allows, 4 x 8 kB: otherwise its visitor
        # gets 502. nginx writes the log.
        command="/usr/bin/uwsgi --socket /run/deploylab/{}.sock --chmod-socket=777 --plugins python3 "
                f"--virtualenv {operations.VENV} --module {{wsgi}} --master --processes 2 "
                "--threads 8 --lazy-apps --die-on-term --harakiri 30 --buffer-size 65535 --disable-logging"),
}


def deploy(lab: Lab) -> None:
    application(lab)
    app.static(lab)
    # The variants differ only in gunicorn's file (sync, bare) or in the environment (reconnect, debug).
    gunicorn.serve(lab, *(slug for slug in lab.wanted if slug not in (*SERVERS, LIGHTTPD, SYSTEMD)))
    for slug in [slug for slug in lab.wanted if slug in SERVERS]:
        gunicorn.serve(lab, slug, server=SERVERS[slug])
    if SYSTEMD in lab.wanted:
        units.serve(lab, SYSTEMD)
    front.nginx(lab, *(slug for slug in lab.wanted if slug not in (BARE, LIGHTTPD)))
    if BARE in lab.wanted:
        operations.port_for("gunicorn", lab.port_of("bare"))
    if LIGHTTPD in lab.wanted:
        apt.packages(name="Packages: lighttpd", packages=["lighttpd"], update=True,
                     _if=operations.missing(["lighttpd"]))
        common.place(CONF)
        common.place(LIGHTTPD_UNIT)
        operations.port_for("lighttpd", lab.port_of("lighttpd"))
        operations.dormant("lighttpd", [CONF], pids="pgrep -d, -x lighttpd", test=f"lighttpd -tt -f {CONF}")


def application(lab: Lab) -> None:
    """What gunicorn needs: code, environment and data. Another stage may put another server in front of it."""
    common.machine(lab)
    mariadb.server()
    app.code(lab, production=True)
    app.data(lab, mariadb.START_OVER)
