"""Operations for the site: its code, secrets, database and static files. pyinfra knows nothing of Django."""

from provisioning.operations.base import LIB, MAKE_BACKUPS, VENV, ensure


def checkout(folder: str, revision: str, bundle_path: str):
    """The code of one revision, and nothing else, in a folder that only root may change.

    Where it is a link, a release was made by hand (lesson 09): its links and folders beside this one are removed.

    pyinfra's `git.repo` follows a branch. It cannot check out a revision, and keeps changes made by hand.
    """
    git, stage = f"git -C {folder}", folder.rpartition("/")[0]
    return ensure(
        name=f"Code at revision {revision[:10]}",
        holds=f'[ ! -L {folder} ] && [ "$({git} rev-parse HEAD)" = {revision} ]'
              f' && [ -z "$({git} status --porcelain --ignored)" ]'
              f' && [ -z "$(find {folder} ! -user root -print -quit)" ]',
        otherwise=f"set -e; if [ -L {folder} ]; then find {stage} -maxdepth 1 -type l -delete;"
                  f" rm -rf {stage}/releases {stage}/good; fi;"
                  f" umask 022; mkdir -p {folder}; chown -R root:root {folder}; git init -q {folder};"
                  f" {git} fetch -q {bundle_path} main; {git} checkout -q -f --detach {revision};"
                  f" {git} reset -q --hard; {git} clean -q -f -f -d -x",
    )


def secret(path: str, variable: str):
    """A secret of the application, generated on the machine. Only root and the application may read it.

    pyinfra can write a file only with content that it knows; this content never leaves the machine.
    """
    arguments = f"{path} {variable} deploylab"
    return ensure(name=f"Secret {variable}", holds=f"{LIB}/secret --check {arguments}",
                  otherwise=f"{LIB}/secret {arguments}")


def migrated(stage: str, start_over: str):
    """No migration is pending.

    MariaDB cannot undo a CREATE TABLE: a migration that was killed leaves tables, and the next attempt fails because
    of them. Only in that case the database is moved to the backups and created from scratch.

    Args:
        stage: the first arguments of `deploylab-manage`: the stage's name, and NAME=VALUE of a variant.
        start_over: a command that empties the database, and saves the old one in /var/backups.
    """
    migrate = f"deploylab-manage {stage} migrate --noinput"
    half_finished = "already exists|doesn.t exist|no such table|Duplicate column|not a database|malformed"
    return ensure(
        name="Migrations", holds=f"deploylab-manage {stage} migrate --check",
        otherwise=f"{MAKE_BACKUPS}; output=$({migrate} 2>&1) && exit 0; printf '%s\\n' \"$output\";"
                  f" printf '%s' \"$output\" | grep -qE \"{half_finished}\" || exit 1; {start_over} && {migrate}",
    )


def seeded(stage: str, command: str, digest_command: str):
    """The database has the rows of the course. Rows that people added stay, unless they conflict with those."""
    manage = f"deploylab-manage {stage}"
    return ensure(name="Data", holds=f"{manage} {digest_command} --check",
                  otherwise=f"{manage} {command} || {manage} {command} --reset")


def collected(stage: str, folder: str, hashed: bool = False, brotli: bool = False):
    """The folder of the stage has the static files of the site, byte for byte, and nothing else.

    Args:
        hashed: with bundles, and with a compressed copy of each file that becomes smaller.
        brotli: with a second copy, by Brotli.
    """
    manage, user = f"deploylab-manage {stage}", "setpriv --reuid deploylab --regid deploylab --init-groups"
    only_gzip = "" if brotli else " --no-brotli"
    compress = [f"{manage} compress --verbosity 0",
                f"{user} {VENV}/bin/python -m whitenoise.compress --quiet{only_gzip} {folder}"]
    commands = [f"{manage} collectstatic --noinput --clear --verbosity 0", *(compress if hashed else [])]
    bundled = f"DEPLOYLAB_BUNDLED='--quiet{only_gzip}' " if hashed else ""
    return ensure(name="Static files", holds=f'{bundled}{manage} shell --no-imports -c "$(cat {LIB}/collected.py)"',
                  otherwise=f"umask 022; {' && '.join(commands)}")


def database_user(name: str, user: str, password_file: str):
    """A MariaDB user with a password that only the machine knows, and a database in UTF-8, also if it existed before.

    pyinfra's `mysql.user` puts the password on a command line, where every user can read it, and neither it nor
    `mysql.database` changes what exists. Here the SQL is sent on standard input.
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
