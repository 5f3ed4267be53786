"""Stage `static`: as `nginx`, with static files that browsers cache, bundled and compressed ahead."""

from provisioning.deploys import app, common, front, gunicorn, mariadb
from provisioning.lab import Lab


def deploy(lab: Lab) -> None:
    common.machine(lab)
    mariadb.server()
    app.code(lab, production=True)
    app.data(lab, mariadb.START_OVER)
    app.static(lab, hashed=True)
    gunicorn.serve(lab, lab.stage)
    # The variants differ only in nginx's server block: the same gunicorn and the same files, compressed differently.
    front.nginx(lab, *lab.wanted)
