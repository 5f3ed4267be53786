"""Conditions for operations, and the two operations on which our other operations are built."""

import hashlib
from collections.abc import Callable
from io import BytesIO

from pyinfra import host
from pyinfra.api import FileUploadCommand, StringCommand, operation

from provisioning.facts import FileStates, Holds

LIB = "/usr/local/lib/deploylab"   # our helper programs on the machine
VENV = "/srv/deploylab/venv"
BACKUPS = "/var/backups/deploylab"
MAKE_BACKUPS = f"install -d -m 700 {BACKUPS}"  # the folder is created when it is first needed


def with_address(text: str) -> str:
    """The text with this machine's address in place of 0.0.0.0: loopback, if the machine is somebody's computer."""
    address = host.data.get("address")
    return text.replace("0.0.0.0:", f"{address}:") if address else text


def unless(test: str) -> Callable[[], bool]:
    """For pyinfra's `_if`: skip the operation if this shell command ends with status 0.

    The command runs when the operation's turn comes. Useful if an operation reads several facts, which takes longer, or
    would report a change every time.
    """
    return lambda: not host.get_fact(Holds, test=test)


def missing(packages: list[str]) -> Callable[[], bool]:
    """For `_if` of pyinfra's `apt.packages`: not all of these Debian packages are installed.

    With `update=True` alone apt would fetch its lists every time, and report a change.
    """
    return unless(f"[ $(dpkg-query -W -f '${{db:Status-Status}}\\n' {' '.join(packages)} | grep -cx installed)"
                  f" = {len(packages)} ]")


@operation()
def ensure(holds: str, otherwise: str, within_s: int = 0, evidence: str = "true"):
    """Run the shell command `otherwise` unless the test `holds`; then the test must hold.

    pyinfra's `server.shell` with `_if` does only the first half: it does not check whether the command helped.

    Args:
        within_s: seconds in which the test must become true afterwards.
        evidence: a command that shows the reason if it does not, such as the end of a log.
    """
    if host.get_fact(Holds, test=holds):
        return
    yield StringCommand(otherwise)
    yield until(holds, within_s, evidence)


def until(holds: str, within_s: int, evidence: str) -> StringCommand:
    """A command that waits until a test holds, and fails with the evidence if it does not.

    Args:
        within_s, evidence: as for `ensure`.
    """
    tries = within_s * 5 + 1
    return StringCommand(
        f"for try in $(seq {tries}); do\n{holds}\n[ $? = 0 ] && exit 0; [ $try = {tries} ] || sleep 0.2; done\n"
        f"{{ {evidence}; echo 'The command has run, but the test above still fails.'; }} >&2; exit 1")


@operation()
def placed(files: dict[str, tuple[bytes, str, str]]):
    """These files are on the machine, owned by root.

    pyinfra's `files.put` reads three facts per file, this one a single fact for all of them: 0.9 s instead of 4.1 s for
    the 21 files of the stage `nginx`. `files.put` also overwrites a file in place, so that a reader may see half of it,
    and sets owner and mode afterwards, which is too late for a secret.

    Args:
        files: content, mode (three octal digits) and group of each file, by its path on the machine.
    """
    existing = host.get_fact(FileStates, paths=list(files))
    for path, (content, mode, group) in files.items():
        if b"\0" not in content:  # not an archive
            content = with_address(content.decode()).encode()
        if existing.get(path) != f"{hashlib.sha256(content).hexdigest()} {mode} root:{group}":
            part = f"{path}.deploylab-part"  # replaced in one step, and never readable too early
            folder = path.rpartition("/")[0]
            yield StringCommand(f"umask 022; mkdir -p {folder} && umask 077 && : > {part}")
            yield FileUploadCommand(BytesIO(content), part)
            yield StringCommand(f"chown root:{group} {part} && chmod {mode} {part} && mv -T {part} {path}")
