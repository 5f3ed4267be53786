"""What this computer can reach: package indexes, and what may be in between: proxies, certificates, a VPN."""

import http.client
import re
import shutil
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from deploylab.bootstrap import bundle
from deploylab.bootstrap.progress import redact
from deploylab.core import units
from deploylab.machine import lxc, network
from deploylab.machine.doctor.finding import NOTE, OK, PROBLEM, Finding

WAIT_S = 8
TUNNELS = re.compile(r"^(tun|tap|wg|ppp|utun|tailscale|nordlynx|ipsec)\d*")
OFFLINE = "join another network; without any, get a bundle from somebody who has one: ./lab up --bundle FILE"
FROM_BUNDLE = "from the bundle in use; no network needed"


def index() -> Finding:
    """Whether pip reaches its package index; pip itself tries it, with its own proxy, certificates and passwords."""
    if bundle.in_use():
        return Finding("Python index", OK, FROM_BUNDLE)
    began_s = time.monotonic()
    done = subprocess.run([sys.executable, "-P", "-m", "pip", "index", "versions", "pip", "-vv", "--retries", "0",
                           "--timeout", str(WAIT_S)], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    urls = re.findall(r"^\* (https?://\S+)$", done.stdout, re.MULTILINE)  # its index first, then the extra ones
    host = urlsplit(urls[0]).hostname if urls else "pip"
    if urls and (failed := re.search(rf"Could not fetch URL {re.escape(urls[0])}: (.*)", done.stdout)):
        return _unreached("Python index", host, failed[1])
    if done.returncode:
        return _unreached("Python index", host, done.stderr.strip())
    return _answers("Python index", host, began_s) if urls else Finding(
        "Python index", OK, "a folder of this computer; no network needed")


def distribution() -> Finding:
    """Whether the first mirror of the distribution's packages answers."""
    if bundle.in_use():
        return Finding("packages", OK, FROM_BUNDLE)
    if not shutil.which("apt-get"):
        return Finding("packages", OK, "not by apt on this system")
    listed = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI)$(RELEASE)"], capture_output=True,
                            text=True, stdin=subprocess.DEVNULL).stdout.split()
    mirrors = [line for line in listed if line.startswith("http")]
    if not mirrors:
        return Finding("packages", NOTE, "apt has no mirror on the network", "look into /etc/apt/sources.list.d/")
    base = mirrors[0].split("://", 1)[1].split("/")
    address = f"{mirrors[0].split('://')[0]}://{base[0]}/"
    return _reached("packages", address)


def certificates() -> Finding:
    """Certificate authorities besides the usual ones: a network that inspects encrypted traffic has one."""
    authorities = network.certificates()
    if authorities:
        return Finding("certificates", OK, f"{len(authorities)} added on this computer; the machine gets them too")
    return Finding("certificates", OK, f"the usual ones ({ssl.get_default_verify_paths().openssl_cafile})")


def proxy() -> Finding:
    """The web proxy. The machine uses it too, unless only this computer can reach it."""
    proxies = network.named_proxies()
    if not proxies:
        return Finding("proxy", OK, "none")
    text = ", ".join(f"{scheme}: {redact(url)}" for scheme, url in sorted(proxies.items()))
    if others := sorted({url.partition("://")[0] for url in proxies.values()} - {"http", "https"}):
        return Finding("proxy", NOTE, text, f"the machine's apt and pip are not told of a {others[0]} proxy: "
                                            "name one that begins with http://")
    if any(not network.elsewhere(url) for url in proxies.values()):
        return Finding("proxy", NOTE, text, "the machine cannot reach a proxy on this computer itself: "
                                            "let it listen on the bridge too, or use another")
    return Finding("proxy", OK, text)


def vpn(interfaces: list[str] | None = None, routes: str | None = None) -> Finding:
    """A VPN may use the guest's addresses itself, or block local networks.

    Args:
        interfaces: names of network interfaces; read from the kernel if None.
        routes: the output of `ip route`; it is run if None.
    """
    if interfaces is None:
        interfaces = [path.name for path in Path("/sys/class/net").glob("*")]
    tunnels = sorted(name for name in interfaces if TUNNELS.match(name))
    if routes is None:
        routes = _routes()
    taken = [line for line in routes.splitlines() if line.startswith("10.0.3.") and f"dev {lxc.BRIDGE}" not in line]
    if taken:
        return Finding("VPN", PROBLEM, f"the guest's network 10.0.3.0/24 is taken: {taken[0].strip()}",
                       "disconnect the VPN while you take the course, or set LXC_ADDR in /etc/default/lxc-net")
    if tunnels:
        return Finding("VPN", NOTE, f"{', '.join(tunnels)} is up",
                       "if the machine does not answer or finds no packages, disconnect the VPN and try again")
    return Finding("VPN", OK, "none found")


def _reached(name: str, address: str) -> Finding:
    """Whether a server answers at that address; its response does not matter, because a mirror's root may be empty."""
    host = urlsplit(address).hostname or address
    began_s = time.monotonic()
    try:
        urllib.request.urlopen(address, timeout=WAIT_S).close()  # noqa: S310 (what apt asks, from its own settings)
    except urllib.error.HTTPError as error:
        error.close()
    except (OSError, ValueError, http.client.HTTPException) as error:
        return _unreached(name, host, str(getattr(error, "reason", error)))
    return _answers(name, host, began_s)


def _answers(name: str, host: str, began_s: float) -> Finding:
    return Finding(name, OK, f"{host} answers in {units.seconds(time.monotonic() - began_s)}")


def _unreached(name: str, host: str, reason: str) -> Finding:
    """A finding with the reason why nothing answers, taken from the error message."""
    if distrusted := re.search(r"certificate verify failed: ([^(]+)", reason):
        return Finding(name, PROBLEM, f"{host}: its certificate is not trusted ({distrusted[1].strip()})",
                       "this network inspects encrypted traffic: put its certificate into "
                       f"{network.CERTIFICATES}/ and run `sudo update-ca-certificates`, or join another network")
    plain = re.search(r"\[Errno -?\d+\] [^'\")]+|timed out", reason)
    return Finding(name, PROBLEM, f"{host}: {plain[0] if plain else redact(reason)}", OFFLINE)


def _routes() -> str:
    try:
        return subprocess.run(["ip", "route"], capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout
    except FileNotFoundError:
        return ""
