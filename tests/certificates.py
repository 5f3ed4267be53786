"""Certificates for servers of the tests, signed by an authority that exists for one test run."""

import atexit
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import trustme


@cache
def authority() -> trustme.CA:
    return trustme.CA()


@cache
def folder() -> Path:
    path = Path(tempfile.mkdtemp(prefix="deploylab-certificates-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


@cache
def ca_file() -> str:
    """The file with the authority's certificate, for a client to trust."""
    path = folder() / "ca.pem"
    authority().cert_pem.write_to_path(path)
    return str(path)


@cache
def server_file(name: str = "127.0.0.1", days: int = 2, key: str = "ECDSA") -> str:
    """The file with a server's certificate and its key.

    Args:
        name: whom it is for.
        days: how long it is valid from now on; negative for one that has expired.
        key: "ECDSA" or "RSA".
    """
    path = folder() / f"{name}-{days}-{key}.pem"
    not_after = datetime.now(UTC) + timedelta(days=days)
    made = authority().issue_cert(name, not_before=not_after - timedelta(days=9), not_after=not_after,
                                  key_type=trustme.KeyType[key])
    made.private_key_and_cert_chain_pem.write_to_path(path)
    return str(path)
