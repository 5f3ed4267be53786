"""A WSGI application that has one page, and answers 404 for every other path."""

import io
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

TASK = """
## Exercise: say no

Write a WSGI application. At `/` it answers `200 OK` with a greeting. Every other path gets `404 Not Found`, with a
sentence for the visitor. `wsgiref.validate` is between the check and your application: it is part of the standard
library, and checks that both sides follow the specification to the letter.
"""

START = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return ["Welcome!"]
"""

HINTS = [
    "Two things are wrong. The path is ignored, and the specification requires a body of bytes.",
    'The path is in environ["PATH_INFO"]. A string becomes bytes with a b before its quote: b"Welcome!"',
    'if environ["PATH_INFO"] != "/": start_response("404 Not Found", [("Content-Type", "text/plain")]), and then '
    'return a list with other bytes in it.',
]

SOLUTION = """
def application(environ, start_response):
    known = environ["PATH_INFO"] == "/"
    start_response("200 OK" if known else "404 Not Found", [("Content-Type", "text/plain")])
    return [b"Welcome!\\n" if known else b"There is no such page here.\\n"]
"""

CASES = {"/": "200 OK", "/nowhere/": "404 Not Found", "/index.html": "404 Not Found", "//": "404 Not Found"}


def check(lab, namespace) -> str:
    application = namespace.get("application")
    if not callable(application):
        return "there is no function `application`."
    bodies = {}
    for path, wanted in CASES.items():
        try:
            status, bodies[path] = _get(application, path)
        except AssertionError as error:
            return f"asked for {path}, it breaks the specification: {error}"
        if status != wanted:
            return f"{path} was answered with {status}, not with {wanted}."
    if not all(bodies.values()):
        return "a visitor wants to read something, and one of the answers has no body."
    return "the page and the 404 answer have the same text." if bodies["/"] == bodies["//"] else ""


def _get(application, path: str) -> tuple[str, bytes]:
    """Status and body of an answer, with the validator between."""
    environ = {"SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": "", "wsgi.errors": io.StringIO()}
    setup_testing_defaults(environ)
    said = []

    def start_response(status, headers, exc_info=None):
        said.append(status)
        return lambda data: None

    parts = validator(application)(environ, start_response)
    try:
        return said[0] if said else "nothing", b"".join(parts)
    finally:
        parts.close()
