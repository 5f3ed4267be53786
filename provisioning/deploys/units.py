"""The application server as units of systemd: a socket, a service, and what the service may do."""

from provisioning import operations
from provisioning.deploys import app, common, gunicorn, variants
from provisioning.deploys.common import File
from provisioning.lab import FILES, Lab

FOLDER = "/etc/systemd/system"
WSGI = "programme.wsgi:application"  # in the unit's file: it is complete, and can be read as it is


def serve(lab: Lab, slug: str) -> None:
    """gunicorn of a sleeping target, kept by systemd: set up, and not started.

    Args:
        slug: the target's name in file names: `nginx-systemd`. It has unit files of its own.
    """
    common.sockets()
    server, unit = gunicorn.GUNICORN, f"{FOLDER}/deploylab-{slug}"
    config = variants.file(lab, slug, server.configuration)
    service = [f"{unit}.service", f"{unit}.service.d/sandbox.conf"]
    units = {path: _unit(lab, path) for path in (f"{unit}.socket", *service)}
    operations.placed(name=f"Files of {server.name} for {lab.name_of(slug)}", files={**config, **units})
    reads = [*config, *service, *app.read_at_start(lab, production=True)]
    pids = f"systemctl show -P MainPID deploylab-{slug}.service"
    # The service first: it needs the socket.
    for kind, files in (("service", reads), ("socket", [f"{unit}.socket"])):
        operations.dormant(f"deploylab-{slug}.{kind}", files, pids=pids, name=f"Unit deploylab-{slug}.{kind}, asleep",
                           test=f"systemd-analyze verify {unit}.{kind}")


def _unit(lab: Lab, path: str) -> File:
    return (FILES / path.lstrip("/")).read_text().replace(WSGI, lab.app["wsgi"]).encode(), "644", "root"
