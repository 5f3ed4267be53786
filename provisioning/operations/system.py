"""Operations for folders with nothing else in them, for owners, and for certificates."""

from provisioning.operations.base import BACKUPS, MAKE_BACKUPS, ensure


def owned(folder: str, owner: str):
    """The files directly in a folder belong to this user: a command typed as root leaves files that root owns.

    pyinfra's `files.directory` checks the files in a folder only if the folder itself has another owner.
    """
    others = f"find {folder} -maxdepth 1 -type f ! -user {owner}"
    return ensure(name=f"Files in {folder} are {owner}'s", holds=f'[ -z "$({others})" ]',
                  otherwise=f"{others} -exec chown {owner}: {{}} +")


def links(folder: str, targets: dict[str, str]):
    """A folder has exactly these symbolic links. Anything else in it is moved to /var/backups.

    pyinfra's `files.link` makes a single link, and leaves others where they are. An Apache has ten links in three
    folders: three facts to read instead of thirteen.

    Args:
        targets: the target of each link, by the link's name.
    """
    backup, others = f"{BACKUPS}{folder}", " ".join(f"! -name {name}" for name in targets)
    expected = "\n".join(sorted(f"{name} {target}" for name, target in targets.items()))
    make = "; ".join(f"ln -sfnT {target} {folder}/{name}" for name, target in targets.items())
    return ensure(
        name=f"Links in {folder}",
        holds=f"[ \"$(find {folder} -mindepth 1 -maxdepth 1 -printf '%f %l\\n' | LC_ALL=C sort)\" = '{expected}' ]",
        otherwise=f"set -e; {MAKE_BACKUPS}; mkdir -p {folder} {backup};"
                  f" find {folder} -mindepth 1 -maxdepth 1 {others} -exec mv -f -t {backup} {{}} +; {make}",
    )


def only(folder: str, names: list[str]):
    """A folder has only files with these names. Anything else in it is moved to /var/backups.

    Two servers with the same name, or a broken line in a forgotten file, can stop a stage. pyinfra's `files.sync` can
    delete other files, but keeps no copy.
    """
    others = f"find {folder} -mindepth 1 -maxdepth 1 " + " ".join(f"! -name {name}" for name in names)
    backup = f"{BACKUPS}{folder}"
    return ensure(name=f"Nothing else in {folder}", holds=f'[ -z "$({others})" ]',
                  otherwise=f"{MAKE_BACKUPS}; mkdir -p {backup} && {others} -exec mv -f -t {backup} {{}} +")


def certificates(names: list[str]):
    """The machine trusts these certificate authorities, which are files in /usr/local/share/ca-certificates.

    pyinfra has no operation for it.
    """
    known = " && ".join(f"[ -e /etc/ssl/certs/{name.removesuffix('.crt')}.pem ]" for name in names) or "true"
    # Compared by content: dates mean nothing on a copied disk.
    stale = "grep -hvxFf /etc/ssl/certs/ca-certificates.crt /usr/local/share/ca-certificates/*.crt"
    return ensure(name="Certificates of this network are trusted", holds=f'{known} && [ -z "$({stale})" ]',
                  otherwise="update-ca-certificates")
