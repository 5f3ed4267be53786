"""Stage `nginx`: nginx in front of gunicorn, kept by supervisord; MariaDB; static files by nginx."""

from provisioning import operations
from provisioning.deploys import app, common, front, mariadb
from provisioning.deploys.common import known, place
from provisioning.lab import Lab


def deploy(lab: Lab) -> None:
    common.machine(lab)
    mariadb.server()
    app.code(lab, production=True)
    app.data(lab, mariadb.START_OVER)
    app.static(lab)
    # The variant: the same in everything but gunicorn's worker class.
    for variant, name in (("", lab.stage), ("sync", f"{lab.stage}-sync")):
        gunicorn(lab, name)
        front.nginx(f"deploylab-{name}", lab.ports[variant], reads=(f"{lab.folder}/static/",))


def gunicorn(lab: Lab, name: str) -> None:
    """gunicorn on a socket, run by supervisord."""
    program, config = f"deploylab-{name}", f"/etc/deploylab/gunicorn-{name}.py"
    operations.packages(["supervisor"])
    operations.service("supervisor", "/usr/bin/python3 /usr/bin/supervisord.*", [])
    operations.only("/etc/supervisor/conf.d", known("/etc/supervisor/conf.d"))
    place(config)
    place(f"/etc/supervisor/conf.d/{program}.conf")
    bin_ = f"{operations.VENV}/bin"
    socket = f"/run/deploylab/{name}.sock"
    operations.supervised(
        program, f"{bin_}/python[0-9.]* {bin_}/gunicorn .*--name {program} .*",
        [config, *app.read_at_start(lab, production=True)],
        # It answers, and nginx's user may connect.
        ready=f"setpriv --reuid www-data --regid www-data --clear-groups"
              f" curl -s -m 5 -o /dev/null --unix-socket {socket} http://localhost/",
    )
