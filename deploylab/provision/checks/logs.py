"""Checks whether the logs of a stage stay small: one that grows for ever fills the disk, which stops the database."""

import re
import shlex

from deploylab.provision.checks import trouble
from deploylab.provision.checks.base import Check, Look, words

CONFIGURATION = "/etc/logrotate.conf"
LEAST_FREE_MB = 100  # below this, an hour's log does not fit any more


def logs(look: Look) -> Check:
    """Every log that the target's processes have open is put aside in time, by a program that somebody starts."""
    name = "logs stay small"
    written = _written(look)
    for question in (_full, _skipped, _nobody, _unlimited):
        if reason := question(look, written):
            seen, cause, command = reason
            return Check(name, False, seen, cause, look.cure(command))
    return Check(name, True, f"{len(written)} open, and a limit for each" if written else "a limit for each")


def _written(look: Look) -> list[str]:
    """The files in /var/log that the target's processes have open."""
    patterns = "; ".join(f"pgrep -f {shlex.quote(pattern)}" for pattern in look.target.processes)
    held = f"for pid in $({patterns}); do readlink /proc/$pid/fd/*; done | grep '^/var/log/' | sort -u"
    return [line.removesuffix(" (deleted)") for line in look.sh(held).out.splitlines()]


def _full(look: Look, written: list[str]) -> tuple[str, str, str] | None:
    """There is no room for a log to grow."""
    folders = {path.rpartition("/")[0] for path in written} | {"/var/log"}
    output = look.sh(f"df -P -m {words(sorted(folders))}").out
    # A row: the device, three numbers of MB with the free ones last, the share, where it is mounted.
    for free_mb, disk in re.findall(r"^\S+(?: +\d+){2} +(\d+) +\d+% +(.+)$", output, re.MULTILINE):
        if int(free_mb) < LEAST_FREE_MB:
            largest = look.last(f"du -x -m -a {shlex.quote(disk)} 2>/dev/null | sort -n | grep -F .log | tail -n 1")
            cause = f"the largest log, in MB: {' '.join(largest.split())}" if largest else "no log takes it"
            return f"{free_mb} MB are free on the disk with the logs", cause, f"sudo du -xm {disk} | sort -n | tail"
    return None


def _skipped(look: Look, written: list[str]) -> tuple[str, str, str] | None:
    """logrotate does not know one of the logs, or leaves it out for a reason."""
    command = f"logrotate --debug {CONFIGURATION}"
    output = look.sh(f"{command} 2>&1").out
    for path in written:
        about = re.search(rf"^considering log {re.escape(path)}\n(error: .*)?", output, re.MULTILINE)
        if not about or about[1]:
            errors = re.findall(r"^error: .*", output, re.MULTILINE)
            cause = about[1] if about else errors[0] if errors else f"no file in /etc/logrotate.d names {path}"
            return f"nothing puts {path} aside", cause, f"sudo {command}"
    return None


def _nobody(look: Look, written: list[str]) -> tuple[str, str, str] | None:
    """Nobody starts logrotate. A computer without systemd is left to its owner."""
    timer = "logrotate.timer"
    state = look.last(f"[ ! -d /run/systemd/system ] || systemctl is-active {timer}")
    if state in ("", "active"):
        return None
    return "nothing puts logs aside", f"{timer}, which starts logrotate, is {state}", \
        f"sudo systemctl enable --now {timer}"


def _unlimited(look: Look, written: list[str]) -> tuple[str, str, str] | None:
    """supervisord keeps the output of its programs, and for one of them without a limit."""
    files = words(f"/etc/supervisor/conf.d/deploylab-{name}.conf" for name in trouble.programs(look))
    line = look.last(f"grep -HE '^stdout_logfile_maxbytes *= *0' {files} 2>/dev/null")
    if not line:
        return None
    return "supervisord keeps a log without a limit", line, "sudo supervisorctl update"
