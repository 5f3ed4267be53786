"""Checks of how responses are delivered: names that never change, compression, caches on the way."""

import re
import shlex
import time

from deploylab.provision.checks import trouble
from deploylab.provision.checks.base import Check, Look, Response, came_by

REFERENCE = re.compile(r"""(?:href|src)=["'](/static/[^"']+\.(?:css|js))["']""")
HASH = re.compile(r"\.[0-9a-f]{12}\.\w+$")
WHO = {"app": "the application", "front": "the server in front", "nobody": "nobody"}
PAUSE_S = 0.2
LATE_S = 5  # in addition to what the application allows: the first request after that still gets the old page
TRIES = 35  # 7 s: a memcached client does not try a server that was away for 5 s
FEW_TRIES = 5  # if nothing should cache it: a cache would have it after the first request


def hashed(look: Look) -> Check:
    """Pages refer to names with a hash of the content; browsers may keep those files forever, or ask and get 304."""
    name = "style sheets and scripts have names with a hash"
    references = REFERENCE.findall(look.page.text)
    if not references:
        return Check(name, False, f"GET {look.view('page').path} gave {look.page.status or look.page.text} and "
                     "refers to no style sheet or script", *trouble.explain(look))
    if plain := [path for path in references if not HASH.search(path)]:
        return Check(name, False, f"the page refers to {plain[0]}, without a hash",
                     _configured(look, "STATIC_FILES|DEBUG"), look.cure())
    for path in references:
        if no := _kept_for_ever(look, path):
            return Check(name, False, *no)
    return Check(name, True, f"{', '.join(references)}: immutable, and 304 for a browser that has them")


def compressed(look: Look) -> Check:
    """Static files are compressed in advance, on the fly, or never, for a browser that accepts gzip."""
    expected, path = look.expect["compressed"], look.view("file").path
    name, answer = f"static files compressed: {expected}", look.get(path, Accept_Encoding="gzip")
    if answer.status != 200:
        return Check(name, False, f"GET {path} gave {answer.status or answer.text}", *trouble.explain(look))
    # A server that compresses while sending does not know the length in advance.
    n_bytes = answer.headers.get("Content-Length")
    is_gzip = answer.headers.get("Content-Encoding") == "gzip"
    observed = "never" if not is_gzip else "ahead" if n_bytes else "on the fly"
    length = f"{n_bytes} bytes" if n_bytes else "length unknown"
    text = f"GET {path} gave {'gzip' if is_gzip else 'plain text'}, {length}"
    if observed == expected:
        return Check(name, True, text)
    copy = "; where gzip_static is on, the compressed file (.gz) is missing" if expected == "ahead" else ""
    return Check(name, False, text, _configured(look, "gzip") + copy, look.cure())


def cached_by(look: Look) -> Check:
    """Whole pages come from a cache, the application's own or one in front, but never pages that forbid it."""
    by = look.expect["cached_by"]
    name = f"whole pages are kept by {WHO[by]}"
    fresh = look.view("wait").path
    if any(_x_cache(look.get(fresh)) == "HIT" for _ in range(2)):
        observed = f"{fresh} says no-store and came from a cache"
        return Check(name, False, observed, _configured(look, "_cache|beresp"), look.cure())
    paths = _cached_paths(look)
    for path in paths:
        who, answer = _keeper(look, path, TRIES if by != "nobody" else FEW_TRIES)
        if answer.status != 200:
            return Check(name, False, f"GET {path} gave {answer.status or answer.text}", *trouble.explain(look))
        if who != by:
            rules = [f"{key}: {answer.headers.get(key, 'none')}" for key in ("Cache-Control", "Set-Cookie")]
            cause = f"the answer has {', '.join(rules)}; {_configured(look, '_cache|beresp')}"
            observed = f"GET {path}: X-Cache: {_x_cache(answer)}, kept by {WHO[who]}"
            return Check(name, False, observed, cause, look.cure())
    return Check(name, True, f"GET {' and '.join(paths)}: X-Cache: {_x_cache(answer)}; never HIT for {fresh}")


def fresh(look: Look) -> Check:
    """A cached page is what the application would return now, at the latest when its time is over."""
    name = "cached pages are no older than the application allows"
    for path in _cached_paths(look):
        own, allowed_s = _made_now(look, path)
        if not own:
            return Check(name, False, f"the application itself gave no ETag for {path}", *trouble.explain(look))
        ends_s = time.monotonic() + allowed_s + LATE_S
        while _etag(look.get(path).headers.get("ETag", "")) != own:
            if time.monotonic() > ends_s:
                cause = f"the application allows {allowed_s} s; {_configured(look, '_valid|ignore_headers|ttl')}"
                observed = f"GET {path} still gives another page after {allowed_s} s"
                return Check(name, False, observed, cause, look.cure())
            time.sleep(1)
            own, _ = _made_now(look, path)
    return Check(name, True, f"GET {path} gives the page that the application makes now")


def _cached_paths(look: Look) -> list[str]:
    """A path of each view that a cache may answer, each path once."""
    views = map(look.course.view, look.target.cached)
    return list(dict.fromkeys((view.paths or (view.path,))[0] for view in views))


def _made_now(look: Look, path: str) -> tuple[str, int]:
    """The ETag of a page as the application returns it now, and the seconds for which it may be cached."""
    host = look.machine.url(look.target, "").partition("//")[2]
    head = look.sh(f"curl -s -m 5 -o /dev/null -D - -H 'Host: {host}'{came_by(look)}"
                   f" --unix-socket {look.expect['app_socket']} http://localhost{path}").out
    allowed = re.search(r"^cache-control:.*max-age=(\d+)", head, re.MULTILINE | re.IGNORECASE)
    etag = re.search(r"^etag: *(.+)$", head, re.MULTILINE | re.IGNORECASE)
    return _etag(etag[1]) if etag else "", int(allowed[1]) if allowed else 0


def _etag(text: str) -> str:
    """The part between the quotes: compression on the way makes the ETag weak, but the page is the same."""
    return text.partition('"')[2].rpartition('"')[0]


def _kept_for_ever(look: Look, path: str) -> tuple[str, str, str] | None:
    """What was observed, cause and cure, if a browser may not keep the file or gets no 304; None if all is well."""
    answer = look.get(path)
    if answer.status != 200:
        return f"GET {path} gave {answer.status or answer.text}", *trouble.explain(look)
    if "immutable" not in (life := answer.headers.get("Cache-Control", "none")):
        return f"{path}: Cache-Control is {life}", _configured(look, "Cache-Control|expires"), look.cure()
    status = look.get(path, If_None_Match=answer.headers.get("ETag", '"none"')).status
    if status != 304:
        return (f"{path}, requested again with its ETag {answer.headers.get('ETag')}, gave {status}, not 304",
                _configured(look, "etag|if_modified"), look.cure())
    return None


def _keeper(look: Look, path: str, tries: int) -> tuple[str, Response]:
    """Who caches a page, and the last response of several requests in a row."""
    for number in range(tries):
        answer = look.get(path)
        if number and _x_cache(answer) == "HIT":
            return "app" if _behind(look, path) else "front", answer
        if not answer.status:
            break  # nothing answers
        time.sleep(PAUSE_S)
    return "nobody", answer


def _behind(look: Look, path: str) -> bool:
    """Whether the application itself, requested without the server in front, takes the page from a cache.

    Each thread has its own client of the cache, and a client may not have noticed yet that the cache is back.
    """
    ask = f"curl -s -m 5 -o /dev/null -D - --unix-socket {look.expect['app_socket']} http://localhost{path}"
    return look.sh(f"for number in $(seq 20); do {ask} | grep -qi '^x-cache: hit' && exit 0; done; exit 1").ok


def _x_cache(answer: Response) -> str:
    return answer.headers.get("X-Cache", "nothing")


def _configured(look: Look, words: str) -> str:
    """The lines of the target's configuration that contain one of these words."""
    files = " ".join(map(shlex.quote, look.target.configuration))
    lines = look.sh(f"grep -hiE '^[^#;]*({words})' {files} | sed 's/^ *//'").out.splitlines()
    return f"configured is {'; '.join(dict.fromkeys(lines))[:400] or 'nothing'}"
