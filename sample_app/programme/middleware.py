"""Two headers on every answer: who made it, and who may frame it."""

import os
import threading
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

Answer = Callable[[HttpRequest], HttpResponse]


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
