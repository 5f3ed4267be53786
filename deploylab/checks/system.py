"""Checks on the machine itself: services, sockets, files, data."""

import re
import shlex

from deploylab import provision
from deploylab.checks.base import Check, Look, words


def services(look: Look) -> Check:
    """Each service runs, and will run again after a reboot."""
    units = look.expect["services"]
    name = f"services {', '.join(units)}"
    for unit in units:
        seen = " ".join(look.sh(f"systemctl is-active {unit}; systemctl is-enabled {unit}").out.split()[:2])
        if seen != "active enabled":
            said = look.last(f"journalctl -q --no-pager -o cat -n 3 -u {unit}")
            return Check(name, False, f"{unit} is {seen.replace(' ', ' and ') or 'not installed'}",
                         f"its log ends: {said}" if said else "its log is empty",
                         look.cure(f"sudo systemctl enable --now {unit}"))
    return Check(name, True, "running, and enabled at boot")


def config_test(look: Look) -> Check:
    """The server's own test of its configuration passes."""
    command = words(look.expect["config_test"])
    done = look.sh(command)
    said = [line for line in done.out.splitlines() if line.strip()]
    if done.ok:
        return Check(f"`{command}`", True, said[-1] if said else "no complaint")
    reason = next((line for line in said if re.search("emerg|error|Syntax", line)), said[0] if said else "no word")
    return Check(f"`{command}`", False, f"status {done.status}", reason, look.cure(f"sudo {command}"))


def listens(look: Look) -> Check:
    """The stage's processes listen where they should, and nowhere else."""
    wanted, name = set(look.expect["listens"]), "listens only where it should"
    seen = _listening(look)
    text = ", ".join(sorted(seen)) or "nowhere"
    if extra := sorted(seen - wanted):
        holder = _holder(look, extra[0])
        return Check(name, False, f"it also listens on {', '.join(extra)}", f"{holder} opened it", look.cure())
    if missing := sorted(wanted - seen):
        return Check(name, False, f"nothing of the stage listens on {missing[0]}", *look.trouble)
    return Check(name, True, text)


def migrated(look: Look) -> Check:
    """No migration is pending, seen with the stage's own environment."""
    return _manage(look, "migrations are applied", "migrate --check", look.expect["migrated"], "migrate")


def data(look: Look) -> Check:
    """The database has the rows of the course."""
    app = look.course.app
    return _manage(look, "the data are those of the course", f"{app.data_digest_command} --check", look.expect["data"],
                   app.data_command)


def private(look: Look) -> Check:
    """Secrets are for root and the application, not for every user of the machine."""
    name = "secrets are private"
    for path in look.expect["private"]:
        seen = look.last(f"stat -c '%a %U:%G' {shlex.quote(path)}")
        if not re.fullmatch(r"[0-7]*[0-7][04]0 root:\w+", seen):
            cause = "every user of the machine can read it" if re.match(r"\d*[4-7] ", seen) else "root does not own it"
            cause = cause if re.match(r"\d+ ", seen) else "it is not there"
            return Check(name, False, f"{path}: {seen}", cause, look.cure(f"sudo chmod 640 {path}"))
    return Check(name, True, f"{len(look.expect['private'])} files, readable by root and the application")


def _manage(look: Look, name: str, command: str, wanted: bool, mend: str) -> Check:
    """A check by a management command that ends with status 0 when all is well."""
    stage = look.target.stage
    done = look.sh(f"deploylab-manage {stage} {command}")
    said = [line for line in done.out.splitlines() if line.strip()]
    last = said[-1] if said else ""
    if done.ok == wanted:
        return Check(name, True, "yes" if wanted else "no, as it should be")
    return Check(name, False, f"`{command}` ended with status {done.status}", last[-300:] or "it said nothing",
                 look.cure(f"sudo deploylab-manage {stage} {mend}"))


def _listening(look: Look) -> set[str]:
    """Addresses and socket files that the stage's processes hold, without the ports of other stages."""
    patterns = "; ".join(f"pgrep -f {shlex.quote(pattern)}" for pattern in look.target.processes)
    pids = set(look.sh(patterns).out.split())
    others = [t.port for t in look.course.targets if t.port != look.target.port]
    shared = {str(port) for port in (*others, provision.CALIBRATION_PORT)}
    found = set()
    for line in look.sh("ss -Hltnxp").out.splitlines():
        where = line.split()[4]
        if pids & set(re.findall(r"pid=(\d+)", line)) and where.rpartition(":")[2] not in shared:
            found.add(where)
    return {where for where in found if not where.startswith(("@", "*"))}


def _holder(look: Look, where: str) -> str:
    """Which program listens there."""
    return look.last(f"ss -Hltnxp | grep -F {shlex.quote(f' {where} ')} | grep -o '(\".*' | tr -d '(\")'") or "somebody"
