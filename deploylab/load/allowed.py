"""Which servers may be loaded: the kit's own machines and this computer, nothing else."""

import ipaddress
import re
import socket
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from deploylab.core.errors import LoadError, TargetRefused

RAW = "surrogateescape"  # a byte that is not UTF-8 goes out as that byte
PORTS = {"http": 80, "https": 443}
ACCEPT_S = 1.0  # how long one of several addresses has to accept a connection


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One resolved URL: every connection of a load test goes to this address."""

    url: str
    scheme: str     # "http" or "https"
    name: str       # the host's name, without the port
    host: str       # for the Host header, with the port if it is not the scheme's own
    path: str       # with the query
    family: int     # socket.AF_INET or AF_INET6
    address: tuple  # what connect() takes
    is_local: bool  # the server is on this computer


def resolve(url: str, allowed_addresses: tuple[str, ...] = (), own_up: bool = False) -> Endpoint:
    """The endpoint of a URL, if we may load it. Its name is resolved once.

    If the name has several addresses (`localhost` often has two), the first that accepts a connection is taken, and
    the very first if none does.

    Args:
        url: begins with http:// or https://
        allowed_addresses: IP addresses of the kit's own machines.
        own_up: a person said that the server is their own.

    Raises:
        LoadError: it is not a URL that we can load, or its name does not resolve.
        TargetRefused: it is somebody else's server.

    Example:
        >>> resolve("http://127.0.0.1:8000/test/").address
        ('127.0.0.1', 8000)
    """
    scheme, name, port, path = split(url)
    allowed = {_parse(text) for text in allowed_addresses}
    found = [(family, address, _plain(address[0])) for family, address in _lookup(name, port)]
    ours = [entry for entry in found if own_up or entry[2].is_loopback or entry[2] in allowed]
    if not ours or ours[0] != found[0]:
        raise TargetRefused(
            f"{url} is at {found[0][2]}, which is neither this computer nor one of the lab's machines. "
            "A load test against somebody else's server is an attack.",
            "./lab status (shows the lab's own addresses); if the server is yours, add --own-up")
    family, address, ip = next(filter(_accepts, ours), ours[0]) if len(ours) > 1 else ours[0]
    shown = f"[{name}]" if ":" in name else name
    return Endpoint(url=url, scheme=scheme, name=name, host=shown if port == PORTS[scheme] else f"{shown}:{port}",
                    path=path, family=family, address=address, is_local=ip.is_loopback)


def split(url: str) -> tuple[str, str, int, str]:
    """Scheme, host name, port and path (with query) of a URL that begins with http:// or https://.

    Raises:
        LoadError: it is not one.
    """
    if re.search(r"[\s\x00-\x1f\x7f]", url):
        raise LoadError(f"The URL {url!r} contains whitespace.", "write %20 for a space")
    try:
        parts = urlsplit(url)
        name, port = parts.hostname, PORTS.get(parts.scheme) if parts.port is None else parts.port
    except ValueError as error:
        raise LoadError(f"{url} is not a URL: {error}", "write http://HOST:PORT/PATH") from error
    if parts.scheme not in PORTS or not name:
        raise LoadError(f"{url} is not a URL to load.", "write http://HOST:PORT/PATH")
    if not name.isascii():
        try:
            name = name.encode("idna").decode()  # as it goes into the Host header
        except UnicodeError as error:
            raise LoadError(f"The name {name} is not a host name: {error}", "write http://HOST:PORT/PATH") from error
    if parts.username is not None:
        raise LoadError(f"{url} contains a user name.", "send an Authorization header instead (-H)")
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._", errors=RAW)
    query = f"?{quote(parts.query, safe='%:@!$&()*+,;=~-._/?', errors=RAW)}" if parts.query else ""
    return parts.scheme, name, port, path + query


def _lookup(name: str, port: int) -> list[tuple[int, tuple]]:
    """Family and address of each address of a name. IPv4 first, because the course's servers listen on IPv4."""
    try:
        addresses = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise LoadError(f"The name {name} does not resolve: {error}", "./lab status") from error
    addresses.sort(key=lambda entry: entry[0] != socket.AF_INET)
    return [(entry[0], entry[4]) for entry in addresses]


def _accepts(found: tuple[int, tuple, ipaddress.IPv4Address | ipaddress.IPv6Address]) -> bool:
    """Whether something listens at this address."""
    family, address, _ = found
    with suppress(OSError), socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(ACCEPT_S)
        return not probe.connect_ex(address)
    return False


def _plain(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IP address; an IPv4 address that is mapped into IPv6 becomes IPv4 again."""
    ip = ipaddress.ip_address(text.partition("%")[0])
    return getattr(ip, "ipv4_mapped", None) or ip


def _parse(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return _plain(text)
    except ValueError as error:
        raise LoadError(f"allowed_addresses: {text!r} is not an IP address.") from error
