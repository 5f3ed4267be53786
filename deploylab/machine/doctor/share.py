"""The findings as a text that an attendee can send to the instructor, without anything personal."""

import getpass
import re
import socket
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from deploylab.core import paths
from deploylab.machine.doctor.finding import NOTE, OK, PROBLEM, SIGNS, Finding

ADDRESS = re.compile(r"\b(\d{1,3}\.){3}\d{1,3}\b")


def text(findings: Iterable[Finding]) -> str:
    """What the doctor found, to be sent; names of persons, computers and networks are left out."""
    every = list(findings)
    counted = ", ".join(f"{sum(finding.state == state for finding in every)} {word}"
                        for state, word in ((PROBLEM, "to solve"), (NOTE, "worth knowing"), (OK, "in order")))
    lines = [f"deploylab on this computer: {counted}.", ""]
    for finding in every:
        lines.append(f"{SIGNS[finding.state]} {finding.name}: {finding.seen}")
        lines += [f"    {finding.cure}"] if finding.cure else []
    return without_names("\n".join(lines)) + "\n"


def without_names(text: str) -> str:
    """The text without the names of this person, computer and folder, without addresses and network hosts."""
    text = text.replace(str(paths.ROOT), "<this folder>")
    with suppress(RuntimeError):  # an account without a home: a container that runs under a bare number
        text = text.replace(str(Path.home()), "~")
    text = ADDRESS.sub("<address>", text)
    text = re.sub(r"(://)[^\s,/]+", r"\1<host>", text)
    text = re.sub(r"(?m)^(. (?:Python index|packages): )[\w.-]+(?=: | answers)", r"\1<host>", text)
    for name in {socket.gethostname(), _person()} - {"root", "localhost", ""}:
        text = re.sub(rf"\b{re.escape(name)}\b", "<name>", text)
    return text


def _person() -> str:
    """The name of this account; "" if it has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # OSError since Python 3.13
        return ""
