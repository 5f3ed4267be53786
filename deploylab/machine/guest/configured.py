"""Reads how a server on this machine is configured now. Runs on the guest, as root.

The sender appends a line to this text that calls `read` and prints the result. So the patterns that are
looked for appear on no command line.
"""

import os
import re
import subprocess
from functools import cache
from pathlib import Path

SECRET = re.compile("SECRET|PASSWORD|KEY")  # in a variable's name: the value never leaves this machine


def read(paths, patterns, app):
    """The files' content, the processes' command lines, and the revision of the code.

    Args:
        paths: files; those that end in `.env` are evaluated, of the others the text is returned.
        patterns: regular expressions on command lines.
        app: the folder with the application's code.
    """
    return {
        "files": {path: text(path) for path in paths if not path.endswith(".env")},
        "environment": {path: environment(path) for path in paths if path.endswith(".env")},
        "commands": commands(patterns),
        "revision": revision(app),
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
    return sorted(line for line in running() if any(re.search(pattern, f"{line} ") for pattern in patterns))


@cache
def running():
    """The command line of every process, read once: a process that ends between two targets is no difference."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace").strip())
        except OSError:  # it has ended
            continue
    return lines


def revision(app):
    """The commit of the code in a folder, and the files that were changed by hand; None if it is no git clone."""
    git = ["git", "-c", f"safe.directory={app}", "-C", app]
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True)
    if head.returncode:
        return None
    changed = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True).stdout.split()[1::2]
    return " ".join([head.stdout.strip()[:10], *(["with changes in", *changed] if changed else [])])
