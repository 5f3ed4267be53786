"""Prints what the server's processes have used so far, as JSON. Runs on the guest, as root.

    sample.py [--memory] [--counters] PATTERN …

Two samples, before and after a load, give its cost. Each PATTERN is a regular
expression that is searched in command lines; a process that matches one belongs to
the server, and so do its children. With --counters the database and the cache server
among them are asked for their counters.
"""

import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
NS_PER_S = 1_000_000_000


def stat_fields(pid):
    """The fields of /proc/PID/stat after the name (it may contain spaces); the state is the first."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def processes():
    """{pid: (parent, command line)} of every process."""
    table = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                words = Path(f"/proc/{entry}/cmdline").read_bytes().replace(b"\0", b" ")
                table[int(entry)] = (int(stat_fields(entry)[1]), words.decode(errors="replace"))
            except OSError:  # it has ended
                continue
    return table


def ancestors(everything):
    """This process and those that started it: their command lines contain the patterns too."""
    line, pid = set(), os.getpid()
    while pid in everything:
        line.add(pid)
        pid = everything[pid][0]
    return line - {1}


def server_pids(patterns):
    """The processes that match a pattern, and their descendants; never this one."""
    everything = processes()
    expressions = [re.compile(pattern) for pattern in patterns]
    ours = ancestors(everything)
    mine = {pid for pid, (_, line) in everything.items()
            if pid not in ours and any(w.search(line) for w in expressions)}
    while True:
        more = {pid for pid, (parent, _) in everything.items() if parent in mine} - mine
        if not more:
            return sorted(mine)
        mine |= more


def cpu_s(pid):
    """Processor seconds of a process, with its ended threads and the children it has reaped.

    Its own are exact: what a cache computes for some dozen requests is less than a tick, the 10 ms in which the kernel
    tells what children have used.
    """
    children_user, children_system = map(int, stat_fields(pid)[13:15])
    clock = (~pid << 3) | 2  # of the time that all threads of another process computed. Source: clock_getcpuclockid(3)
    return time.clock_gettime_ns(clock) / NS_PER_S + (children_user + children_system) / TICKS_PER_S


def runq_wait_s(pid):
    """Seconds that the threads of a process were ready to run but had no processor; ended threads are not counted."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        total += int(Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[1])
    return total / NS_PER_S


def memory_bytes(pid):
    """(RSS, PSS) of a process, in bytes. PSS divides a shared page among the processes that share it."""
    rss = pss = 0
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            rss = int(line.split()[1]) * 1024
        elif line.startswith("Pss:"):
            pss = int(line.split()[1]) * 1024
    return rss, pss


def sample(patterns, memory):
    """Sums over the server's processes. A process that ends meanwhile is left out."""
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


STATEMENTS = ("Com_select", "Com_insert", "Com_update", "Com_delete")  # our own query is none of these


def database(command):
    """How many statements MariaDB has executed so far."""
    names = ", ".join(f"'{name}'" for name in STATEMENTS)
    out = subprocess.run(["mariadb", "-N", "-e", f"SHOW GLOBAL STATUS WHERE Variable_name IN ({names})"],
                         capture_output=True, text=True, timeout=5, check=True).stdout
    return {"db_queries": sum(int(line.split()[1]) for line in out.splitlines())}


def memcached(command):
    """How many hits and misses memcached has counted."""
    at = re.search(r" -s (\S+)", command)
    reply = ask(at[1] if at else ("127.0.0.1", 11211), b"stats\r\n", rb"END\r\n$")
    return lookups(reply, "get_hits", "get_misses")


def redis(command):
    """How many hits and misses Redis has counted. Its command line says where it listens."""
    at = re.search(r" (?:unixsocket:(\S+)|(\S+):(\d+))", command)
    reply = ask(at[1] or (at[2].replace("*", "127.0.0.1"), int(at[3])), b"INFO stats\r\n", rb"\r\n\r\n$|^-")
    return lookups(reply, "keyspace_hits", "keyspace_misses")


def lookups(reply, hits, misses):
    """The two counters, from lines such as `STAT get_hits 12` or `keyspace_hits:12`."""
    counts = {name: int(re.search(rf"\b{name}[ :](\d+)", reply)[1]) for name in (hits, misses)}
    return {"cache_hits": counts[hits], "cache_misses": counts[misses]}


def ask(address, question, end):
    """A server's reply, up to its end.

    Args:
        end: a regular expression that matches the end of a reply.
    """
    with socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET) as connection:
        connection.settimeout(2)
        connection.connect(address)
        connection.sendall(question)
        reply = b""
        while not re.search(end, reply) and (more := connection.recv(65536)):
            reply += more
    return reply.decode(errors="replace")


COUNTING = {"mariadbd": database, "mysqld": database, "memcached": memcached, "redis-server": redis}


def counters(patterns):
    """The counters of the servers among the processes, by name; a server that does not answer is left out."""
    everything, counts = processes(), {}
    for pid in server_pids(patterns):
        line = everything.get(pid, (0, ""))[1]
        counting = COUNTING.get(line.partition(" ")[0].rpartition("/")[2])
        try:
            counts |= counting(line) if counting else {}
        except (OSError, subprocess.SubprocessError, ValueError, TypeError):  # TypeError: an unexpected reply
            continue
    return counts


def look(patterns, memory, counting):
    """A complete sample. Reading the counters costs the servers a little, so it is done first before a load, and last
    after it (`memory`)."""
    first = counters(patterns) if counting and not memory else {}
    total = sample(patterns, memory)
    return {**total, **(counters(patterns) if counting and memory else first)}


if __name__ == "__main__":
    arguments = [a for a in sys.argv[1:] if a not in ("--memory", "--counters")]
    print(json.dumps(look(arguments, "--memory" in sys.argv, "--counters" in sys.argv)))
