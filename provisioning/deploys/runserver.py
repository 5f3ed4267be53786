"""Stage `runserver`: Django's development server, SQLite, DEBUG on."""

from provisioning import operations
from provisioning.deploys import app, common
from provisioning.lab import Lab


def deploy(lab: Lab) -> None:
    common.machine(lab)
    app.code(lab, production=False, writable=True)
    operations.owned(lab.folder, "deploylab")
    app.data(lab, start_over=f"mv -f {lab.folder}/db.sqlite3* /var/backups/deploylab/")
    server(lab, lab.stage, lab.port)
    if "nothreading" in lab.variants:
        # One request at a time: while one page waits, all others wait too.
        server(lab, f"{lab.stage}-nothreading", lab.port_of("nothreading"), "--nothreading ")


def server(lab: Lab, name: str, port: int, options: str = "") -> None:
    """The development server on one port.

    --noreload: no second process that watches the files. 0.0.0.0: it listens on every address of the machine,
    otherwise the host could not reach it.
    """
    command = f"runserver --noreload {options}0.0.0.0:{port}"
    operations.background(name, port, f"deploylab-manage {lab.stage} {command}",
                          f"{operations.VENV}/bin/python manage.py {command}", app.read_at_start(lab, production=False))
