"""Folders with nothing else in them, owners, certificates."""

from provisioning.operations.base import BACKUPS, BACKUPS_THERE, ensure


def owned(folder: str, owner: str):
    """The files right in a folder belong to this user: a command typed as root leaves files of root.

    pyinfra's `files.directory` looks at the files in a folder only where the folder itself has another owner.
    """
    others = f"find {folder} -maxdepth 1 -type f ! -user {owner}"
    return ensure(name=f"Files in {folder} are {owner}'s", holds=f'[ -z "$({others})" ]',
                  otherwise=f"{others} -exec chown {owner}: {{}} +")


def links(folder: str, targets: dict[str, str]):
    """A folder holds exactly these symbolic links. What somebody else put there is kept in /var/backups.

    pyinfra's `files.link` makes one, and leaves others where they are. An Apache has
    ten in three folders: three questions instead of thirteen.

    Args:
        targets: where each link leads to, by the link's name.
    """
    backup, others = f"{BACKUPS}{folder}", " ".join(f"! -name {name}" for name in targets)
    wanted = "\n".join(sorted(f"{name} {target}" for name, target in targets.items()))
    made = "; ".join(f"ln -sfnT {target} {folder}/{name}" for name, target in targets.items())
    return ensure(
        name=f"Links in {folder}",
        holds=f"[ \"$(find {folder} -mindepth 1 -maxdepth 1 -printf '%f %l\\n' | LC_ALL=C sort)\" = '{wanted}' ]",
        otherwise=f"set -e; {BACKUPS_THERE}; mkdir -p {folder} {backup};"
                  f" find {folder} -mindepth 1 -maxdepth 1 {others} -exec mv -f -t {backup} {{}} +; {made}",
    )


def only(folder: str, names: list[str]):
    """A folder holds no file but these. What somebody else put there is kept in /var/backups.

    Two servers of one name, or one broken line in a file that nobody remembers, stop a stage. pyinfra's `files.sync`
    can delete what is too much, but keeps no copy.
    """
    others = f"find {folder} -mindepth 1 -maxdepth 1 " + " ".join(f"! -name {name}" for name in names)
    backup = f"{BACKUPS}{folder}"
    return ensure(name=f"Nothing else in {folder}", holds=f'[ -z "$({others})" ]',
                  otherwise=f"{BACKUPS_THERE}; mkdir -p {backup} && {others} -exec mv -f -t {backup} {{}} +")


def certificates(names: list[str]):
    """The machine trusts these authorities, files in /usr/local/share/ca-certificates.

    pyinfra has no operation for it.
    """
    known = " && ".join(f"[ -e /etc/ssl/certs/{name.removesuffix('.crt')}.pem ]" for name in names) or "true"
    # By content: dates say nothing on a disk that was copied.
    stale = "grep -hvxFf /etc/ssl/certs/ca-certificates.crt /usr/local/share/ca-certificates/*.crt"
    return ensure(name="Certificates of this network are trusted", holds=f'{known} && [ -z "$({stale})" ]',
                  otherwise="update-ca-certificates")
