"""The Django application of one stage: its code, its Python packages, its environment, its data."""

from provisioning import operations
from provisioning.deploys.common import place
from provisioning.lab import Lab

BUNDLE = "/srv/deploylab/app.bundle"
# What pip needs to build the database driver.
BUILD = ["gcc", "libc6-dev", "libmariadb-dev", "pkg-config", "python3-dev"]


def code(lab: Lab, *, production: bool, writable: bool = False) -> None:
    """The code, the virtual environment and the environment file of the stage.

    Args:
        production: with the database driver and the application server.
        writable: the application may make files of its own in the stage's folder (SQLite).
    """
    operations.packages(["git", "python3-venv", *(BUILD if production else [])])
    operations.bundle(name="The code has arrived", source=lab.bundle, revision=lab.revision, path=BUNDLE)
    # The sticky bit: the application may add files, but not move away those of root.
    operations.folder(lab.folder, *(("1775", "root:deploylab") if writable else ()))
    operations.checkout(f"{lab.folder}/app", lab.revision, BUNDLE)
    operations.virtualenv(requirements(lab, production))
    operations.secret("/etc/deploylab/secret-key.env", "DJANGO_SECRET_KEY")
    place("/usr/local/bin/deploylab-manage", mode="755")
    place(f"/etc/deploylab/{lab.stage}.env", mode="640", group="deploylab", hosts=lab.hosts)


def data(lab: Lab, start_over: str) -> None:
    """The database's tables and rows.

    Args:
        start_over: a command that empties the database, for one that cannot be migrated.
    """
    operations.migrated(lab.stage, start_over)
    operations.seeded(lab.stage, lab.app["data_command"], lab.app["data_digest_command"])


def static(lab: Lab) -> None:
    """The static files in one folder, for a front server to serve."""
    operations.folder(f"{lab.folder}/static", "755", "deploylab:deploylab")
    operations.collected(lab.stage)


def requirements(lab: Lab, production: bool) -> str:
    """The path of the requirements file on the machine."""
    key = "production_requirements" if production else "requirements"
    return f"{lab.folder}/app/{lab.app[key]}"


def read_at_start(lab: Lab, production: bool) -> list[str]:
    """Every file that a running server has read: after a change it must start anew."""
    records = f"{operations.VENV}/bin/python {operations.LIB}/requirements --records"
    packages = f"$({records} {requirements(lab, production)})"
    secrets = ["/etc/deploylab/secret-key.env", *(["/etc/deploylab/mariadb.env"] if production else [])]
    return [f"{lab.folder}/app/", f"/etc/deploylab/{lab.stage}.env", *secrets, packages]
