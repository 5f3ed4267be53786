"""Reaching a target over HTTPS: whom to trust, and by which name to know it.

A target is asked for by its address, because its name leads nowhere outside the machine. Its certificate is for the
name, signed by an authority that the machine made for itself. So both are told to whatever asks.
"""

import socket
import ssl
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from deploylab.core import paths
from deploylab.core.files import replace
from deploylab.course import Target
from deploylab.machine.base import Machine

ON_MACHINE = "/etc/deploylab/authority.pem"
TIMEOUT_S = 5.0


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
    path = _here()
    if not path.exists() or path.read_bytes() != text:
        replace(path, text)
    return path


def forget() -> bool:
    """Remove the certificate of a machine that is gone; whether there was one, which a browser may still trust."""
    known = _here().exists()
    _here().unlink(missing_ok=True)
    return known


def _here() -> Path:
    """Where this computer keeps the certificate of the machine's authority."""
    return paths.state_dir() / "authority.pem"


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


def connected(machine: Machine, target: Target, version: ssl.TLSVersion | None = None,
              verified: bool = True) -> ssl.SSLSocket:
    """A connection to a target after the handshake, as a visitor has it who trusts the machine's authority.

    Args:
        version: this version of TLS and no other.
        verified: the certificate is to be for the name, and from that authority.

    Raises:
        OSError: there is no connection, or no handshake; its kind `ssl.SSLCertVerificationError` says what is wrong
            with the certificate.
    """
    context = ssl.create_default_context(cafile=str(ca_file(machine)))
    context.set_alpn_protocols(["h2", "http/1.1"])
    if not verified:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if version:
        if version < ssl.TLSVersion.TLSv1_2:  # otherwise this computer's OpenSSL would refuse to ask for it
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
    plain = socket.create_connection((machine.host, target.port), TIMEOUT_S)
    return context.wrap_socket(plain, server_hostname=target.tls_name)


class _ByName(HTTPAdapter):
    """Connects to the address in the URL, and expects the certificate of a name."""

    def __init__(self, name: str):
        self.name = name
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, server_hostname=self.name, assert_hostname=self.name, **options)
