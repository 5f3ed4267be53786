"""The two operations that all others are made of, and sending the code."""

import hashlib
from io import BytesIO

from pyinfra import host
from pyinfra.api import FileUploadCommand, StringCommand, operation

from provisioning.facts import BundleRevision, FilesAre, Holds

LIB = "/usr/local/lib/deploylab"   # our helper programs on the machine
VENV = "/srv/deploylab/venv"
BACKUPS = "install -d -m 700 /var/backups/deploylab"


def heard(text: str) -> str:
    """Text that says where a server listens, with this machine's address: loopback where it is somebody's computer."""
    address = host.data.get("address")
    return text.replace("0.0.0.0:", f"{address}:") if address else text


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
        if b"\0" not in content:  # an archive stays as it is
            content = heard(content.decode()).encode()
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
