"""Prints what the server's processes have used so far, as JSON. Runs on the guest, as root.

    sample.py [--memory] PATTERN …

Two samples, before and after a load, give its cost. Each PATTERN is a regular
expression searched in command lines; a process that matches one is the server's,
and so are its children.
"""

import json
import os
import re
import sys
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
NS_PER_S = 1_000_000_000


def stat_fields(pid):
    """The fields of /proc/PID/stat after the name, which may hold spaces: state first."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def processes():
    """{pid: (parent, command line)} of all that runs."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                words = Path(f"/proc/{entry}/cmdline").read_bytes().replace(b"\0", b" ")
                found[int(entry)] = (int(stat_fields(entry)[1]), words.decode(errors="replace"))
            except OSError:  # it ended meanwhile
                continue
    return found


def ancestors(everything):
    """This process and those that started it: their command lines hold the patterns too."""
    line, pid = set(), os.getpid()
    while pid in everything:
        line.add(pid)
        pid = everything[pid][0]
    return line - {1}


def server_pids(patterns):
    """The processes that match a pattern, and their descendants; never this one."""
    everything = processes()
    wanted = [re.compile(pattern) for pattern in patterns]
    ours = ancestors(everything)
    mine = {pid for pid, (_, line) in everything.items()
            if pid not in ours and any(w.search(line) for w in wanted)}
    while True:
        more = {pid for pid, (parent, _) in everything.items() if parent in mine} - mine
        if not more:
            return sorted(mine)
        mine |= more


def cpu_s(pid):
    """Processor seconds of a process, with its ended threads and the children it has reaped."""
    user, system, children_user, children_system = map(int, stat_fields(pid)[11:15])
    return (user + system + children_user + children_system) / TICKS_PER_S


def runq_wait_s(pid):
    """Seconds the living threads of a process were ready to run but had no processor."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        total += int(Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[1])
    return total / NS_PER_S


def memory_bytes(pid):
    """(RSS, PSS) of a process. PSS divides a shared page among those who share it."""
    rss = pss = 0
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            rss = int(line.split()[1]) * 1024
        elif line.startswith("Pss:"):
            pss = int(line.split()[1]) * 1024
    return rss, pss


def sample(patterns, memory):
    """Sums over the server's processes. A process that ends while we look is left out."""
    total = {"n_processes": 0, "cpu_s": 0.0, "runq_wait_s": 0.0, "rss_bytes": 0, "pss_bytes": 0}
    for pid in server_pids(patterns):
        try:
            cpu, wait = cpu_s(pid), runq_wait_s(pid)
            rss, pss = memory_bytes(pid) if memory else (0, 0)
        except OSError:
            continue
        for key, value in zip(total, (1, cpu, wait, rss, pss), strict=True):
            total[key] += value
    return total


if __name__ == "__main__":
    arguments = [a for a in sys.argv[1:] if a != "--memory"]
    print(json.dumps(sample(arguments, "--memory" in sys.argv)))
