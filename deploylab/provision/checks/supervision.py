"""Checks of what keeps a server running, and of what it may do while it runs."""

import re

from deploylab.provision.checks import trouble
from deploylab.provision.checks.base import Check, Look

SYSTEMD = "/run/systemd/system"  # exists where systemd is the machine's first process
# Values of `Restart=` by which systemd starts a service again that was killed. Source: systemd.service(5).
AFTER_A_KILL = ("always", "on-failure", "on-abnormal", "on-abort")


def restarts(look: Look) -> Check:
    """systemd starts each of these services again when it is killed."""
    units = look.expect["restarts"]
    name = f"started again when killed: {', '.join(units)}"
    if not look.sh(f"test -d {SYSTEMD}").ok:
        return Check(name, True, "does not apply: this machine has no systemd, and nothing starts a service again")
    policies = {unit: look.last(f"systemctl show -P Restart {unit}") for unit in units}
    for unit, policy in policies.items():
        if policy not in AFTER_A_KILL:
            stated = look.last(f"systemctl cat {unit} 2>/dev/null | grep '^Restart='")
            cause = f"its files say {stated}" if stated else "its files have no Restart=, and the default is no"
            return Check(name, False, f"{unit} stays dead: Restart={policy}", cause, look.cure())
    return Check(name, True, ", ".join(f"{unit} {policy}" for unit, policy in policies.items()))


def sandbox(look: Look) -> Check:
    """Each process that answers is in a sandbox, as the kernel says, and systemd rates its unit low enough."""
    most, name = look.expect["sandbox"], "the application is in a sandbox"
    if not look.workers:
        return Check(name, False, "no answer names its process", *trouble.explain(look))
    for pid in sorted(look.workers):
        if free := _freedoms(look, pid):
            unit = look.last(f"ps -o unit= -p {pid}")
            files = look.last(f"systemctl show -P DropInPaths {unit}") or "no file beside the unit's own"
            return Check(name, False, f"process {pid} of {unit} {free[0]}", f"its sandbox is: {files}; a process keeps "
                         "the one that it was started with", look.cure())
    unit = look.last(f"ps -o unit= -p {min(look.workers)}")
    output = look.sh(f"systemd-analyze security --no-pager {unit}").out
    rating = re.search(r"exposure level for \S+: ([\d.]+)", output)
    if not rating or float(rating[1]) > most:
        seen = f"systemd rates {unit} {rating[1]}, and {most} at most is expected" if rating else output[-200:]
        return Check(name, False, seen, _widest(output), look.cure())
    return Check(name, True, f"files read-only, no network, no new rights, system calls filtered; systemd rates {unit} "
                             f"{rating[1]} of 10")


def _widest(output: str) -> str:
    """The three directives of `systemd-analyze security` that leave most open, for a cause."""
    rows = re.findall(r"^\S+ (\S+=\S*) +(.+?) +(\d\.\d)$", output, re.MULTILINE)
    widest = sorted(rows, key=lambda row: -float(row[2]))[:3]
    return "; ".join(f"{text} ({name})" for name, text, _ in widest) or "systemd-analyze names no directive"


def _freedoms(look: Look, pid: int) -> list[str]:
    """What a process may do and should not, as the kernel has it."""
    output = look.sh(f"grep -E '^(NoNewPrivs|Seccomp):' /proc/{pid}/status; "
                     f"awk '$5 == \"/\" {{print \"root: \" $6}}' /proc/{pid}/mountinfo; "
                     f"[ $(readlink /proc/{pid}/ns/net) = $(readlink /proc/1/ns/net) ] && echo network: shared").out
    state = dict(re.findall(r"^(\w+):\s+(\S+)$", output, re.MULTILINE))
    may = {
        "may write to the machine's files": "ro" not in state.get("root", "").split(","),
        "has the machine's network": state.get("network") == "shared",
        "may get more rights": state.get("NoNewPrivs") != "1",
        "may use every system call": state.get("Seccomp") != "2",
    }
    return [freedom for freedom, is_so in may.items() if is_so]
