"""A test that decides, and the two operations that our others are made of."""

import hashlib
from collections.abc import Callable
from io import BytesIO

from pyinfra import host
from pyinfra.api import FileUploadCommand, StringCommand, operation

from provisioning.facts import FilesAre, Holds

LIB = "/usr/local/lib/deploylab"   # our helper programs on the machine
VENV = "/srv/deploylab/venv"
BACKUPS = "/var/backups/deploylab"
BACKUPS_THERE = f"install -d -m 700 {BACKUPS}"  # made with the first thing that goes there


def heard(text: str) -> str:
    """Text that says where a server listens, with this machine's address: loopback where it is somebody's computer."""
    address = host.data.get("address")
    return text.replace("0.0.0.0:", f"{address}:") if address else text


def unless(test: str) -> Callable[[], bool]:
    """For pyinfra's `_if`: the operation is left out while this shell command ends with status 0.

    It is asked when the operation's turn comes. Where an operation asks more than one question, or
    would report a change each time, this one question stands before them.
    """
    return lambda: not host.get_fact(Holds, test=test)


def missing(packages: list[str]) -> Callable[[], bool]:
    """For `_if` of pyinfra's `apt.packages`: not all of these Debian packages are installed.

    With `update=True` alone apt would fetch its lists each time, and report a change.
    """
    return unless(f"[ $(dpkg-query -W -f '${{db:Status-Status}}\\n' {' '.join(packages)} | grep -cx installed)"
                  f" = {len(packages)} ]")


@operation()
def ensure(holds: str, otherwise: str, within_s: int = 0, evidence: str = "true"):
    """Run the shell command `otherwise` unless the test `holds`; then the test must hold.

    pyinfra's `server.shell` with `_if` does the first half: it does not look whether the command helped.

    Args:
        within_s: seconds that the test gets to come true afterwards.
        evidence: a command that shows the reason if it does not: the end of a log.
    """
    if host.get_fact(Holds, test=holds):
        return
    yield StringCommand(otherwise)
    yield until(holds, within_s, evidence)


def until(holds: str, within_s: int, evidence: str) -> StringCommand:
    """A command that waits for a test, and fails with the evidence if it does not come true.

    Args:
        within_s, evidence: as for `ensure`.
    """
    tries = within_s * 5 + 1
    return StringCommand(
        f"for try in $(seq {tries}); do\n{holds}\n[ $? = 0 ] && exit 0; [ $try = {tries} ] || sleep 0.2; done\n"
        f"{{ {evidence}; echo 'It was done, and the test above still says no.'; }} >&2; exit 1")


@operation()
def placed(files: dict[str, tuple[bytes, str, str]]):
    """These files lie on the machine, owned by root.

    pyinfra's `files.put` asks three questions a file, this one asks one for all of them: 0.9 s instead of 4.1 s for the
    21 files of the stage `nginx`. `files.put` also writes over the file in place, where a reader may see half of it,
    and sets owner and mode afterwards, too late for what is secret.

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
