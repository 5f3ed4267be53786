"""Checks by behaviour: what the target answers."""

import json

from deploylab.checks.base import Check, Look

NOWHERE = "/deploylab-asks-for-what-is-not-there/"


def server(look: Look) -> Check:
    """The right server answers on the port, and with the whole page."""
    name, wanted, view = f"{look.expect['server']} serves port {look.target.port}", look.expect["server"], "page"
    page, marker = look.page, look.view(view).marker
    header = page.headers.get("Server", "")
    seen = _seen(look, look.view(view).path)
    if page.status != 200:
        return Check(name, False, seen, *look.trouble)
    if not header.startswith(wanted):
        return Check(name, False, f"{seen} from {header or 'a server without a name'}", *look.trouble)
    if not page.text.rstrip().endswith(marker):
        return Check(name, False, f"{seen}, but it does not end in {marker}", "the page is not the lab's", look.cure())
    return Check(name, True, f"{seen} from {header}")


def debug(look: Look) -> Check:
    """Django shows its debug page for an unknown address, or does not."""
    wanted = look.expect["debug"]
    name = f"DEBUG is {_on(wanted)}"
    answer = look.get(NOWHERE)
    if answer.status != 404:
        return Check(name, False, f"{answer.status or answer.text} for an unknown address, not 404", *look.trouble)
    is_on = "DEBUG = True" in answer.text
    seen = f"an unknown address gives {'the debug page' if is_on else 'a plain 404'}"
    if is_on == wanted:
        return Check(name, True, seen)
    setting = look.last(f"grep -n DEBUG {_environment(look)}")
    cause = f"{_environment(look)} has {setting or 'no DEBUG'}; a server reads it when it starts"
    return Check(name, False, seen, cause, look.cure(f"sudoedit {_environment(look)}, then restart the server"))


def database(look: Look) -> Check:
    """The serving process says which kind of database it talks to."""
    wanted = look.expect["database"]
    name = f"the database is {wanted}"
    answer = look.get(look.course.app.whoami)
    try:
        vendor = json.loads(answer.text)["database"]
    except (ValueError, KeyError, TypeError):
        return Check(name, False, _seen(look, look.course.app.whoami), *look.trouble)
    if vendor == wanted:
        return Check(name, True, f"the server's own word: {vendor}")
    setting = look.last(f"grep -n DATABASE {_environment(look)}")
    cause = f"{_environment(look)} has {setting or 'no DATABASE'}"
    return Check(name, False, f"the server's own word: {vendor}", cause, look.cure())


def processes(look: Look) -> Check:
    """So many processes answer: each answer carries its process's id."""
    wanted = look.expect["processes"]
    return _count(look, f"{wanted} process{'es' if wanted > 1 else ''}", wanted, len(look.workers), "process ids")


def threads(look: Look) -> Check:
    """So many threads answer in each process."""
    each, wanted = look.expect["threads"], look.expect["threads"] * look.expect.get("processes", 1)
    seen = sum(len(ids) for ids in look.workers.values())
    return _count(look, f"{each} thread{'s' if each > 1 else ''} in each process", wanted, seen, "threads")


def static_by(look: Look) -> Check:
    """Static files come from the server in front, or from the application server."""
    by, view = look.expect["static_by"], look.view("static")
    name = f"static files by {'the server in front' if by == 'front' else 'the application server'}"
    answer = look.get(view.path)
    seen = f"GET {view.path} gave {answer.status or answer.text}"
    if answer.status != 200 or not answer.text.rstrip().endswith(view.marker):
        return Check(name, False, seen, *look.trouble)
    socket = look.expect.get("app_socket")
    if by != "front" or not socket:
        return Check(name, True, f"{seen} from {answer.headers.get('Server', '')}")
    status = look.last(_ask(socket, view.path))
    if status == "404":
        return Check(name, True, f"{seen}; the application server itself says 404")
    return Check(name, False, f"{seen}; the application server itself says {status}, not 404",
                 "the application server serves static files too" if status == "200" else
                 f"it does not answer on {socket}", look.cure())


def app_socket(look: Look) -> Check:
    """The application server answers on its own socket, without the server in front."""
    socket = look.expect["app_socket"]
    name, status = f"the application server on {socket}", look.last(_ask(socket, look.view("page").path))
    if status == "200":
        return Check(name, True, "200")
    return Check(name, False, "no answer" if status == "000" else status, *look.trouble)


def _count(look: Look, name: str, wanted: int, seen: int, what: str) -> Check:
    """A check that so many of something answered, and neither fewer nor more."""
    text = f"different {what} that answered: {seen}"
    if seen == wanted:
        return Check(name, True, text)
    if not seen:
        return Check(name, False, text, *look.trouble)
    files = f"/etc/deploylab/*{look.slug}.*"
    configured = look.sh(f"grep -nE '^[^#;]*(workers|threads|processes) *=' {files} | cut -d/ -f4-").out.split("\n")
    found = "; ".join(line for line in configured if line)
    cause = f"configured is {found or 'nothing'}; a server reads it when it starts"
    return Check(name, False, f"{text}, {wanted} expected", cause, look.cure())


def _ask(socket: str, path: str) -> str:
    """A command on the machine that prints the status of the application server's own answer.

    As the user of the servers in front: what root may do says nothing.
    """
    where = f"--unix-socket {socket} http://localhost" if socket.startswith("/") else f"http://{socket}"
    front = "setpriv --reuid www-data --regid www-data --clear-groups"
    return f"{front} curl -s -m 5 -o /dev/null -w '%{{http_code}}\\n' {where}{path}"


def _seen(look: Look, path: str) -> str:
    page = look.page
    return f"GET {look.machine.url(look.target, path)} gave {page.status or page.text}"


def _environment(look: Look) -> str:
    return f"/etc/deploylab/{look.target.stage}.env"


def _on(flag: bool) -> str:
    return "on" if flag else "off"
