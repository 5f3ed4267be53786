"""The Django application of one stage: its code, its Python packages, its environment, its data."""

import shlex

from provisioning import operations
from provisioning.deploys.common import place, text
from provisioning.lab import Lab

BUNDLE = "/srv/deploylab/app.bundle"
# What pip needs to build the database driver.
BUILD = ["gcc", "libc6-dev", "libmariadb-dev", "pkg-config", "python3-dev"]


def packages(lab: Lab, *, production: bool, writable: bool = False) -> None:
    """The code of this revision, and the virtual environment with the Python packages that it names.

    Args:
        production: with the database driver and the application server.
        writable: the application may make files of its own in the stage's folder (SQLite).
    """
    operations.packages(["git", "python3-venv", *(BUILD if production else [])])
    bundle(lab)
    # The sticky bit: the application may add files, but not move away those of root.
    operations.folder(lab.folder, *(("1775", "root:deploylab") if writable else ()))
    operations.checkout(f"{lab.folder}/app", lab.revision, BUNDLE)
    operations.virtualenv(requirements(lab, production))


def code(lab: Lab, *, production: bool, writable: bool = False) -> None:
    """The code with its packages, and the environment file of the stage.

    Args:
        production, writable: as for `packages`.
    """
    packages(lab, production=production, writable=writable)
    operations.secret("/etc/deploylab/secret-key.env", "DJANGO_SECRET_KEY")
    place("/usr/local/bin/deploylab-manage", mode="755")
    text("/etc/deploylab/hosts.env", f"DJANGO_ALLOWED_HOSTS={','.join(lab.hosts)}\n")
    place(f"/etc/deploylab/{lab.stage}.env", mode="640", group="deploylab", hosts=lab.hosts)


def bundle(lab: Lab) -> None:
    """The code in one file, a repository that git clones from."""
    operations.bundle(name="The code has arrived", source=lab.bundle, revision=lab.revision, path=BUNDLE)


def data(lab: Lab, start_over: str, variant: str = "") -> None:
    """The database's tables and rows.

    Args:
        start_over: a command that empties the database, for one that cannot be migrated.
        variant: one with a database of its own, in its environment.
    """
    own = lab.environment_of(variant) if variant else {}
    words = shlex.join([lab.stage, *(f"{name}={value}" for name, value in own.items())])
    operations.migrated(words, start_over)
    operations.seeded(words, lab.app["data_command"], lab.app["data_digest_command"])


def static(lab: Lab, hashed: bool = False) -> None:
    """The static files in one folder, for a front server to serve.

    Args:
        hashed: what DJANGO_STATIC_FILES=hashed in the stage's environment needs, and compressed copies.
    """
    folder = f"{lab.folder}/static"
    operations.folder(folder, "755", "deploylab:deploylab")
    operations.collected(lab.stage, folder, hashed)


def requirements(lab: Lab, production: bool) -> str:
    """The path of the requirements file on the machine."""
    key = "production_requirements" if production else "requirements"
    return f"{lab.folder}/app/{lab.app[key]}"


def records(lab: Lab, production: bool) -> str:
    """A shell expression for the list of files of each Python package: they change when a package does."""
    return records_of(requirements(lab, production))


def records_of(requirements: str) -> str:
    """The same for the packages that this requirements file names."""
    return f"$({operations.VENV}/bin/python {operations.LIB}/requirements --records {requirements})"


def read_at_start(lab: Lab, production: bool) -> list[str]:
    """Every file that a running server has read: after a change it must start anew."""
    environments = [lab.stage, "hosts", "secret-key", *(["mariadb"] if production else [])]
    # Lists of hashed names and bundles, where the stage has them.
    names = f"$(find {lab.folder}/static -maxdepth 2 -name '*.json' 2>/dev/null)"
    return [f"{lab.folder}/app/", *(f"/etc/deploylab/{name}.env" for name in environments), records(lab, production),
            names]
