"""The files that a browser fetches to show a page.

These are style sheets, icons, scripts and pictures of a page, and what a style sheet imports or names with
`url(…)`. No script is run, and every picture and font is fetched, while a browser may leave out
what is not visible.
"""

import re
from functools import lru_cache
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin, urlsplit

from deploylab.core.errors import LoadError
from deploylab.load.allowed import PORTS, split

FETCHED = {"stylesheet", "icon", "preload", "modulepreload"}  # kinds of <link> that are fetched
CSS_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
CSS_URL = re.compile(r"""url\(\s*(?:"([^"]*)"|'([^']*)'|([^)"'\s]*))\s*\)|@import\s+(?:"([^"]*)"|'([^']*)')""")


@lru_cache(maxsize=64)  # most visits get the same bytes, and parsing costs more than fetching
def of_page(text: str, url: str) -> tuple[str, ...]:
    """The paths that a page refers to, each once, in the order of the page.

    Args:
        text: the HTML.
        url: of the page.

    Raises:
        LoadError: it refers to another server.

    Example:
        >>> of_page('<img src="/a.png"><img src="b.png#x"><script>1</script>', "http://127.0.0.1:8000/days/")
        ('/a.png', '/days/b.png')
    """
    page = _Page()
    page.feed(text)
    page.close()
    return _paths(page.found, url)


@lru_cache(maxsize=64)
def of_style_sheet(text: str, url: str) -> tuple[str, ...]:
    """The paths that a style sheet refers to. Args and Raises: as `of_page`.

    Example:
        >>> of_style_sheet('@import "b.css"; p { background: url(/c.svg) } /* url(d) */', "http://127.0.0.1/a/a.css")
        ('/a/b.css', '/c.svg')
    """
    return _paths(_in_css(text), url)


class _Page(HTMLParser):
    """Collects the references of a page."""

    def __init__(self):
        super().__init__()
        self.found: list[str] = []
        self._in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "link" and FETCHED & set(given.get("rel", "").lower().split()):
            self.found.append(given.get("href", ""))
        elif tag in ("script", "img"):
            self.found.append(given.get("src", ""))
        self._in_style = tag == "style"

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.found += _in_css(data)

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False


def _in_css(text: str) -> list[str]:
    return ["".join(groups) for groups in CSS_URL.findall(CSS_COMMENT.sub("", text))]


def _paths(references: list[str], url: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(path for reference in references if (path := _path(reference.strip(), url))))


def _path(reference: str, url: str) -> str:
    """The path on the server of `url`, or "" if there is nothing to fetch."""
    if not reference or reference.startswith(("#", "data:", "about:")):
        return ""
    there = urldefrag(urljoin(url, reference)).url
    if not _same_server(there, url):
        raise LoadError(f"{url} refers to {there}, which is another server. A visit loads only the server under test, "
                        "and a page of this course needs no other.", "serve that file from the site itself")
    return split(there.replace(" ", "%20"))[-1]


def _same_server(url: str, other: str) -> bool:
    a, b = ((parts.scheme, parts.hostname, parts.port or PORTS.get(parts.scheme))
            for parts in (urlsplit(url), urlsplit(other)))
    return a == b
