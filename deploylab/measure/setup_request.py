"""Sends one request before a load, to get the headers that a real client would have from an earlier answer.

A browser that has a file already sends its ETag; one that posts a form has a token. The load engine repeats one
request, so both are fetched here, with the same headers as the load sends.
"""

from collections.abc import Callable

import requests

from deploylab.core.errors import LoadError
from deploylab.course import View
from deploylab.machine import https

TIMEOUT_S = 10.0


def headers(view: View, url: str, ca_file: str | None = None, server_name: str | None = None) -> dict[str, str]:
    """The headers that the load of this view sends in addition to its own; {} for a view without a prelude.

    Args:
        view: the view; its `prelude` is "etag", "csrf" or None.
        url: the URL of one of its pages, on the server under load.
        ca_file, server_name: over https, as in the spec of the load.

    Raises:
        LoadError: the server did not answer, or its answer lacks what is needed.

    Example:
        >>> headers(course.view("asset_again"), "http://10.0.3.21:8003/static/programme/site.css")  # doctest: +SKIP
        {'If-None-Match': '"6a1b-2f3c"'}
    """
    if view.prelude is None:
        return {}
    if view.prelude not in PRELUDES:
        raise LoadError(f"View {view.name} has the prelude '{view.prelude}'. The preludes are: {', '.join(PRELUDES)}.",
                        "correct [app.views] in provisioning/course.toml")
    with https.trusting(ca_file, server_name) as session:
        return PRELUDES[view.prelude](_get(session, view, url), url)


def _etag(response: requests.Response, url: str) -> dict[str, str]:
    """The header that asks whether the file has changed. Source: RFC 9110, 13.1.2."""
    if "ETag" not in response.headers:
        raise LoadError(f"{url} comes without an ETag, so a client cannot ask whether its copy is still valid. "
                        "The server that serves this file sends none.", f"curl -I {url}")
    return {"If-None-Match": response.headers["ETag"]}


def _csrf(response: requests.Response, url: str) -> dict[str, str]:
    """The headers that Django expects from a program that posts: the cookie, and its value in a header.

    Over https it wants a Referer too, from the same site. Over plain HTTP it does not.
    """
    token = response.cookies.get("csrftoken")
    if not token:
        raise LoadError(f"{url} sets no cookie named csrftoken, so a post to it would be refused. "
                        "The page has no form, or a cache removed the cookie.", f"curl -i {url}")
    came_from = {"Referer": url} if url.startswith("https:") else {}
    return {"Cookie": f"csrftoken={token}", "X-CSRFToken": token, **came_from}


PRELUDES: dict[str, Callable[[requests.Response, str], dict[str, str]]] = {"etag": _etag, "csrf": _csrf}


def _get(session: requests.Session, view: View, url: str) -> requests.Response:
    """The response to one GET, with the headers that the engine sends: a compressed copy has another ETag."""
    session.headers.clear()
    headers = {"User-Agent": "deploylab", "Accept": "*/*", "Accept-Encoding": "identity", **view.headers}
    try:
        response = session.get(url, headers=headers, timeout=TIMEOUT_S, allow_redirects=False)
    except requests.RequestException as error:
        reason = "it timed out" if isinstance(error, requests.Timeout) else "there was no connection"
        raise LoadError(f"The request to {url} before the load of view {view.name} gave no answer: {reason}.",
                        "./lab check") from error
    if response.status_code != 200:
        raise LoadError(f"The request to {url} before the load of view {view.name} gave {response.status_code} "
                        "instead of 200.", "./lab check")
    return response
