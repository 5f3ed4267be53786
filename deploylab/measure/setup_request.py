"""What a view is asked once, before a load: the headers that a real client would have by then.

A browser that has a file already sends its ETag; one that posts a form has been given a token. The load
engine repeats one request, so both are fetched here, with the headers of the load.
"""

from collections.abc import Callable

import requests

from deploylab.core.errors import LoadError
from deploylab.course import View

TIMEOUT_S = 10.0


def headers(view: View, url: str) -> dict[str, str]:
    """The headers that the load of this view sends beside its own; {} for a view without a prelude.

    Args:
        view: its `prelude` is "etag", "csrf" or None.
        url: of one of its pages, on the server under load.

    Raises:
        LoadError: the server did not answer, or not with what is needed.

    Example:
        >>> headers(course.view("asset_again"), "http://10.0.3.21:8003/static/programme/site.css")  # doctest: +SKIP
        {'If-None-Match': '"6a1b-2f3c"'}
    """
    if view.prelude is None:
        return {}
    if view.prelude not in PRELUDES:
        raise LoadError(f"View {view.name} has the prelude '{view.prelude}'. The preludes are: {', '.join(PRELUDES)}.",
                        "mend [app.views] in provisioning/course.toml")
    return PRELUDES[view.prelude](_ask(view, url), url)


def _etag(answer: requests.Response, url: str) -> dict[str, str]:
    """To ask: has it changed since? Source: RFC 9110, 13.1.2."""
    if "ETag" not in answer.headers:
        raise LoadError(f"{url} comes without an ETag, so a client cannot ask whether its copy is still good. "
                        "Whoever serves this file makes none.", f"curl -I {url}")
    return {"If-None-Match": answer.headers["ETag"]}


def _csrf(answer: requests.Response, url: str) -> dict[str, str]:
    """What Django wants of a program that posts: the cookie, and its value in a header.

    Over plain HTTP it asks for no Referer, and compares Origin only where there is one.
    """
    token = answer.cookies.get("csrftoken")
    if not token:
        raise LoadError(f"{url} sets no cookie named csrftoken, so what is posted there would be refused. "
                        "The page behind it has no form, or a cache took the cookie away.", f"curl -i {url}")
    return {"Cookie": f"csrftoken={token}", "X-CSRFToken": token}


PRELUDES: dict[str, Callable[[requests.Response, str], dict[str, str]]] = {"etag": _etag, "csrf": _csrf}


def _ask(view: View, url: str) -> requests.Response:
    """One GET, by the engine's headers: a compressed copy has an ETag of its own."""
    with requests.Session() as session:
        session.trust_env = False  # no proxy stands between the host and its own machine
        session.headers.clear()
        wanted = {"User-Agent": "deploylab", "Accept": "*/*", "Accept-Encoding": "identity", **view.headers}
        try:
            answer = session.get(url, headers=wanted, timeout=TIMEOUT_S, allow_redirects=False)
        except requests.RequestException as error:
            reason = "it timed out" if isinstance(error, requests.Timeout) else "there was no connection"
            raise LoadError(f"{url} was asked before the load of view {view.name}, and gave no answer: {reason}.",
                            "./lab check") from error
    if answer.status_code != 200:
        raise LoadError(f"{url} was asked before the load of view {view.name}, and gave {answer.status_code} "
                        "instead of 200.", "./lab check")
    return answer
