"""Stage `cache`: as `static`, and memcached keeps parts of pages, what the database said, and whole pages."""

from provisioning.deploys import app, caches, common, front, gunicorn, mariadb
from provisioning.lab import Lab


def deploy(lab: Lab) -> None:
    common.machine(lab)
    mariadb.server()
    app.code(lab, production=True)
    app.data(lab, mariadb.START_OVER)
    app.static(lab, hashed=True)
    caches.memcached()
    if "redis" in lab.variants:
        caches.redis()
    # The variants: the same in everything but the environment, which says where and what to keep.
    gunicorn.serve(lab, *lab.wanted)
    front.nginx(lab, *lab.wanted, reads=(f"{lab.folder}/static/",))
