"""The secrets of a machine, for tests that look for them where they should not be."""

import gzip
from collections.abc import Iterable
from pathlib import Path

from deploylab.machine import Machine, box

# The application's own, and what lets in to Varnish.
ASK = r"""grep -shoE '^[A-Z_]*(KEY|PASSWORD)=.+' /etc/deploylab/*.env | cut -d= -f2-
cat /etc/varnish/secret 2>/dev/null; true"""


def of(machine: Machine) -> set[str]:
    """The secrets that were made on the machine, and the middle of the key that opens it."""
    made = machine.check_output(ASK, sudo=True).split()
    assert all(len(one) > 20 for one in made)
    return {*made, box.key().read_text().splitlines()[3]}


def told(secrets: Iterable[str], *texts: str) -> bool:
    """Whether one of these texts has one of the secrets in it."""
    return any(secret in text for text in texts for secret in secrets)


def holders(secrets: Iterable[str], *folders: Path) -> list[str]:
    """The files of these folders that have one of the secrets in them, unpacked where they are compressed."""
    found = []
    for path in (path for folder in folders for path in folder.rglob("*") if path.is_file()):
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode(errors="replace")
        if told(secrets, text):
            found.append(str(path))
    return found
