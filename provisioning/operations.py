"""What pyinfra lacks for this course. Each operation asks first and acts only on a difference.

pyinfra evaluates an operation when its turn comes (`check_for_changes=False` in
`deploylab.converge`), so a test sees what the operations before it did. Never write
`if host.get_fact(...)` in a deploy: that is decided before anything ran.
"""

import hashlib
from io import BytesIO

from pyinfra import host
from pyinfra.api import FileUploadCommand, StringCommand, operation

from provisioning.facts import BundleRevision, FilesAre, Holds

LIB = "/usr/local/lib/deploylab"   # our helper programs on the machine
VENV = "/srv/deploylab/venv"
BACKUPS = "install -d -m 700 /var/backups/deploylab"


@operation()
def ensure(holds: str, otherwise: str, within_s: int = 0, evidence: str = "true"):
    """Run the shell command `otherwise` unless the test `holds`; then the test must hold.

    The other operations are this one with words of their own.

    Args:
        within_s: seconds that the test gets to come true afterwards.
        evidence: a command that shows the reason if it does not: the end of a log.
    """
    if host.get_fact(Holds, test=holds):
        return
    yield StringCommand(otherwise)
    tries = within_s * 5 + 1
    yield StringCommand(
        f"for try in $(seq {tries}); do\n{holds}\n[ $? = 0 ] && exit 0; [ $try = {tries} ] || sleep 0.2; done\n"
        f"{{ {evidence}; echo 'It was done, and the test above still says no.'; }} >&2; exit 1")


@operation()
def placed(files: dict[str, tuple[bytes, str, str]]):
    """These files lie on the machine, owned by root.

    pyinfra's `files.put` asks four questions a file; this one asks one for all of them.

    Args:
        files: by path on the machine: content, mode (three octal digits), group.
    """
    there = host.get_fact(FilesAre, paths=list(files))
    for path, (content, mode, group) in files.items():
        if there.get(path) != f"{hashlib.sha256(content).hexdigest()} {mode} root:{group}":
            part = f"{path}.deploylab-part"  # whole or not at all, and never readable too early
            folder = path.rpartition("/")[0]
            yield StringCommand(f"umask 022; mkdir -p {folder} && umask 077 && : > {part}")
            yield FileUploadCommand(BytesIO(content), part)
            yield StringCommand(f"chown root:{group} {part} && chmod {mode} {part} && mv -T {part} {path}")


@operation()
def bundle(source: str, revision: str, path: str):
    """The git bundle `source` of the host lies at `path`, if the one there has another revision."""
    if host.get_fact(BundleRevision, path=path) != revision:
        yield FileUploadCommand(source, path)


def account(name: str, home: str):
    """A user for a server to run as: nobody logs in as it."""
    words = f"--system --shell /usr/sbin/nologin --home-dir {home}"
    return ensure(name=f"User {name}", holds=f"getent passwd {name} | grep -q ':{home}:/usr/sbin/nologin$'",
                  otherwise=f"useradd {words} --user-group --no-create-home {name}"
                            f" || usermod --shell /usr/sbin/nologin --home {home} {name}")


def owned(folder: str, owner: str):
    """The files right in a folder belong to this user: a command typed as root leaves files of root."""
    others = f"find {folder} -maxdepth 1 -type f ! -user {owner}"
    return ensure(name=f"Files in {folder} are {owner}'s", holds=f'[ -z "$({others})" ]',
                  otherwise=f"{others} -exec chown {owner}: {{}} +")


def folder(path: str, mode: str = "755", owner: str = "root:root"):
    """A folder with this mode and owner."""
    return ensure(name=f"Folder {path}", holds=f'[ "$(stat -c "%F %a %U:%G" {path})" = "directory {mode} {owner}" ]',
                  otherwise=f"mkdir -p {path}; chown {owner} {path}; chmod {mode} {path}")


def link(path: str, target: str | None):
    """A symbolic link to `target`, or with None: nothing at that path."""
    if target is None:
        return ensure(name=f"No {path}", holds=f"[ ! -e {path} ] && [ ! -L {path} ]", otherwise=f"rm -rf {path}")
    return ensure(name=f"Link {path}", holds=f'[ "$(readlink {path})" = {target} ]',
                  otherwise=f"ln -sfnT {target} {path}")


def only(folder: str, names: list[str]):
    """A folder holds no file but these. What somebody else put there is kept in /var/backups.

    Two servers of one name, or one broken line in a file that nobody remembers, stop a stage.
    """
    others = f"find {folder} -mindepth 1 -maxdepth 1 " + " ".join(f"! -name {name}" for name in names)
    backup = f"/var/backups/deploylab{folder}"
    return ensure(name=f"Nothing else in {folder}", holds=f'[ -z "$({others})" ]',
                  otherwise=f"{BACKUPS}; mkdir -p {backup} && {others} -exec mv -f -t {backup} {{}} +")


def packages(names: list[str]):
    """Debian packages are installed, and none is half-installed. No service is started."""
    text = " ".join(names)
    return ensure(name=f"Packages: {text}", holds=f"{LIB}/install --check {text}", otherwise=f"{LIB}/install {text}")


def certificates(names: list[str]):
    """The machine trusts these authorities, files in /usr/local/share/ca-certificates."""
    known = " && ".join(f"[ -e /etc/ssl/certs/{name.removesuffix('.crt')}.pem ]" for name in names) or "true"
    stale = "find /usr/local/share/ca-certificates -cnewer /etc/ssl/certs/ca-certificates.crt -name '*.crt'"
    return ensure(name="Certificates of this network are trusted", holds=f'{known} && [ -z "$({stale})" ]',
                  otherwise="update-ca-certificates")


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


def collected(stage: str):
    """Every static file of the site lies in the static root, byte for byte."""
    manage = f"deploylab-manage {stage}"
    return ensure(name="Static files", holds=f'{manage} shell --no-imports -c "$(cat {LIB}/collected.py)"',
                  otherwise=f"{manage} collectstatic --noinput --clear --verbosity 0")


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


def service(unit: str, process: str, files: list[str], *, test: str = "true", act: str = "restart"):
    """A service is enabled and runs with its files as they are now.

    Args:
        process: the whole command line (a regular expression) of the processes that read the files.
        test: a command that refuses bad configuration before it is taken up.
        act: `restart`, or `reload-or-restart` where reading the files again is enough.
    """
    return ensure(
        name=f"Service {unit}",
        holds=f"systemctl -q is-enabled {unit} && systemctl -q is-active {unit} && {_fresh(process, files)}",
        otherwise=f"set -e; {test}; systemctl -q enable {unit}; systemctl {act} {unit}",
        within_s=10,  # a reloaded server lets its old processes finish first
        evidence=f"journalctl -q --no-pager -o cat -u {unit} -n 8",
    )


def supervised(program: str, process: str, files: list[str], ready: str):
    """supervisord runs a program with its files, and with its own table, as they are now.

    Args:
        process: a regular expression on the command line, as for `service`.
        files: what the program read when it started.
        ready: a test that holds once the program answers.
    """
    table = f"/etc/supervisor/conf.d/{program}.conf"
    return ensure(
        name=f"Program {program}",
        # `reread` only tells what differs from the tables in use; it puts nothing into effect.
        holds=f"supervisorctl status {program} | grep -q RUNNING"
              f" && ! supervisorctl reread | grep -q '^{program}: '"
              f" && {_fresh(process, [table, *files])} && {ready}",
        otherwise=f"supervisorctl reread; supervisorctl stop {program}; supervisorctl update {program};"
                  f" supervisorctl start {program} || true",
        within_s=15,
        evidence=f"tail -n 12 /var/log/deploylab/{program.removeprefix('deploylab-')}.log",
    )


def kept(name: str, stage: str, port: int, command: str, files: list[str]):
    """A server runs in the background, kept by nobody: see the program `keep`."""
    keep, words = f"{LIB}/keep", f"{name} {stage} {port} {command}"
    fresh = f'{LIB}/fresh "$(cat /run/deploylab/{name}.pid)" {" ".join(files)}'
    return ensure(name=f"Server on port {port}", holds=f"{keep} --check {words} && {fresh}",
                  otherwise=f"{keep} {words}")


def port_for(program: str, port: int):
    """Nobody but this program listens on the port; a server started by hand there is ended."""
    others = f"ss -Hltnp 'sport = :{port}' | grep -o '(\"[^)]*' | grep -v '^(\"{program}\"'"
    pids = f"{others} | grep -o 'pid=[0-9]*' | cut -d= -f2 | sort -u"
    return ensure(name=f"Port {port} is free for {program}", holds=f'[ -z "$({others})" ]',
                  otherwise=f"kill $({pids}); for _ in 1 2 3 4 5 6 7 8 9 10; do"
                            f' [ "$({others})" ] || exit 0; sleep 0.3; done; kill -KILL $({pids}); sleep 0.3')


def _fresh(process: str, files: list[str]) -> str:
    """A test: there are such processes, and all started after the last change of the files."""
    return f"{LIB}/fresh \"$(pgrep -d, -fx '{process}')\" {' '.join(files)}"
