"""A web framework of your own and a site made with it: what Django does around a view, in sixty lines."""

import html
import os
import re
import string
import threading
import time
from urllib.parse import parse_qs

# --- The framework ------------------------------------------------------------------------------

ROUTES = []  # (pattern, view), asked in this order


def route(path):
    """A decorator: this view answers `/hello/<name>/`, and gets `name` as an argument."""
    # `<name>` stands for anything up to the next slash.
    pattern = re.compile(re.sub(r"<(\w+)>", r"(?P<\1>[^/]+)", path))

    def register(view):
        ROUTES.append((pattern, view))
        return view

    return register


class Request:
    """What the server's dictionary says, under better names."""

    def __init__(self, environ):
        self.method = environ["REQUEST_METHOD"]
        # WSGI passes bytes on as Latin-1; what browsers send is UTF-8.
        self.path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        self.query = {name: values[-1] for name, values in parse_qs(environ["QUERY_STRING"]).items()}


class Response:
    def __init__(self, text, status="200 OK"):
        self.status, self.body = status, text.encode()
        self.headers = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(self.body))),
                        ("Cache-Control", "no-store"), ("X-Process", f"{os.getpid()}/{threading.get_ident()}")]


def render(template, status="200 OK", **values):
    """A page from a template."""
    # Every value is escaped: a visitor's name could bring a script along.
    return Response(string.Template(template).substitute({k: html.escape(str(v)) for k, v in values.items()}), status)


def application(environ, start_response):
    """The WSGI callable: find the view, call it, hand out its answer."""
    request = Request(environ)
    for pattern, view in ROUTES:
        if found := pattern.fullmatch(request.path):
            response = view(request, **found.groupdict())
            break
    else:
        response = render(PAGE, "404 Not Found", title="Not found", text=f"There is no {request.path} here.")
    start_response(response.status, response.headers)
    return [response.body]


# --- The site -----------------------------------------------------------------------------------

PAGE = "<!doctype html>\n<html lang=en>\n<title>$title</title>\n<h1>$title</h1>\n<p>$text</p>\n</html>\n"


@route("/test/")
def hello(request):
    return render(PAGE, title="It works", text="This page is a template and nothing else.")


@route("/hello/<name>/")
def greet(request, name):
    return render(PAGE, title=f"Hello, {name}", text=f"You were asked: {request.query.get('q', 'nothing')}.")


@route("/wait/")
def wait(request):
    time.sleep(0.05)  # something else works, a payment service say; this thread waits
    return render(PAGE, title="Waiting", text="This page waited 50 ms.")
