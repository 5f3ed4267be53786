"""Reaching a target over HTTPS: whom to trust, and by which name to know it.

A target is asked for by its address, because its name leads nowhere outside the machine. Its certificate is for the
name, signed by an authority that the machine made for itself. So both are told to whatever asks.
"""

from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from deploylab.core import paths
from deploylab.core.files import replace
from deploylab.course import Target
from deploylab.machine.base import Machine

ON_MACHINE = "/etc/deploylab/authority.pem"


def url(host: str, target: Target, path: str) -> str:
    """The address of a page.

    Example:
        >>> from deploylab.course import load
        >>> url("10.0.3.21", load().target("nginx"), "/test/")
        'http://10.0.3.21:8003/test/'
    """
    return f"{'https' if target.tls_name else 'http'}://{host}:{target.port}{path}"


def ca_file(machine: Machine) -> Path:
    """The certificate of the machine's authority, in a file on this computer.

    Raises:
        MachineError: the machine has none, because no stage with TLS was ever set up.
    """
    text = machine.check_output(f"cat {ON_MACHINE}").encode()
    path = paths.state_dir() / "authority.pem"
    if not path.exists() or path.read_bytes() != text:
        replace(path, text)
    return path


def session(machine: Machine, target: Target) -> requests.Session:
    """A session for requests to one target: past every proxy, and with its certificate verified.

    Raises:
        MachineError: as `ca_file`.
    """
    return trusting(str(ca_file(machine)), target.tls_name) if target.tls_name else trusting()


def trusting(ca_file: str | None = None, name: str | None = None) -> requests.Session:
    """A session that goes past every proxy, and over HTTPS expects a certificate for this name, signed by these.

    Args:
        ca_file: the certificates to trust, as PEM; None: those of this system.
        name: the name that the certificate must have; None: the one in the URL.
    """
    made = requests.Session()
    made.trust_env = False  # there is no proxy between the host and its own machine
    if ca_file:
        made.verify = ca_file
    if name:
        made.mount("https://", _ByName(name))
    return made


class _ByName(HTTPAdapter):
    """Connects to the address in the URL, and expects the certificate of a name."""

    def __init__(self, name: str):
        self.name = name
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, server_hostname=self.name, assert_hostname=self.name, **options)
