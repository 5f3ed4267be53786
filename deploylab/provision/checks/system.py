"""Checks of the machine itself: services, sockets, files, data."""

import fnmatch
import re
import shlex
from itertools import zip_longest

from deploylab.machine import with_address
from deploylab.provision import converge
from deploylab.provision.checks import trouble
from deploylab.provision.checks.base import Check, Look, words


def services(look: Look) -> Check:
    """Each service is running and enabled at boot, unless it runs on demand."""
    units = look.expect["services"]
    name = f"services {', '.join(units)}"
    ask = 'echo "$(systemctl is-active $unit 2>/dev/null) $(systemctl is-enabled $unit 2>/dev/null)"'
    states = dict(zip(units, look.sh(f"for unit in {words(units)}; do {ask}; done").out.splitlines(), strict=False))
    for unit in units:
        state = states.get(unit, "").strip()
        sleeper = unit in look.target.start.split()  # it is started on demand, not at boot
        if state != ("active disabled" if sleeper else "active enabled"):
            log = look.last(f"journalctl -q --no-pager -o cat -n 3 -u {unit}")
            return Check(name, False, f"{unit} is {state.replace(' ', ' and ') or 'not installed'}",
                         f"its log ends: {log}" if log else "its log is empty",
                         look.cure(f"sudo systemctl enable --now {unit}"))
    sleepers = [f"{unit} runs only on demand" for unit in units if unit in look.target.start.split()]
    return Check(name, True, f"running; {', '.join(sleepers)}" if sleepers else "running, and enabled at boot")


def config_test(look: Look) -> Check:
    """The server's own test of its configuration passes."""
    command = words(look.expect["config_test"])
    done = look.sh(command)
    lines = [line for line in done.out.splitlines() if line.strip()]
    if done.ok:
        return Check(f"`{command}`", True, lines[-1] if lines and re.search(r"\w", lines[-1]) else "no complaint")
    first = next((i for i, line in enumerate(lines) if re.search("emerg|error|Syntax|Symbol|Expected", line)), 0)
    # If Apache names a line, the reason follows on the next one.
    reason = " ".join(lines[first:first + 2] if lines and lines[first].endswith(":") else lines[first:first + 1])
    return Check(f"`{command}`", False, f"status {done.status}", reason or "no message", look.cure(f"sudo {command}"))


def listens(look: Look) -> Check:
    """The stage's processes listen where they should, and nowhere else; `*` matches what changes at each start."""
    expected = [with_address(look.machine, where) for where in look.expect["listens"]]
    name = "listens only where it should"
    observed = _listening(look)
    text = ", ".join(sorted(observed)) or "nowhere"
    if extra := sorted(where for where in observed
                       if not any(fnmatch.fnmatchcase(where, pattern) for pattern in expected)):
        holder = _holder(look, extra[0])
        return Check(name, False, f"it also listens on {', '.join(extra)}", f"{holder} opened it", look.cure())
    if missing := sorted(pattern for pattern in expected if not fnmatch.filter(observed, pattern)):
        return Check(name, False, f"nothing of the stage listens on {missing[0]}", *trouble.explain(look))
    return Check(name, True, text)


def migrated(look: Look) -> Check:
    """No migration is pending, checked with the stage's own environment."""
    return _manage(look, "migrations are applied", "migrate --check", look.expect["migrated"], "migrate")


def data(look: Look) -> Check:
    """The database contains the data of the course."""
    app = look.course.app
    return _manage(look, "the data are those of the course", f"{app.data_digest_command} --check", look.expect["data"],
                   app.data_command)


def remembers(look: Look) -> Check:
    """The application finds again what it puts into its cache. To the application, an unreachable cache is no error."""
    expected, stage = look.expect["remembers"], look.target.stage
    name = "the cache stores what it is given" if expected else "no cache stores anything"
    own = words(f"{key}={value}" for key, value in look.target.environment.items())
    code = "from django.core.cache import cache; cache.set('deploylab', 'kept', 60); print(cache.get('deploylab'))"
    output = look.last(f"deploylab-manage {stage} {own} shell --no-imports -c {shlex.quote(code)}")
    if (output == "kept") == expected:
        return Check(name, True, "stored, and found again" if expected else "stored, and not found again")
    return Check(name, False, f"stored, and then found: {output or 'nothing'}", *_cache_server(look))


def private(look: Look) -> Check:
    """Only root and the application can read secrets, not every user of the machine."""
    name, paths = "secrets are private", look.expect["private"]
    output = look.sh(f"for path in {words(paths)}; do stat -c '%a %U:%G' \"$path\" 2>&1; done").out
    for path, rights in zip_longest(paths, output.splitlines(), fillvalue=""):
        if not re.fullmatch(r"[0-7]*[0-7][04]0 root:\w+", rights):
            everybody = re.match(r"\d*[4-7] ", rights)
            cause = "every user of the machine can read it" if everybody else "root does not own it"
            cause = cause if re.match(r"\d+ ", rights) else "it does not exist"
            return Check(name, False, f"{path}: {rights}", cause, look.cure(f"sudo chmod 640 {path}"))
    return Check(name, True, f"{len(paths)} files, readable by root and the application")


def _cache_server(look: Look) -> tuple[str, str]:
    """(cause, cure) of a cache that does not answer."""
    for unit in look.expect.get("services", ()):
        if (state := look.last(f"systemctl is-active {unit}")) != "active":
            return f"{unit} is {state}", look.cure(f"sudo systemctl start {unit}")
    listed = [path for path in look.target.configuration if path.endswith(".env")]
    server = look.last("; ".join(f". {path}" for path in listed) + "; echo $DJANGO_CACHE_SERVER")
    path = server.removeprefix("unix:").partition("?")[0].replace("//", "")
    application = "setpriv --reuid deploylab --regid deploylab --init-groups"
    if path.startswith("/") and not look.sh(f"{application} test -w {path}").ok:
        rights = look.last(f"stat -c '%A %U:%G' {path}")
        return f"the application runs as deploylab and may not write to {path} ({rights})", look.cure()
    return f"nothing answers at {server or 'an address that is not set'}", look.cure()


def _manage(look: Look, name: str, command: str, expected: bool, mend: str) -> Check:
    """A check by a management command that exits with status 0 if all is well."""
    own = (f"{key}={value}" for key, value in look.target.environment.items())
    manage = f"deploylab-manage {words([look.target.stage, *own])}"
    line = f"{manage} {command}"
    # Django starts for each command, and variants without an environment of their own would ask their stage's again.
    if line not in look.managed:
        look.managed[line] = look.sh(line)
    done = look.managed[line]
    lines = [line for line in done.out.splitlines() if line.strip()]
    last = lines[-1] if lines else ""
    if done.ok == expected:
        return Check(name, True, "yes" if expected else "no, as it should be")
    return Check(name, False, f"`{command}` ended with status {done.status}", last[-300:] or "it printed nothing",
                 look.cure(f"sudo {manage} {mend}"))


def _listening(look: Look) -> set[str]:
    """The addresses and socket files that the stage's processes listen on, without the ports of other stages."""
    patterns = "; ".join(f"pgrep -f {shlex.quote(pattern)}" for pattern in look.target.processes)
    pids = set(look.sh(patterns).out.split())
    others = [t.port for t in look.course.all_targets if t.port != look.target.port]
    shared = {str(port) for port in (*others, *converge.EXTRA_PORTS.values())}
    addresses = set()
    for line in look.sh("ss -Hltnxp").out.splitlines():
        where = line.split()[4]
        if pids & set(re.findall(r"pid=(\d+)", line)) and where.rpartition(":")[2] not in shared:
            addresses.add(where)
    return {where for where in addresses if not where.startswith(("@", "*"))}


def _holder(look: Look, where: str) -> str:
    """The program that listens there."""
    rows = f"ss -Hltnxp | grep -F {shlex.quote(f' {where} ')}"
    return look.last(f"{rows} | grep -o '(\".*' | tr -d '(\")'") or "another program"
