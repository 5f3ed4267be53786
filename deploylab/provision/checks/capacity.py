"""Checks of capacity: which processes answer requests, and how many requests and connections they can handle."""

import re
from typing import Any

from deploylab.core import cancel
from deploylab.machine import guest
from deploylab.machine.guest import many_visitors
from deploylab.provision.checks import trouble
from deploylab.provision.checks.base import Check, Look

DATABASE_SOCKET = "mysqld.sock"
AWAKE = 2     # targets that run on demand and that a comparison needs at one time, at most
IDLE_S = 6.0  # the servers of the course close a connection that has been idle for 5 seconds
RESERVE = 16  # connections for manage.py, checks, a person looking


def process_is(look: Look) -> Check:
    """Each process that answers has the expected command line."""
    name, expected = "the right processes answer", look.expect["process_is"]
    lines = {pid: look.sh(f"tr '\\0' ' ' < /proc/{pid}/cmdline").out.strip() for pid in sorted(look.workers)}
    if not lines:
        return Check(name, False, "no answer names its process", *trouble.explain(look))
    for pid, line in lines.items():
        if not re.search(expected, line):
            cause = f"it does not match {expected}; {look.configured('WSGI|bind|proxy_pass|ProxyPass')}"
            return Check(name, False, f"process {pid} answers, and it is `{line}`", cause, look.cure())
    return Check(name, True, f"`{next(iter(lines.values()))}`")


def max_request_workers(look: Look) -> Check:
    """Apache has the expected number of threads in all its processes; mod_status counts them."""
    expected = look.expect["max_request_workers"]
    name = f"Apache can work on {expected} requests at one time"
    status = look.sh(f"curl -s -m 5 'http://127.0.0.1:{look.target.port}/server-status?auto'").out
    counts = {key: int(value) for key, value in re.findall(r"^(\w+): (\d+)$", status, re.MULTILINE)}
    if "IdleWorkers" not in counts:
        return Check(name, False, "no /server-status", *trouble.explain(look))
    observed = counts["BusyWorkers"] + counts["IdleWorkers"]
    text = f"{observed} threads in {counts['Processes']} process{'es' if counts['Processes'] > 1 else ''}"
    if observed == expected:
        return Check(name, True, text)
    cause = f"{look.configured('MaxRequestWorkers|ThreadsPerChild|StartServers|ServerLimit')}; a reload does not " \
            "apply all of it"
    return Check(name, False, text, cause, look.cure(f"sudo systemctl restart {look.expect['services'][-1]}"))


def connections(look: Look) -> Check:
    """As many visitors as the configuration promises can be connected, and the last of them gets an answer."""
    expected = look.expect["connections"]
    name = f"{expected:,} visitors can be connected at one time"
    # Linux gives Apache a connection only once there is something to read from it (AcceptFilter), so each visitor asks.
    asks = look.expect["server"] == "Apache"
    path = look.view("file").path
    if not look.get(path).status:
        return Check(name, False, "not even one gets an answer", *trouble.explain(look))
    call = f"connect({look.target.port}, {expected}, {path!r}, {asks}, {look.target.tls_name!r})"
    result = guest.ask(look.machine, many_visitors, call)
    if not _all_served(result, expected):
        # Somebody else may have been connected, or the first ones were sent away as idle before the last one came.
        cancel.sleep(IDLE_S)
        result = guest.ask(look.machine, many_visitors, call)
    observed = f"{result['connected']:,} connected, {result['kept']:,} of them kept; " \
               f"the last one got {result['status'] or 'no answer'}"
    if _all_served(result, expected):
        return Check(name, True, observed)
    port = f"ss -Hltnp 'sport = :{look.target.port}' | grep -o 'pid=[0-9]*' | sort -t = -k 2n | tail -n 1"
    files = look.last(f"awk '/open files/ {{print $4}}' /proc/$({port} | cut -d= -f2)/limits")
    numbers = "worker_connections|rlimit_nofile|ThreadsPerChild|MaxRequestWorkers|max-(fds|connections)"
    cause = f"a process of the server may have {files} open files, and a connection is one; {look.configured(numbers)}"
    return Check(name, False, observed, cause, look.cure())


def _all_served(result: dict[str, Any], expected: int) -> bool:
    return result["status"] == "200" and result["kept"] == expected


def database_connections(look: Look) -> Check:
    """The target holds no more connections than it has slots, and there are enough for all targets together."""
    expected, name = look.expect["database_connections"], "there are database connections for everybody"
    output = look.last("echo 'SELECT @@max_connections' | mariadb -N")
    if not output.isdigit():
        return Check(name, False, f"the database server says: {output or 'nothing'}", *trouble.explain(look))
    most = int(output)
    held, may_be = _connections(look), _budget(look)
    total = sum(may_be.values())
    if held > expected:
        cause = f"each thread may keep one (CONN_MAX_AGE); {look.configured('(workers|threads|processes) *=')}"
        return Check(name, False, f"it holds {held}, but has only {expected} slots", cause, look.cure())
    if expected and total > most:
        parts = ", ".join(f"{who} {n}" for who, n in may_be.items())
        return Check(name, False, f"max_connections is {most}, and {total} may be held at one time",
                     f"{parts}; {look.configured('max_connections')}", look.cure())
    return Check(name, True, f"it holds {held} of {expected}; {total} of {most} may be held at one time")


def _connections(look: Look) -> int:
    """How many connections to the database's socket the answering processes hold."""
    ends = [line.split() for line in look.sh("ss -Hxnp").out.splitlines()]
    # A row: type, state, two queues, here with its number, there with its number, who.
    served = {end[7] for end in ends if len(end) > 7 and end[4].endswith(DATABASE_SOCKET)}
    mine = [end for end in ends if len(end) > 8 and end[5] in served]
    return sum(any(f"pid={pid}," in end[8] for pid in look.workers) for end in mine)


def _budget(look: Look) -> dict[str, int]:
    """The most connections that may be held at one time: by target, then those that run on demand, and a reserve."""
    using = [target for target in look.course.all_targets if target.slots and target.expect.get("database") == "mysql"]
    slots = {target.name: target.slots_on(look.n_cpu) for target in using}
    standing: dict[str, tuple[str, int]] = {}
    for target in sorted(using, key=lambda target: bool(target.upon)):
        if not target.start:  # targets with the same application server share its slots
            standing.setdefault(target.expect.get("app_socket", target.name), (target.name, slots[target.name]))
    asleep = sorted((slots[target.name] for target in using if target.start), reverse=True)[:AWAKE]
    return {**dict(standing.values()), f"{AWAKE} that sleep": sum(asleep), "manage.py and people": RESERVE}
