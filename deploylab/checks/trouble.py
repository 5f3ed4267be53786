"""Why does the page not come? Looks from the outside in: port, services, socket, log."""

import shlex

from deploylab.checks.base import Look

Found = tuple[str, str]  # cause, cure


def look_for(look: Look) -> Found:
    """The cause that was found on the machine, and the command that mends it."""
    for question in (_services, _port, _program, _socket, _database):
        if found := question(look):
            return found
    return _log(look)


def _services(look: Look) -> Found | None:
    """A service that should run does not."""
    for unit in look.expect.get("services", ()):
        if (state := look.last(f"systemctl is-active {unit}")) != "active":
            said = look.last(f"journalctl -q --no-pager -o cat -n 3 -u {unit}")
            return f"{unit} is {state}; its log ends: {said}", look.cure(f"sudo systemctl start {unit}")
    return None


def _port(look: Look) -> Found | None:
    """Nobody listens on the port, or somebody else does."""
    port = look.target.port
    holder = look.last(f"ss -Hltnp 'sport = :{port}'")
    if not holder:
        log = look.last(f"tail -n 3 /var/log/deploylab/{look.slug}.log")
        return f"nothing listens on port {port}" + (f"; the server's log ends: {log}" if log else ""), look.cure()
    pid = holder.partition("pid=")[2].partition(",")[0]
    command = look.last(f"tr '\\0' ' ' < /proc/{pid}/cmdline")
    patterns = " ".join(f"-e {shlex.quote(pattern)}" for pattern in look.target.processes)
    if not look.sh(f"printf '%s\\n' {shlex.quote(command)} | grep -qE {patterns}").ok:
        return f"port {port} is taken by another program, process {pid}: {command}", look.cure(f"sudo kill {pid}")
    return None


def _program(look: Look) -> Found | None:
    """supervisord has a program of this stage that does not run."""
    name = f"deploylab-{look.slug}"
    state = look.last(f"supervisorctl status 2>/dev/null | grep -E '^{name} ' | grep -v RUNNING")
    if not state:
        return None
    said = look.last(f"tail -n 5 /var/log/deploylab/{look.slug}.log")
    return f"supervisord says {' '.join(state.split()[:2])}; the program's log ends: {said}", \
        look.cure(f"sudo supervisorctl start {state.split()[0]}")


def _socket(look: Look) -> Found | None:
    """The socket of the application server is not there, or the server in front may not use it."""
    path = look.expect.get("app_socket", "")
    if not path.startswith("/"):
        return None
    if not look.sh(f"test -S {path}").ok:
        return f"there is no socket {path}: the application server does not listen", look.cure()
    if not look.sh(f"setpriv --reuid www-data --regid www-data --clear-groups test -w {path}").ok:
        rights = look.last(f"stat -c '%A %U:%G' {path}")
        return f"the server in front runs as www-data and may not write to {path} ({rights})", \
            look.cure(f"sudo chmod 777 {path}")
    return None


def _database(look: Look) -> Found | None:
    """The application cannot reach its database."""
    said = look.last(f"deploylab-manage {look.target.stage} migrate --check")
    if "Error" not in said:
        return None
    return f"the application cannot use its database: {said[-200:]}", look.cure()


def _log(look: Look) -> Found:
    """The last word of the logs, where nothing else was found."""
    front = look.expect.get("server", "")
    files = f"/var/log/{front}/error.log /var/log/deploylab/{look.slug}.log"
    said = look.last(f"ls -tr {files} 2>/dev/null | tail -n 1 | xargs -r tail -n 1")
    return (f"the newest log ends: {said[-300:]}" if said else "no log says why"), look.cure()
