"""A web application, whole: one function that the server calls for each request (PEP 3333)."""

import os
import threading

PAGE = b"<!doctype html>\n<html lang=en>\n<title>Hello</title>\n<h1>Hello, WSGI</h1>\n</html>\n"


def application(environ, start_response):
    # `environ` is a dictionary: the request, and who asks. This page is the same for everybody.
    start_response("200 OK", [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Length", str(len(PAGE))),  # so that the browser knows the end, and keeps the connection
        ("Cache-Control", "no-store"),
        ("X-Process", f"{os.getpid()}/{threading.get_ident()}"),  # the course counts processes with it
    ])
    return [PAGE]
