"""Finds out why a page fails, from the outside in: services, port, program, socket, database, log."""

import re
import shlex
import ssl
from collections import Counter

from deploylab.core.errors import MachineError
from deploylab.machine import https
from deploylab.provision.checks.base import Look

Found = tuple[str, str]  # cause, cure


def explain(look: Look) -> Found:
    """The cause and the cure of a page that fails; in full only the first time."""
    if look.reason is None:
        look.reason = look_for(look)
        return look.reason
    cause, cure = look.reason
    return f"as above: {cause.split(';')[0]}", cure


def look_for(look: Look) -> Found:
    """The cause that was found on the machine, and the command that repairs it."""
    for question in (_services, _port, _certificate, _loop, _program, _socket, _hanging, _queue, _database):
        if reason := question(look):
            return reason
    return _log(look)


def _services(look: Look) -> Found | None:
    """A service that should be running is not."""
    for unit in look.expect.get("services", ()):
        if (state := look.last(f"systemctl is-active {unit}")) != "active":
            log = look.last(f"journalctl -q --no-pager -o cat -n 3 -u {unit}")
            return f"{unit} is {state}; its log ends: {log}", look.cure(f"sudo systemctl start {unit}")
    return None


def _port(look: Look) -> Found | None:
    """Nothing listens on the port, or another program does."""
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


def _certificate(look: Look) -> Found | None:
    """A visitor refuses the certificate, so there is no page at all."""
    if not look.target.tls_name:
        return None
    try:
        https.connected(look.machine, look.target).close()
    except ssl.SSLCertVerificationError as error:
        return f"a visitor refuses its certificate: {error.verify_message}", look.cure()
    except (OSError, MachineError):
        pass  # no handshake at all, or no authority: the other questions
    return None


def _loop(look: Look) -> Found | None:
    """The page sends a visitor to the address that they had asked for."""
    itself = look.machine.url(look.target, look.view("page").path)
    if look.page.headers.get("Location") != itself:
        return None
    return (f"{itself} redirects to itself: the application is told that the visitor came by http; "
            f"{look.configured('X-Forwarded-Proto')}", look.cure())


def ended(look: Look) -> str:
    """What the application server logged in the last minute about workers that were killed or crashed, or ""."""
    logs = " ".join(f"/var/log/deploylab/{name}.log" for name in programs(look))
    units = " ".join(f"-u deploylab-{name}" for name in programs(look))  # what systemd keeps writes into the journal
    lately = "awk -v since=\"[$(date -d '-1 minute' '+%F %T')\" '$0 >= since'"  # each line begins with its time
    ill = "WORKER TIMEOUT|was sent SIG|exited with code"
    recent = f"tail -q -n 50 {logs} 2>/dev/null; journalctl -q --no-pager -o cat -n 50 {units}"
    return look.last(f"{{ {recent}; }} | {lately} | grep -E '{ill}'")


def programs(look: Look) -> list[str]:
    """The names of supervisord's programs that serve this target, without `deploylab-`."""
    return re.findall(r"deploylab-([\w-]+)", " ".join(look.target.processes)) or [look.slug]


def _program(look: Look) -> Found | None:
    """A program of supervisord that serves this target is not running."""
    names = "|".join(programs(look))
    state = look.last(f"supervisorctl status 2>/dev/null | grep -E '^deploylab-({names}) ' | grep -v RUNNING")
    if not state:
        return None
    log = look.last(f"tail -n 5 /var/log/deploylab/{state.split()[0].removeprefix('deploylab-')}.log")
    return f"supervisord says {' '.join(state.split()[:2])}; the program's log ends: {log}", \
        look.cure(f"sudo supervisorctl start {state.split()[0]}")


def _socket(look: Look) -> Found | None:
    """The application server's socket does not exist, or the server in front may not use it."""
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


def _hanging(look: Look) -> Found | None:
    """Every slot is held by a request that waits for another service, and for which one."""
    slots = look.target.slots_on(look.n_cpu)
    patterns = [*look.target.processes, look.expect.get("process_is", look.target.processes[0])]
    pids = look.sh("; ".join(f"pgrep -u deploylab -f {shlex.quote(pattern)}" for pattern in patterns)).out.split()
    # A row: two queues, here, there, who.
    rows = [line.split(None, 4) for line in look.sh("ss -Htnp state established").out.splitlines()]
    asked = Counter(row[3] for row in rows if len(row) > 4 and set(re.findall(r"pid=(\d+)", row[4])) & set(pids)
                    and not row[2].endswith(f":{look.target.port}"))
    where, n_held = asked.most_common(1)[0] if asked else ("", 0)
    if not slots or n_held < slots:
        return None
    program = re.search(r"deploylab-[\w-]+", " ".join(look.target.processes))
    again = f"supervisorctl restart {program[0]}" if program else f"systemctl restart {look.expect['services'][-1]}"
    return (f"{n_held} requests wait for {where}, which does not answer, and hold every slot: "
            "that call needs a timeout", look.cure(f"sudo {again}"))


def _queue(look: Look) -> Found | None:
    """Nothing accepts connections on the application server's socket: every slot is held, and by which program."""
    path = look.expect.get("app_socket", "")
    n_waiting = int((look.last(f"ss -Hxl src {path}").split() or ["", "", "0"])[2]) if path.startswith("/") else 0
    if not n_waiting:
        return None
    holders = Counter(re.findall(r'\("([^"]+)",pid=(\d+)', "\n".join(_callers(look, path))))
    if not holders:
        return f"{n_waiting} connections wait at {path}, and nothing accepts them", look.cure()
    (program, pid), n_held = holders.most_common(1)[0]
    return (f"{n_waiting} connections wait at {path}, and nothing accepts them; most connections to it, {n_held}, are "
            f"of process {pid}, {program}", look.cure(f"sudo kill {pid}"))


def _callers(look: Look, path: str) -> list[str]:
    """For each connection to a socket file, the program that connected."""
    ends = [line.split(None, 8) for line in look.sh("ss -Hxap").out.splitlines()]
    # A row: type, state, two queues, here with its number, there with its number, who.
    theirs = {end[7] for end in ends if len(end) > 7 and end[4] == path}
    return [end[8] for end in ends if len(end) > 8 and end[5] in theirs]


def _database(look: Look) -> Found | None:
    """The application cannot reach its database."""
    output = look.last(f"deploylab-manage {look.target.stage} migrate --check")
    if "Error" not in output:
        return None
    return f"the application cannot use its database: {output[-200:]}", look.cure()


def _log(look: Look) -> Found:
    """If nothing else was found: the last line of the newest error log that the target's processes have open."""
    patterns = "; ".join(f"pgrep -f {shlex.quote(pattern)}" for pattern in look.target.processes)
    held = f"for pid in $({patterns}); do readlink /proc/$pid/fd/* | grep '^/var/log/.*error'; done"
    files = f"$({held}; echo /var/log/deploylab/{look.slug}.log)"
    line = look.last(f"ls -tr {files} 2>/dev/null | tail -n 1 | xargs -r tail -n 1")
    return (f"the newest log ends: {line[-300:]}" if line else "no log says why"), look.cure()
