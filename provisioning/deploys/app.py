"""The Django application of one stage: its code, its Python packages, its environment, its data."""

import shlex

from pyinfra.operations import apt, files, pip

from provisioning import operations
from provisioning.deploys.common import of_application, place, settings_file
from provisioning.lab import FILES, Lab

LIB, VENV = operations.LIB, operations.VENV
BUNDLE = "/srv/deploylab/app.bundle"
# Debian packages that pip needs to build the database driver.
BUILD = ["gcc", "libc6-dev", "libmariadb-dev", "pkg-config", "python3-dev"]


def packages(lab: Lab, *, production: bool, writable: bool = False) -> None:
    """The code of this revision, and the virtual environment with the Python packages that it names.

    Args:
        production: with the database driver and the application server.
        writable: the application may create files in the stage's folder (SQLite).
    """
    names = ["git", "python3-venv", *(BUILD if production else [])]
    apt.packages(name=f"Packages: {' '.join(names)}", packages=names, update=True, _if=operations.missing(names))
    bundle(lab)
    # The sticky bit: the application may add files, but not rename or delete those of root.
    files.directory(name=f"Folder {lab.folder}", path=lab.folder, user="root",
                    group="deploylab" if writable else "root", mode="1775" if writable else "755")
    operations.checkout(f"{lab.folder}/app", lab.revision, BUNDLE)
    python_packages(lab, requirements(lab, production))


def python_packages(lab: Lab, pinned: str) -> None:
    """The virtual environment, which all stages share, has the packages of this requirements file on the machine.

    The files that are needed later are installed in the same run of pip, for the reason that `common.packages` gives:
    all of them are in this revision of the code too.
    """
    others = [path for path in (f"{lab.folder}/app/{name}" for name in lab.requirements) if path != pinned]
    installed = " && ".join(f"{VENV}/bin/python {LIB}/requirements {path}" for path in (pinned, *others))
    # With a requirements file pip.packages runs pip every time; `_if` first compares the files with what is installed.
    pip.packages(name=f"Python packages of {pinned.rpartition('/')[2]}", requirements=pinned, virtualenv=VENV,
                 virtualenv_kwargs={"venv": True, "python": "python3"},
                 extra_install_args=" ".join(["--no-input --disable-pip-version-check --progress-bar off",
                                              *(f"-r {path}" for path in others)]),
                 _if=operations.unless(installed))


def code(lab: Lab, *, production: bool, writable: bool = False) -> None:
    """The code with its packages, and the environment file of the stage.

    Args:
        production, writable: as for `packages`.
    """
    packages(lab, production=production, writable=writable)
    operations.secret("/etc/deploylab/secret-key.env", "DJANGO_SECRET_KEY")
    place("/usr/local/bin/deploylab-manage", mode="755")
    settings_file("/etc/deploylab/hosts.env", f"DJANGO_ALLOWED_HOSTS={','.join(lab.hosts)}\n")
    path = f"/etc/deploylab/{lab.stage}.env"
    text = of_application(lab, (FILES / path.lstrip("/")).read_text())
    operations.placed(name=f"File {path}", files={path: (text.encode(), "640", "deploylab")})


def bundle(lab: Lab) -> None:
    """The code as one file, a repository that git can clone."""
    # Two bundles of the same revision may differ in their bytes, so compare the revision: it is in the second line.
    files.put(name="The code as a bundle", src=lab.bundle, dest=BUNDLE, user="root", group="root", mode="644",
              _if=operations.unless(f"sed -n '2s/ .*//p; 2q' {BUNDLE} | grep -qx {lab.revision}"))


def data(lab: Lab, start_over: str, variant: str = "") -> None:
    """The database's tables and rows.

    Args:
        start_over: a command that empties the database, in case it cannot be migrated.
        variant: a variant with another database, which its environment names.
    """
    environment = lab.environment_of(variant) if variant else {}
    arguments = shlex.join([lab.stage, *(f"{name}={value}" for name, value in environment.items())])
    operations.migrated(arguments, start_over)
    operations.seeded(arguments, lab.app["data_command"], lab.app["data_digest_command"])


def static(lab: Lab, hashed: bool = False, brotli: bool = False) -> None:
    """The static files in one folder, for a front server to serve.

    Args:
        hashed: with what DJANGO_STATIC_FILES=hashed in the stage's environment needs, and with compressed copies.
        brotli: with copies for browsers that take Brotli, too.
    """
    folder = f"{lab.folder}/static"
    files.directory(name=f"Folder {folder}", path=folder, user="deploylab", group="deploylab", mode="755")
    operations.collected(lab.stage, folder, hashed, brotli)


def requirements(lab: Lab, production: bool) -> str:
    """The path of the requirements file on the machine."""
    key = "production_requirements" if production else "requirements"
    return f"{lab.folder}/app/{lab.app[key]}"


def records(lab: Lab, production: bool) -> str:
    """A shell expression for the file lists of all Python packages: these change when a package changes."""
    return records_of(requirements(lab, production))


def records_of(requirements: str) -> str:
    """The same for the packages in this requirements file."""
    return f"$({VENV}/bin/python {LIB}/requirements --records {requirements})"


def read_at_start(lab: Lab, production: bool) -> list[str]:
    """Every file that a server reads at its start: after a change it must be restarted."""
    environments = [lab.stage, "hosts", "secret-key", *(["mariadb"] if production else [])]
    # Lists of hashed names and bundles, if the stage has them.
    names = f"$(find {lab.folder}/static -maxdepth 2 -name '*.json' 2>/dev/null)"
    return [f"{lab.folder}/app/", *(f"/etc/deploylab/{name}.env" for name in environments), records(lab, production),
            names]
