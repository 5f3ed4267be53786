"""The bytes of the requests, made once before the load begins."""

import random
from collections.abc import Callable
from itertools import cycle, repeat

from deploylab.load.allowed import Endpoint, split
from deploylab.load.spec import LoadSpec

DRAWS = 65_536  # paths drawn in advance; after that, the same order again


def requests(spec: LoadSpec, endpoint: Endpoint, seed: int) -> Callable[[], bytes]:
    """A function that returns the bytes of the next request.

    With several paths, the k-th is requested with a frequency in proportion to 1/k**zipf, or one comes after the other.

    Source: requests for pages follow a Zipf-like law, Breslau et al., "Web caching and Zipf-like
    distributions", INFOCOM 1999.
    """
    if not spec.paths:
        return repeat(request_bytes(spec, endpoint, endpoint.path)).__next__
    site = f"{endpoint.scheme}://{endpoint.host}"
    made = [request_bytes(spec, endpoint, split(site + path)[-1]) for path in spec.paths]
    if spec.in_order:
        return cycle(made).__next__
    weights = [1 / k**spec.zipf for k in range(1, len(made) + 1)]
    return cycle(random.Random(seed).choices(made, weights, k=DRAWS)).__next__  # noqa: S311 (pages, with a seed)


def request_bytes(spec: LoadSpec, endpoint: Endpoint, path: str, more: dict[str, str] | None = None) -> bytes:
    """One request for one path.

    Args:
        more: headers of this request, in addition to the spec's.
    """
    body = (spec.body or "").encode(errors="surrogateescape")
    headers = {"Host": endpoint.host, "User-Agent": "deploylab", "Accept": "*/*"}
    own = spec.headers | (more or {})
    given = {name.lower() for name in own}
    headers = {name: value for name, value in headers.items() if name.lower() not in given} | own
    if body or spec.method.upper() in ("POST", "PUT", "PATCH"):
        headers["Content-Length"] = str(len(body))
    if not spec.keepalive:
        headers["Connection"] = "close"
    lines = [f"{spec.method} {path} HTTP/1.1"]
    for name, value in headers.items():
        lines += [f"{name}: {text}" for text in (value if isinstance(value, tuple) else (value,))]
    return "\r\n".join([*lines, "", ""]).encode(errors="surrogateescape") + body
