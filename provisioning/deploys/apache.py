"""Stage `apache`: Apache with mod_wsgi's daemons; MariaDB; static files by Apache."""

from pyinfra.operations import files

from provisioning import operations
from provisioning.deploys import app, common, gunicorn, httpd, mariadb, nginx, variants
from provisioning.lab import Lab

WSGI = "/srv/deploylab/apache/deploylab-{}.wsgi"


def deploy(lab: Lab) -> None:
    common.machine(lab)
    mariadb.server()
    app.code(lab, production=True)
    app.data(lab, mariadb.START_OVER)
    app.static(lab)
    mod_wsgi(lab)
    if "embedded" in lab.variants:
        mod_wsgi(lab, "embedded", conf="apache-embedded")
    if "proxy" in lab.variants:
        proxy(lab)
    for variant in ("sqlite", "sqlite-normal"):
        if variant in lab.variants:
            sqlite(lab, variant)
            mod_wsgi(lab, variant)
    if "django-static" in lab.variants:
        mod_wsgi(lab, "django-static")


def mod_wsgi(lab: Lab, variant: str = "", conf: str = "apache") -> None:
    """An Apache that runs the application itself.

    Args:
        conf: the slug of the target whose numbers of processes and threads it uses.
    """
    slug = f"{lab.stage}-{variant}" if variant else lab.stage
    config = {**variants.file(lab, slug, WSGI), **variants.environment(lab, slug)}
    operations.placed(name=f"Files of mod_wsgi for {lab.name_of(slug)}", files=config)
    httpd.apache(lab, httpd.Instance(slug, variant, ("wsgi",), conf, daemons=variant != "embedded"),
                 [*config, *app.read_at_start(lab, production=True)])


def proxy(lab: Lab) -> None:
    """An Apache in front of the same gunicorn as in the stage `nginx`: only the front server differs."""
    behind = lab.of("nginx")
    nginx.application(behind)
    gunicorn.serve(behind, behind.stage)
    modules = ("headers", "proxy", "proxy_http", "unique_id")
    httpd.apache(lab, httpd.Instance("apache-proxy", "proxy", modules, "apache"), [])


def sqlite(lab: Lab, variant: str) -> None:
    """A database in a file, with the same rows. The application owns its folder: SQLite writes its journal there.

    The variants have the same file: they differ in how they write to it.
    """
    folder = f"{lab.folder}/sqlite"
    files.directory(name=f"Folder {folder}", path=folder, user="deploylab", group="deploylab", mode="750")
    operations.owned(folder, "deploylab")
    app.data(lab, f"mv -f {folder}/db.sqlite3* /var/backups/deploylab/", variant)
