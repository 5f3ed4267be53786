"""The site: its code, its secrets, its database and its static files. Of Django pyinfra knows nothing."""

from provisioning.operations.base import BACKUPS_THERE, LIB, VENV, ensure


def checkout(folder: str, revision: str, bundle_path: str):
    """The code of one revision, and nothing else, in a folder that only root may change.

    pyinfra's `git.repo` follows a branch. It cannot go to a revision, and leaves what was changed or added by hand.
    """
    git = f"git -C {folder}"
    return ensure(
        name=f"Code at revision {revision[:10]}",
        holds=f'[ "$({git} rev-parse HEAD)" = {revision} ] && [ -z "$({git} status --porcelain --ignored)" ]'
              f' && [ -z "$(find {folder} ! -user root -print -quit)" ]',
        otherwise=f"set -e; umask 022; mkdir -p {folder}; chown -R root:root {folder}; git init -q {folder};"
                  f" {git} fetch -q {bundle_path} main; {git} checkout -q -f --detach {revision};"
                  f" {git} reset -q --hard; {git} clean -q -f -f -d -x",
    )


def secret(path: str, variable: str):
    """A secret of the application, made on the machine, for root and the application alone.

    pyinfra writes files whose content it knows: here that is nobody but the machine.
    """
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
        otherwise=f"{BACKUPS_THERE}; said=$({migrate} 2>&1) && exit 0; printf '%s\\n' \"$said\";"
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


def database_user(name: str, user: str, password_file: str):
    """A MariaDB user with a password that the machine alone knows, and a database in UTF-8 even if it was there before.

    pyinfra's `mysql.user` writes the password onto a command line, where everybody can read it, and neither it nor
    `mysql.database` changes what is there. Here SQL goes in on standard input.
    """
    secret = f". {password_file}"
    login = f'MYSQL_PWD="$DJANGO_MYSQL_PASSWORD" mariadb -u {user}'
    charset = f'echo "SELECT @@character_set_database" | mariadb -N {name}'
    return ensure(
        name=f"User {user} of the database",
        holds=f'{secret} && echo "SELECT 1" | {login} && [ "$({charset})" = utf8mb4 ]',
        otherwise=f"""set -e; {secret}; mariadb <<SQL
ALTER DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
CREATE USER IF NOT EXISTS {user}@localhost;
ALTER USER {user}@localhost IDENTIFIED BY '$DJANGO_MYSQL_PASSWORD';
SQL""",
    )
