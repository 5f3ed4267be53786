"""Reads how a server on this machine is configured now. Runs on the guest, as root.

The sender appends a line to this text that calls `read` and prints the result. So the patterns that are
looked for appear on no command line.
"""

import json
import os
import re
import subprocess
import time
from collections import namedtuple
from functools import cache
from pathlib import Path

SECRET = re.compile("SECRET|PASSWORD|KEY")  # in a variable's name: the value never leaves this machine
MOD_WSGI = re.compile(r"\(wsgi:")           # the command line of its daemons
APACHE = re.compile(r"\S*apache2 ")
AT_ONCE_S = 0.02                            # the kernel counts a process's start in hundredths of a second
LONGEST_S = 25                              # that loading the application may take
Process = namedtuple("Process", "parent command started_s")


def read(paths, patterns, app, wsgi, python, program):
    """The files' content, the processes' command lines, the revision of the code, and Django's settings.

    Args:
        paths: files; those that end in `.env` are evaluated, of the others the text is returned.
        patterns: regular expressions on command lines.
        app: the folder with the application's code.
        wsgi, python, program: as for `evaluated`.
    """
    return {
        "files": {path: text(path) for path in paths if not path.endswith(".env")},
        "environment": {path: environment(path) for path in paths if path.endswith(".env")},
        "commands": commands(patterns),
        "revision": revision(app),
        "django": django(paths, patterns, app, wsgi, python, program),
    }


def text(path):
    """The file's text, or None if there is no such file."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def environment(path):
    """The application's variables after a shell has read this file, without secret ones; None if that fails."""
    done = subprocess.run(["sh", "-c", 'set -a; . "$1"; env -0', "sh", path], capture_output=True, text=True,
                          env={"PATH": os.defpath}, timeout=10)
    pairs = (line.partition("=") for line in done.stdout.split("\0"))
    variables = {name: value for name, _, value in pairs if name.startswith("DJANGO_") and not SECRET.search(name)}
    return variables if done.returncode == 0 else None


def commands(patterns):
    """The command line of every process that matches a pattern."""
    return sorted(running()[pid].command for pid in matching(patterns))


def matching(patterns):
    """The ids of the processes that match a pattern."""
    return [pid for pid, process in running().items()
            if any(re.search(pattern, f"{process.command} ") for pattern in patterns)]


@cache
def running():
    """Every process by its id. They are read once: one that ends between two targets is no difference.

    Each has its parent's id, its command line, and the time at which it started, in seconds since 1970.
    """
    # Of two clocks that are asked one after the other: the more time between the two, the less.
    booted_s = max(time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) for _ in range(5))
    table = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            line = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            fields = (path / "stat").read_text().rpartition(")")[2].split()  # after the name, which may hold spaces
        except OSError:  # it has ended
            continue
        started_s = booted_s + int(fields[19]) / os.sysconf("SC_CLK_TCK")
        table[int(path.name)] = Process(int(fields[1]), line, started_s)
    return table


def revision(app):
    """The commit of the code in a folder, and the files that were changed by hand; None if it is no git clone."""
    git = ["git", "-c", f"safe.directory={app}", "-C", app]
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True)
    if head.returncode:
        return None
    changed = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True).stdout.split()[1::2]
    return " ".join([head.stdout.strip()[:10], *(["with changes in", *changed] if changed else [])])


def django(paths, patterns, app, wsgi, python, program):
    """What Django's settings are in the processes that run the application, as far as that can be told from outside.

    Read are /proc/PID/environ, which has the variables that a process was *started* with, and the code as it is now: it
    is loaded once more with these variables, by the same user, in the application's folder. mod_wsgi's processes have
    no such variables. Their `.wsgi` file asks a shell for them and is loaded as it is, so there the `.env` files count
    as they are now. Whatever of this is newer than the process is named in `changed`: it may have other values.

    Returns:
        `values`, the settings, as `django_settings.plain` makes them; `error`, why they cannot be read, or None;
        `changed`, files. None for a target that has no `.env` file: it has no Django.
    """
    variables = [path for path in paths if path.endswith(".env")]
    if not variables:
        return None
    mod_wsgi = next((path for path in paths if path.endswith(".wsgi")), None)
    others = [mod_wsgi, *sourced(variables)] if mod_wsgi else []
    processes = in_apache(patterns) if mod_wsgi else in_folder(patterns, app)
    for pid in sorted(processes, key=lambda pid: running()[pid].started_s):  # the oldest knows least of what is new
        try:
            result = evaluated(pid, app, mod_wsgi or wsgi, python, program)
        except OSError:  # it has ended
            continue
        new = changed(running()[pid].started_s, result.get("files", []), others)
        return {"values": result.get("values"), "error": result.get("error"), "changed": new}
    return {"values": None, "error": f"no process runs the code in {app}", "changed": []}


def in_folder(patterns, app):
    """The processes that match a pattern, or their descendants, whose working folder is the application's.

    Only those without children among them: a server's main process starts others, and loads nothing itself.
    """
    return without_children([pid for pid in family(patterns) if folder(pid) == os.path.realpath(app)])


def in_apache(patterns):
    """The processes of an Apache in which mod_wsgi runs Python: its daemons, or without any Apache's own children."""
    everyone = family(patterns)
    daemons = [pid for pid in everyone if MOD_WSGI.match(running()[pid].command)]
    return without_children(daemons or [pid for pid in everyone if APACHE.match(running()[pid].command)])


def family(patterns):
    """The processes that match a pattern, and their descendants."""
    everyone = set(matching(patterns))
    while more := {pid for pid, process in running().items() if process.parent in everyone} - everyone:
        everyone |= more
    return everyone


def without_children(pids):
    """Those that are no other one's parent."""
    parents = {running()[pid].parent for pid in pids}
    return [pid for pid in pids if pid not in parents]


def folder(pid):
    """The working folder of a process, None if it has ended."""
    try:
        return os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return None


@cache
def evaluated(pid, app, entry, python, program):
    """What `django_settings.look` says of a process.

    Args:
        app: the folder with the application's code.
        entry: what the server loads: the name of the module with the WSGI callable, or mod_wsgi's file.
        python: the Python that has the application's packages.
        program: the text of `django_settings.py`.

    Raises:
        OSError: the process has ended.
    """
    pairs = os.fsdecode(Path(f"/proc/{pid}/environ").read_bytes()).split("\0")
    variables, user = dict(pair.split("=", 1) for pair in pairs if "=" in pair), identity(pid)
    try:
        done = subprocess.run([python, "-B", "-", entry], input=program, cwd=app, env=variables, capture_output=True,
                              encoding="utf-8", errors="replace", timeout=LONGEST_S, **user)
        return json.loads(done.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, IndexError, ValueError) as error:
        return {"error": f"{python} does not load the code in {app}: {type(error).__name__}"}


def identity(pid):
    """The user and groups of a process, for `subprocess.run`. Only root can become somebody else."""
    if os.geteuid():
        return {}
    lines = (line.partition(":") for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    ids = {name: [int(word) for word in rest.split()] for name, _, rest in lines if name in ("Uid", "Gid", "Groups")}
    return {"user": ids["Uid"][1], "group": ids["Gid"][1], "extra_groups": ids["Groups"]}


def sourced(paths):
    """These `.env` files, and those that they read with `. FILE`."""
    more = [line.split()[1] for path in paths for line in (text(path) or "").splitlines() if re.match(r"\. +/", line)]
    return [*paths, *(sourced(more) if more else [])]


def changed(since_s, code, others):
    """The files that have changed since a time, in seconds since 1970.

    Args:
        code: files of the application's code. Their folders count too: one may have been added or removed.
    """
    files = [path for path in [*code, *others] if newer(path, since_s)]
    folders = {os.path.dirname(path) for path in code} - {os.path.dirname(path) for path in files}
    return files + sorted(f"{path}/" for path in folders if newer(path, since_s))


def newer(path, since_s):
    """Whether a file or folder has changed since then: content, owner or mode. One that is gone has."""
    try:
        return os.stat(path).st_ctime > since_s + AT_ONCE_S
    except OSError:
        return True
