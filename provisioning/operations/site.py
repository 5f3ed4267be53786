"""The site: its code, its Python packages, its secrets, its database and its static files."""

from provisioning.operations.base import BACKUPS, LIB, VENV, ensure


def checkout(folder: str, revision: str, bundle_path: str):
    """The code of one revision, and nothing else, in a folder that only root may change."""
    git = f"git -C {folder}"
    return ensure(
        name=f"Code at revision {revision[:10]}",
        holds=f'[ "$({git} rev-parse HEAD)" = {revision} ] && [ -z "$({git} status --porcelain --ignored)" ]'
              f' && [ -z "$(find {folder} ! -user root -print -quit)" ]',
        otherwise=f"set -e; umask 022; mkdir -p {folder}; chown -R root:root {folder}; git init -q {folder};"
                  f" {git} fetch -q {bundle_path} main; {git} checkout -q -f --detach {revision};"
                  f" {git} reset -q --hard; {git} clean -q -f -f -d -x",
    )


def virtualenv(requirements: str):
    """The one virtual environment of the lab, with what a requirements file pins."""
    python = f"{VENV}/bin/python"
    made = f"{python} -m pip --version >/dev/null 2>&1 || {{ rm -rf {VENV}; python3 -m venv {VENV}; }}"
    return ensure(
        name="Virtual environment", holds=f"{python} {LIB}/requirements {requirements}",
        otherwise=f"set -e; umask 022; {made}; {python} -m pip install --no-input --disable-pip-version-check"
                  f" --progress-bar off -r {requirements}",
    )


def secret(path: str, variable: str):
    """A secret of the application, made on the machine, for root and the application alone."""
    words = f"{path} {variable} deploylab"
    return ensure(name=f"Secret {variable}", holds=f"{LIB}/secret --check {words}", otherwise=f"{LIB}/secret {words}")


def migrated(stage: str, start_over: str):
    """No migration is pending.

    MariaDB cannot undo a CREATE TABLE: a migration that was killed leaves tables that the next
    attempt stumbles over. Then, and only then, the database is put aside and begun anew.

    Args:
        stage: its name, and NAME=VALUE of a variant: what `deploylab-manage` begins with.
        start_over: a command that leaves an empty database, and the old one in /var/backups.
    """
    migrate = f"deploylab-manage {stage} migrate --noinput"
    half_made = "already exists|doesn.t exist|no such table|Duplicate column|not a database|malformed"
    return ensure(
        name="Migrations", holds=f"deploylab-manage {stage} migrate --check",
        otherwise=f"{BACKUPS}; said=$({migrate} 2>&1) && exit 0; printf '%s\\n' \"$said\";"
                  f" printf '%s' \"$said\" | grep -qE \"{half_made}\" || exit 1; {start_over} && {migrate}",
    )


def seeded(stage: str, command: str, digest_command: str):
    """The database has the course's rows. What people added stays, unless it clashes with them."""
    manage = f"deploylab-manage {stage}"
    return ensure(name="Data", holds=f"{manage} {digest_command} --check",
                  otherwise=f"{manage} {command} || {manage} {command} --reset")


def collected(stage: str, folder: str, hashed: bool = False):
    """The folder of the stage holds the static files of the site, byte for byte, and nothing else.

    Args:
        hashed: with bundles, and a compressed copy beside each file that gains by it.
    """
    manage, user = f"deploylab-manage {stage}", "setpriv --reuid deploylab --regid deploylab --init-groups"
    more = [f"{manage} compress --verbosity 0",
            f"{user} {VENV}/bin/python -m whitenoise.compress --quiet --no-brotli {folder}"]
    commands = [f"{manage} collectstatic --noinput --clear --verbosity 0", *(more if hashed else [])]
    bundled = "DEPLOYLAB_BUNDLED=1 " if hashed else ""
    return ensure(name="Static files", holds=f'{bundled}{manage} shell --no-imports -c "$(cat {LIB}/collected.py)"',
                  otherwise=f"umask 022; {' && '.join(commands)}")


def database(name: str, user: str, password_file: str):
    """A MariaDB database in UTF-8, and a user with a password who owns it and nothing else.

    SQL goes in on standard input: what stands on a command line, everybody can read.
    """
    secret = f". {password_file}"
    login = f'MYSQL_PWD="$DJANGO_MYSQL_PASSWORD" mariadb -u {user} -N {name}'
    return ensure(
        name=f"Database {name} and its user",
        holds=f'{secret} && [ "$(echo "SELECT @@character_set_database" | {login})" = utf8mb4 ]',
        otherwise=f"""set -e; {secret}; mariadb <<SQL
CREATE DATABASE IF NOT EXISTS {name};
ALTER DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
CREATE USER IF NOT EXISTS {user}@localhost;
ALTER USER {user}@localhost IDENTIFIED BY '$DJANGO_MYSQL_PASSWORD';
GRANT ALL ON {name}.* TO {user}@localhost;
SQL""",
    )
