"""How this host reaches package indexes, so that the machine can do it in the same way.

Companies and universities often have a proxy, a package index or a certificate of their own.
What pip on the host needs, pip in the guest needs too.
"""

import ast
import contextlib
import re
import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from deploylab.bootstrap import bundle

PIP_KEYS = ("index-url", "extra-index-url", "trusted-host", "timeout", "default-timeout")
SECTIONS = ("global", "install", ":env:")  # of the output of `pip config list`, lowest priority first
CERTIFICATES = Path("/usr/local/share/ca-certificates")


def pip_settings(listing: str | None = None) -> dict[str, str]:
    """The host's pip settings that also work on another machine, and its proxy.

    URLs of files and of this host itself are left out: the machine cannot reach them. With a bundle in use the machine
    needs no index: the packages are on it.

    Args:
        listing: the output of `pip config list`; pip is run by default, because only pip reads all its settings.
    """
    if bundle.in_use():
        return {"no-index": "true", "find-links": f"{bundle.ON_GUEST}/{bundle.GUEST_WHEELS}"}
    options = _pip_options(_pip_listing() if listing is None else listing)
    settings = {key: options[key] for key in PIP_KEYS if key in options}
    for key in ("index-url", "extra-index-url"):
        urls = [url for url in settings.pop(key, "").split() if elsewhere(url)]
        settings |= {key: " ".join(urls)} if urls else {}
    if "default-timeout" in settings:
        settings["timeout"] = settings.pop("default-timeout")
    proxy = proxies()
    return settings | ({"proxy": proxy["https"]} if "https" in proxy else {})


def proxies() -> dict[str, str]:
    """The host's web proxies by scheme, without those that only this host can reach."""
    return {scheme: url for scheme, url in named_proxies().items() if elsewhere(url)}


def named_proxies() -> dict[str, str]:
    """The web proxies that this host's environment names, by scheme, as whole URLs.

    Many people leave out the proxy's own scheme (`http_proxy=proxy:3128`), and curl, pip and browsers take it as http.
    """
    return {scheme: url if "://" in url else f"http://{url}" for scheme, url in getproxies().items()
            if scheme in ("http", "https") and url}


def certificates(folder: Path = CERTIFICATES) -> dict[str, str]:
    """The certificate authorities that this host trusts besides the usual ones: file name and PEM text."""
    authorities = {}
    for path in sorted(folder.rglob("*.crt")):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            authorities[re.sub(r"[^\w.-]", "_", path.name)] = path.read_text(encoding="ascii")
    return authorities


def elsewhere(url: str) -> bool:
    """True for a web URL that does not point to this host itself.

    >>> elsewhere("https://packages.example/simple"), elsewhere("http://127.0.0.1:3141/"), elsewhere("file:///wheels")
    (True, False, False)
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or parts.hostname in (None, "localhost"):
        return False
    try:
        return not ip_address(parts.hostname).is_loopback
    except ValueError:
        return True


def _pip_options(listing: str) -> dict[str, str]:
    """The options of `pip install`, from the list of all settings; values of several lines are joined."""
    sections: dict[str, dict[str, str]] = {section: {} for section in SECTIONS}
    for line in listing.splitlines():
        match = re.match(r"([\w:-]+)\.([\w-]+)=(.*)$", line)
        if match and match[1] in sections:
            sections[match[1]][match[2]] = " ".join(ast.literal_eval(match[3]).split())
    return {key: text for section in sections.values() for key, text in section.items()}


def _pip_listing() -> str:
    done = subprocess.run([sys.executable, "-P", "-m", "pip", "config", "list"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)
    return done.stdout
