"""Checks of behaviour: what the target answers."""

import json
from typing import Any

from deploylab.provision.checks import trouble
from deploylab.provision.checks.base import Check, Look, came_by

NOWHERE = "/deploylab-asks-for-what-is-not-there/"
STATIC_BY = {"front": "the server in front", "app": "the application server", "view": "a view of the application",
             "nobody": "nobody"}


def server(look: Look) -> Check:
    """The right server answers on the port, with the complete page."""
    name, expected, view = f"{look.expect['server']} serves port {look.target.port}", look.expect["server"], "page"
    page, marker = look.page, look.view(view).marker
    header = page.headers.get("Server", "")
    observed = _page_status(look, look.view(view).path)
    if page.status != 200:
        return Check(name, False, observed, *trouble.explain(look))
    if not header.startswith(expected):
        return Check(name, False, f"{observed} from {header or 'a server without a name'}",
                     *trouble.explain(look))
    if not page.text.rstrip().endswith(marker):
        return Check(name, False, f"{observed}, but it does not end in {marker}", "the page is not the course's",
                     look.cure())
    return Check(name, True, f"{observed} from {header}")


def debug(look: Look) -> Check:
    """Django shows its debug page for an unknown address, or not, as expected."""
    expected = look.expect["debug"]
    name = f"DEBUG is {_on(expected)}"
    answer = look.get(NOWHERE)
    if answer.status != 404:
        return Check(name, False, f"{answer.status or answer.text} for an unknown address, not 404",
                     *trouble.explain(look))
    is_on = "DEBUG = True" in answer.text
    observed = f"an unknown address gives {'the debug page' if is_on else 'a plain 404'}"
    if is_on == expected:
        return Check(name, True, observed)
    setting = look.last(f"grep -n DEBUG {_environment(look)}")
    cause = f"{_environment(look)} has {setting or 'no DEBUG'}; a server reads it when it starts"
    return Check(name, False, observed, cause, look.cure(f"sudoedit {_environment(look)}, then restart the server"))


def database(look: Look) -> Check:
    """The serving process says which kind of database it uses."""
    return _own_word(look, f"the database is {look.expect['database']}", {"database": look.expect["database"]})


def whoami(look: Look) -> Check:
    """The serving process reports its settings: caches, connections, whatever course.toml lists."""
    expected = look.expect["whoami"]
    return _own_word(look, ", ".join(f"{key} is {_shown(value)}" for key, value in expected.items()), expected)


def processes(look: Look) -> Check:
    """The expected number of processes answers: each response has its process id in a header."""
    expected = look.expect["processes"]
    return _count(look, f"{expected} process{'es' if expected > 1 else ''}", expected, len(look.workers), "process ids")


def threads(look: Look) -> Check:
    """The expected number of threads answers in each process."""
    each, expected = look.expect["threads"], look.expect["threads"] * look.expect.get("processes", 1)
    observed = sum(len(ids) for ids in look.workers.values())
    return _count(look, f"{each} thread{'s' if each > 1 else ''} in each process", expected, observed, "threads")


def static_by(look: Look) -> Check:
    """Static files come from the expected place: the server in front, the application server, a view, or nowhere."""
    by, view = look.expect["static_by"], look.view("file")
    name = f"static files by {STATIC_BY[by]}"
    answer = look.get(view.path)
    observed = f"GET {view.path} gave {answer.status or answer.text}"
    if by == "nobody" and answer.status in (200, 404):
        return Check(name, answer.status == 404, observed, "the application server serves static files", look.cure())
    if answer.status != 200 or not answer.text.rstrip().endswith(view.marker):
        return Check(name, False, observed, *trouble.explain(look))
    # Every response of a view names its process.
    of_a_view = "X-Process" in answer.headers
    observed += f" from {'a view of the application' if of_a_view else answer.headers.get('Server', '')}"
    if of_a_view != (by == "view") and by in ("front", "view"):
        return Check(name, False, observed, look.configured("DJANGO_SERVE_STATIC|Alias|alias|ProxyPass"), look.cure())
    if by == "front" and (socket := look.expect.get("app_socket")):
        return _without_front(look, name, observed, socket)
    return Check(name, True, observed)


def app_socket(look: Look) -> Check:
    """The application server answers on its own socket, without the server in front."""
    socket = look.expect["app_socket"]
    name, status = f"the application server on {socket}", look.last(_ask(look, look.view("page").path))
    if status == "200":
        return Check(name, True, "200")
    return Check(name, False, "no answer" if status == "000" else status, *trouble.explain(look))


def _without_front(look: Look, name: str, observed: str, socket: str) -> Check:
    """Check that the application server itself has no static files."""
    status = look.last(_ask(look, look.view("file").path))
    if status == "404":
        return Check(name, True, f"{observed}; the application server itself says 404")
    return Check(name, False, f"{observed}; the application server itself says {status}, not 404",
                 "the application server serves static files too" if status == "200" else
                 f"it does not answer on {socket}", look.cure())


def _own_word(look: Look, name: str, expected: dict[str, Any]) -> Check:
    """Check the JSON in which the application reports its settings."""
    answer = look.get(look.course.app.whoami)
    try:
        reply = json.loads(answer.text)
        observed = {key: reply[key] for key in expected}
    except (ValueError, KeyError, TypeError):
        return Check(name, False, _page_status(look, look.course.app.whoami), *trouble.explain(look))
    text = f"the server says: {', '.join(_shown(value) for value in observed.values())}"
    if observed == expected:
        return Check(name, True, text)
    words = "|".join(key.upper() for key in expected if observed[key] != expected[key])
    setting = look.sh(f"grep -nE '^[^#]*({words})' {_environment(look)}").out.strip().replace("\n", "; ")
    cause = f"{_environment(look)} has {setting or 'no ' + words}; a server reads it when it starts"
    return Check(name, False, text, cause, look.cure())


def _shown(value: Any) -> str:
    return (" and ".join(value) or "none") if isinstance(value, list) else str(value)


def _count(look: Look, name: str, expected: int, observed: int, what: str) -> Check:
    """Check that exactly the expected number of processes or threads answered."""
    text = f"different {what} that answered: {observed}"
    if observed == expected:
        return Check(name, True, text)
    if not observed:
        return Check(name, False, text, *trouble.explain(look))
    cause = f"{look.configured('(workers|threads|processes) *=')}; a server reads it when it starts"
    if line := trouble.ended(look):
        cause = f"workers end and are replaced; the log: {line}"
    return Check(name, False, f"{text}, {expected} expected", cause, look.cure())


def _ask(look: Look, path: str) -> str:
    """A command on the machine that prints the status of the application server's own response.

    It runs as the user of the servers in front: whether root may connect proves nothing.
    """
    socket = look.expect["app_socket"]
    where = f"--unix-socket {socket} http://localhost" if socket.startswith("/") else f"http://{socket}"
    front = "setpriv --reuid www-data --regid www-data --clear-groups"
    return f"{front} curl -s -m 5 -o /dev/null -w '%{{http_code}}\\n'{came_by(look)} {where}{path}"


def _page_status(look: Look, path: str) -> str:
    page = look.page
    return f"GET {look.machine.url(look.target, path)} gave {page.status or page.text}"


def _environment(look: Look) -> str:
    """The environment file that course.toml lists for the target, or that of its stage if it lists none."""
    listed = [path for path in look.target.configuration if path.endswith(".env")]
    return listed[0] if listed else f"/etc/deploylab/{look.target.stage}.env"


def _on(flag: bool) -> str:
    return "on" if flag else "off"
