"""Around every request: a number for the logs, who asked; and two headers: who made the answer, who may frame it."""

import logging
import os
import re
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse

Answer = Callable[[HttpRequest], HttpResponse]

logger = logging.getLogger(__name__)
current_number: ContextVar[str] = ContextVar("current_number", default="-")


class RequestNumber(logging.Filter):
    """Adds `request_number` to each record: the request that was being answered, or "-"."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_number = current_number.get()
        return True


def number_request(get_response: Answer) -> Answer:
    """Let each line of the log name its request, by the number under which the server in front has it in its own log.

    mod_wsgi gives it with the request's environment, any other server in front with the header X-Request-ID. (It must
    put its own in place of a visitor's.) Where nobody gave one, the application makes one and says it in the answer.

    A request that took long is logged too. Where the server in front says that it took much longer than is said here,
    it waited for a free thread.
    """
    # Letters, digits and these few: a header must not be able to write lines of its own into a log.
    sane = re.compile(r"[\w.@+/-]{1,64}", re.ASCII)

    def middleware(request: HttpRequest) -> HttpResponse:
        began_s = time.perf_counter()
        given = request.META.get("mod_wsgi.request_id") or request.META.get("HTTP_X_REQUEST_ID", "")
        given = given if sane.fullmatch(given) else ""
        # It stays until the thread's next request: Django logs that a page failed when this function has ended.
        current_number.set(given or uuid.uuid4().hex)
        response = get_response(request)
        took_s = time.perf_counter() - began_s
        if took_s >= settings.SLOW_S:
            logger.warning("%s %s took %.3f s", request.method, request.get_full_path(), took_s)
        if not given:
            response["X-Request-ID"] = current_number.get()
        return response

    return middleware


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
