"""The application of ten lines in lesson 03: it greets everybody by name, whatever letters the name has."""

import http.client
import json
import threading
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from deploylab.lessons import notebooks

WHO = {"/ada/": "ada", "/": "nobody", "/Jos%C3%A9/": "José", "/%E5%BC%B5/": "張", "/%ff/": "\ufffd", "/a%20b/": "a b"}


def applications() -> dict[str, object]:
    """Each cell that defines a function of WSGI, run: the callable by the cell's first line."""
    found = {}
    for cell in json.loads((notebooks.folder() / "03_wsgi.ipynb").read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code" and 'environ["PATH_INFO"]' in source and "%%exercise" not in source:
            namespace: dict = {}
            exec(source.partition("\n")[2] if source.startswith("%%") else source, namespace)
            found[source.partition("\n")[0]] = namespace["application"]
    return found


@pytest.mark.parametrize("application", applications().values(), ids=["in the notebook", "on the machine"])
def test_it_greets_everybody(application):
    quiet = type("Quiet", (WSGIRequestHandler,), {"log_message": lambda *_: None})
    with make_server("127.0.0.1", 0, application, handler_class=quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for path, name in WHO.items():
            connection = http.client.HTTPConnection("127.0.0.1", server.server_port)
            connection.request("GET", path)
            answer = connection.getresponse()
            assert (answer.status, answer.read().decode()) == (200, f"Hello, {name}.\n")
            connection.close()
        server.shutdown()
