"""Who asked; and two headers on every answer: who made it, and who may frame it."""

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse

Answer = Callable[[HttpRequest], HttpResponse]


def visitor_address(get_response: Answer) -> Answer:
    """Put the visitor's address into REMOTE_ADDR, where the server in front passed it on in X-Forwarded-For.

    It is believed only from whoever came through a socket file: nobody but the server in front can. A visitor may
    send that header too, and the server in front adds its own word at the end: the last address alone is its.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if not request.META.get("REMOTE_ADDR"):  # a socket file: there is no address
            last = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
            with suppress(ValueError):  # nobody said
                request.META["REMOTE_ADDR"] = str(ip_address(last))
        return get_response(request)

    return middleware


def name_process(get_response: Answer) -> Answer:
    """Add `X-Process: <process id>/<thread id>`.

    The course counts with it how many workers and threads really answer. A real
    site would not tell.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        # Asked for at every request: a server may fork after it has imported this module.
        response["X-Process"] = f"{os.getpid()}/{threading.get_ident()}"
        return response

    return middleware


def frame_ancestors(get_response: Answer) -> Answer:
    """Say which pages may show this one in a frame, so that nobody can lure a visitor's clicks."""
    policy = f"frame-ancestors {' '.join(settings.FRAME_ANCESTORS)}"

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", policy)
        return response

    return middleware
