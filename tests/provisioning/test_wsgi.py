"""The two applications of the stage `wsgi`: what they answer, and that they keep to the specification."""

import importlib.util
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from deploylab import course as courses
from deploylab.core import paths

FOLDER = paths.PROVISIONING / "files/srv/deploylab/wsgi"
VIEWS = courses.load().app.views


def module(name):
    spec = importlib.util.spec_from_file_location(f"wsgi_{name}", FOLDER / f"{name}.py")
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.fixture
def ask():
    """Ask one of the applications, with a validator of the specification in between."""

    def ask(name, path, query=""):
        environ = {"SCRIPT_NAME": "", "PATH_INFO": path.encode().decode("latin-1"), "QUERY_STRING": query}
        setup_testing_defaults(environ)
        said = []
        body = validator(module(name).application)(environ, lambda *words: said.append(words))
        text = b"".join(body).decode()
        body.close()
        (status, headers), = said
        return status, dict(headers), text

    return ask


@pytest.mark.parametrize(("name", "view"), [("hello", "hello"), ("framework", "hello"), ("framework", "wait")])
def test_the_pages_are_those_that_the_course_asks_for(ask, name, view):
    status, headers, text = ask(name, VIEWS[view].path)
    assert status == "200 OK" and text.rstrip().endswith(VIEWS[view].marker)
    assert int(headers["Content-Length"]) == len(text.encode())
    assert headers["X-Process"].partition("/")[0].isdigit() and headers["Cache-Control"] == "no-store"


def test_a_route_hands_on_what_it_found_and_a_template_escapes_it(ask):
    status, _, text = ask("framework", "/hello/Zoë <b>/", "q=a&q=b")
    assert status == "200 OK" and "Hello, Zoë &lt;b&gt;" in text and "asked: b." in text


def test_an_unknown_address_is_not_found(ask):
    status, _, text = ask("framework", "/nowhere/")
    assert status == "404 Not Found" and "/nowhere/" in text


def test_the_smallest_is_ten_lines_and_the_framework_can_be_read():
    def lines(name):
        return [line for line in (FOLDER / f"{name}.py").read_text().splitlines() if line.strip()]

    function = lines("hello")[[line.startswith("def ") for line in lines("hello")].index(True):]
    assert len(function) <= 10
    assert len(lines("framework")) <= 66
