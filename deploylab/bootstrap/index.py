"""pip's settings, and the package index they name: enough of both to fetch one verified wheel."""

import base64
import configparser
import hashlib
import html.parser
import http.client
import json
import os
import re
import ssl
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit, urlunsplit

from deploylab import bootstrap

# JSON pages (PEP 691) where the index has them, else HTML (PEP 503).
ACCEPT = "application/vnd.pypi.simple.v1+json, text/html;q=0.9"

FETCH_FAULTS = (OSError, ValueError, http.client.HTTPException)


class NotThisWay(Exception):
    """This way to pip is closed here; the text says why."""


# --- pip's settings


@dataclass(frozen=True)
class Settings:
    """What pip would read, as far as it matters for fetching one file."""

    indexes: tuple[str, ...] = ()  # pages in the form of PEP 503 or 691
    folders: tuple[str, ...] = ()  # `find-links`: folders, or pages with links
    cert: str = ""  # a file or folder of trusted certificates
    proxy: str = ""
    timeout_s: float = 15

    @classmethod
    def read(cls, environ=os.environ) -> "Settings":
        """The settings from pip's files and PIP_… variables; the later source wins, as in pip."""
        values = {}
        for section in ("global", "install"):  # in this order: what is said for `install` is stronger
            for path in config_files(environ):
                values |= from_file(path, section)
        named = {name: text for name, text in environ.items() if name.startswith("PIP_") and text}
        values |= {name[4:].lower().replace("_", "-"): text for name, text in named.items()}
        indexes = f"{values.get('index-url', '')} {values.get('extra-index-url', '')}".split()
        cert = values.get("cert") or environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE") or ""
        return cls(
            indexes=() if is_true(values.get("no-index", "")) else tuple(map(as_url, indexes)),
            folders=tuple(map(as_url, values.get("find-links", "").split())),
            cert=cert,  # SSL_CERT_FILE and SSL_CERT_DIR are read by Python's ssl itself
            proxy=values.get("proxy", ""),
            timeout_s=seconds(values.get("timeout") or values.get("default-timeout", "")),
        )


def config_files(environ) -> list[Path]:
    """pip's configuration files, the weakest first."""
    home = Path(environ.get("HOME") or Path.home())
    named = environ.get("PIP_CONFIG_FILE", "")
    if named == os.devnull:  # pip's way to say "no files at all"
        return []
    shared = (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":")
    files = [Path(folder, "pip/pip.conf") for folder in shared]
    files += [Path("/Library/Application Support/pip/pip.conf"), Path("/etc/pip.conf")]
    if not (named and os.path.exists(named)):  # a file named by the variable replaces the person's own
        config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
        folders = [home / ".pip", home / "Library/Application Support/pip", config / "pip"]
        files += [folder / "pip.conf" for folder in folders]
    return files + ([Path(named)] if named else [])


def from_file(path: Path, section: str) -> dict[str, str]:
    """One section of one file; empty where either is missing or unreadable."""
    parser = configparser.RawConfigParser()
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        return {}
    pairs = parser.items(section) if parser.has_section(section) else []
    return {name.replace("_", "-"): text for name, text in pairs if text}


def is_true(text: str) -> bool:
    """pip's idea of yes."""
    return text.lower() in ("1", "true", "yes", "on", "y", "t")


def seconds(text: str) -> float:
    """pip's `timeout`, or its default."""
    return float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else Settings.timeout_s


def as_url(place: str) -> str:
    """A URL as it is; a folder as a file: URL."""
    is_url = "://" in place or place.startswith("file:")
    return place if is_url else Path(place).expanduser().absolute().as_uri()


# --- the index


@dataclass(frozen=True)
class Wheel:
    """One link on an index page."""

    filename: str
    url: str
    sha256: str = ""
    requires_python: str = ""

    @property
    def version(self) -> tuple[int, ...]:
        """The version; empty for anything that is not a released wheel of pip."""
        match = re.fullmatch(r"pip-(\d+(?:\.\d+)*)-(?:py2\.)?py3-none-any\.whl", self.filename)
        return numbers(match[1]) if match else ()


def numbers(version: str) -> tuple[int, ...]:
    """`26.2.1` as (26, 2, 1)."""
    return tuple(int(part) for part in version.split("."))


def candidates(settings: Settings) -> list[Wheel]:
    """Every link to pip that the settings lead to. A page that does not answer is left out."""
    pages = [url.rstrip("/") + "/pip/" for url in settings.indexes] + list(settings.folders)
    if not pages:
        raise NotThisWay("pip's settings name no package index")
    wheels, faults = [], []
    for page in pages:
        try:
            wheels += links(page, settings)
        except FETCH_FAULTS as error:
            faults.append(f"{redact(page)}: {error}")
    if not wheels and faults:
        raise NotThisWay("the package index has no answer: " + "; ".join(faults))
    return wheels


def choose(wheels: list[Wheel], python: tuple[int, ...], pin: str = "") -> Wheel:
    """The newest wheel of pip that runs on this Python; the pinned one where constraints.txt names one."""
    fit = [wheel for wheel in wheels if wheel.version and allows(wheel.requires_python, python)]
    if pin:
        fit = [wheel for wheel in fit if wheel.version == numbers(pin)]
    if not fit:
        raise NotThisWay(f"the package index has no wheel of pip {pin}".rstrip() + " for this Python")
    return max(fit, key=lambda wheel: wheel.version)


def pinned(constraints: Path) -> str:
    """pip's version in constraints.txt, or nothing."""
    match = re.search(r"(?m)^pip==(\d+(?:\.\d+)*)", bootstrap.read(str(constraints)))
    return match[1] if match else ""


def allows(spec: str, python: tuple[int, ...]) -> bool:
    """True if a Requires-Python such as `>=3.9,!=3.10.*` holds. A clause that we cannot read does not."""
    return all(allows_clause(clause.strip(), python) for clause in spec.split(",") if clause.strip())


def allows_clause(clause: str, python: tuple[int, ...]) -> bool:
    """One clause of PEP 440, for releases only."""
    match = re.fullmatch(r"(>=|<=|==|!=|~=|>|<)\s*(\d+(?:\.\d+)*)(\.\*)?", clause)
    if not match:
        return False
    sign, asked, star = match[1], numbers(match[2]), bool(match[3])
    if star:
        return (python[: len(asked)] == asked) == (sign == "==")
    full = asked + (0,) * (3 - len(asked))
    return {
        ">=": python >= full,
        "<=": python <= full,
        "==": python == full,
        "!=": python != full,
        ">": python > full,
        "<": python < full,
        "~=": python >= full and python[: len(asked) - 1] == asked[:-1],
    }[sign]


def links(page: str, settings: Settings) -> list[Wheel]:
    """The files that a page or folder offers."""
    folder = Path(unquote(urlsplit(page).path))
    if page.startswith("file:") and folder.is_dir() and not (folder / "index.html").exists():
        return [Wheel(file.name, file.as_uri()) for file in folder.iterdir()]
    body, kind, final = fetch(page, settings)
    if "json" in kind:
        files = [file for file in json.loads(body)["files"] if not file.get("yanked")]
        return [
            Wheel(file["filename"], urljoin(final, file["url"]), file.get("hashes", {}).get("sha256", ""),
                  file.get("requires-python") or "")
            for file in files
        ]  # fmt: skip
    reader = PageReader(final)
    reader.feed(body.decode("utf-8", "replace"))
    return reader.wheels


class PageReader(html.parser.HTMLParser):
    """The links of a PEP 503 page."""

    def __init__(self, base: str):
        super().__init__()
        self.base = base
        self.wheels: list[Wheel] = []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        """Take in a link; one that was withdrawn (`data-yanked`) is left out."""
        about = dict(attrs)
        if tag == "base" and about.get("href"):
            self.base = urljoin(self.base, about["href"])
        if tag == "a" and about.get("href") and "data-yanked" not in about:
            url, fragment = urldefrag(urljoin(self.base, about["href"]))
            sha256 = fragment.removeprefix("sha256=") if fragment.startswith("sha256=") else ""
            name = unquote(urlsplit(url).path.rsplit("/", 1)[-1])
            self.wheels.append(Wheel(name, url, sha256, about.get("data-requires-python") or ""))


def download(wheel: Wheel, settings: Settings) -> bytes:
    """The wheel's bytes as they came."""
    try:
        return fetch(wheel.url, settings)[0]
    except FETCH_FAULTS as error:
        raise NotThisWay(f"{redact(wheel.url)}: {error}") from error


def verified(wheel: Wheel, body: bytes) -> bytes:
    """The wheel's bytes, if they are what the index promised."""
    seen = hashlib.sha256(body).hexdigest()
    if wheel.sha256 and seen != wheel.sha256:
        promised = f"its sha256 is {seen}, the index promised {wheel.sha256}"
        raise NotThisWay(f"{wheel.filename} is refused: {promised}")
    return body


def fetch(url: str, settings: Settings) -> tuple[bytes, str, str]:
    """What lies at a URL: bytes, content type, and the URL after redirects."""
    if url.startswith("file:"):
        path = Path(unquote(urlsplit(url).path))
        return (path / "index.html" if path.is_dir() else path).read_bytes(), "text/html", url
    plain, headers = without_password(url)
    request = urllib.request.Request(plain, headers={"Accept": ACCEPT, **headers})  # noqa: S310 (files went the other way)
    with opener(settings).open(request, timeout=settings.timeout_s) as answer:
        return answer.read(), answer.headers.get("Content-Type", ""), answer.url


def opener(settings: Settings) -> urllib.request.OpenerDirector:
    """urllib with pip's certificates and proxy; *_proxy variables it reads itself."""
    where = {"capath" if os.path.isdir(settings.cert) else "cafile": settings.cert} if settings.cert else {}
    handlers = [urllib.request.HTTPSHandler(context=ssl.create_default_context(**where))]
    if settings.proxy:
        handlers.append(urllib.request.ProxyHandler({"http": settings.proxy, "https": settings.proxy}))
    return urllib.request.build_opener(*handlers)


def without_password(url: str) -> tuple[str, dict[str, str]]:
    """The URL without `name:password@`, and the header that says the same."""
    parts = urlsplit(url)
    login, at, host = parts.netloc.rpartition("@")
    header = {"Authorization": "Basic " + base64.b64encode(unquote(login).encode()).decode()} if at else {}
    return urlunsplit(parts._replace(netloc=host)), header


def redact(text: str) -> str:
    """The text without passwords in its URLs: it goes to the screen, and from there into chats."""
    return re.sub(r"(://)[^/@\s]+@", r"\1***@", text)
