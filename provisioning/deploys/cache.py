"""Stage `cache`: as `static`, and memcached stores parts of pages, query results, and whole pages."""

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
    # The variants differ only in the environment, which says what to cache and where.
    gunicorn.serve(lab, *lab.wanted)
    front.nginx(lab, *lab.wanted)
