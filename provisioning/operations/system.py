"""Users, folders, links, packages, certificates: the ground of any server."""

from provisioning.operations.base import BACKUPS, LIB, ensure


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


def links(folder: str, targets: dict[str, str]):
    """A folder holds exactly these symbolic links. What somebody else put there is kept in /var/backups.

    Args:
        targets: where each link leads to, by the link's name.
    """
    backup, others = f"/var/backups/deploylab{folder}", " ".join(f"! -name {name}" for name in targets)
    wanted = "\n".join(sorted(f"{name} {target}" for name, target in targets.items()))
    made = "; ".join(f"ln -sfnT {target} {folder}/{name}" for name, target in targets.items())
    return ensure(
        name=f"Links in {folder}",
        holds=f"[ \"$(find {folder} -mindepth 1 -maxdepth 1 -printf '%f %l\\n' | LC_ALL=C sort)\" = '{wanted}' ]",
        otherwise=f"set -e; {BACKUPS}; mkdir -p {folder} {backup};"
                  f" find {folder} -mindepth 1 -maxdepth 1 {others} -exec mv -f -t {backup} {{}} +; {made}",
    )


def only(folder: str, names: list[str]):
    """A folder holds no file but these. What somebody else put there is kept in /var/backups.

    Two servers of one name, or one broken line in a file that nobody remembers, stop a stage.
    """
    others = f"find {folder} -mindepth 1 -maxdepth 1 " + " ".join(f"! -name {name}" for name in names)
    backup = f"/var/backups/deploylab{folder}"
    return ensure(name=f"Nothing else in {folder}", holds=f'[ -z "$({others})" ]',
                  otherwise=f"{BACKUPS}; mkdir -p {backup} && {others} -exec mv -f -t {backup} {{}} +")


def unpacked(archive: str, folder: str):
    """A folder holds what is in a tar archive."""
    return ensure(name=f"Files in {folder}", holds=f"tar --compare -f {archive} -C {folder}",
                  otherwise=f"mkdir -p {folder} && tar -x --no-same-owner -f {archive} -C {folder}")


def packages(names: list[str]):
    """Debian packages are installed, and none is half-installed. No service is started."""
    text = " ".join(names)
    return ensure(name=f"Packages: {text}", holds=f"{LIB}/install --check {text}", otherwise=f"{LIB}/install {text}")


def certificates(names: list[str]):
    """The machine trusts these authorities, files in /usr/local/share/ca-certificates."""
    known = " && ".join(f"[ -e /etc/ssl/certs/{name.removesuffix('.crt')}.pem ]" for name in names) or "true"
    # By content: dates say nothing on a disk that was copied.
    stale = "grep -hvxFf /etc/ssl/certs/ca-certificates.crt /usr/local/share/ca-certificates/*.crt"
    return ensure(name="Certificates of this network are trusted", holds=f'{known} && [ -z "$({stale})" ]',
                  otherwise="update-ca-certificates")
