"""Lists what is on this machine: files, packages, users, services, sockets, processes. Runs on the guest, as root."""

import hashlib
import json
import os
import pwd
import re
import stat
import subprocess
from collections import Counter
from grp import getgrgid
from pathlib import Path

ROOTS = ("/etc", "/srv", "/usr/local", "/var/www")
SKIPPED = {".git", "__pycache__", "venv"}  # the list of packages covers the environment
SHOWN = 40                                 # characters of a command line: enough to distinguish the servers


def look():
    """By kind, then by name, one line of text each."""
    return {"files": files(), "packages": packages(), "python packages": python_packages(), "users": users(),
            "services": services(), "sockets": sockets(), "processes": processes()}


def files():
    """Mode, owner and digest of every file, folder and link in ROOTS."""
    entries = {}
    for root in ROOTS:
        for folder, folders, names in os.walk(root):
            folders[:] = [name for name in folders if name not in SKIPPED]
            for name in [*folders, *names]:
                path = os.path.join(folder, name)
                try:
                    entries[path] = one_file(path)
                except OSError:  # it was removed
                    continue
    return entries


def one_file(path):
    """`640 root:deploylab 3f1c…`; for a folder `folder`, for a link where it leads."""
    info = os.lstat(path)
    if stat.S_ISLNK(info.st_mode):
        return f"link to {os.path.normpath(os.path.join(os.path.dirname(path), os.readlink(path)))}"
    what = "folder"
    if stat.S_ISREG(info.st_mode):
        what = hashlib.sha256(Path(path).read_bytes()).hexdigest()[:12]
    owner, group = pwd.getpwuid(info.st_uid).pw_name, getgrgid(info.st_gid).gr_name
    return f"{stat.S_IMODE(info.st_mode):o} {owner}:{group} {what}"


def packages():
    """The version of every Debian package that is installed."""
    out = output("dpkg-query", "-W", "-f", "${db:Status-Status} ${Package} ${Version}\n")
    return {words[1]: words[2] for line in out if (words := line.split())[0] == "installed"}


def python_packages():
    """The version of every package in the application's virtual environment."""
    python = "/srv/deploylab/venv/bin/python"
    out = output(python, "-m", "pip", "list", "--format=json", "--disable-pip-version-check")
    return {package["name"]: package["version"] for package in json.loads("".join(out) or "[]")}


def users():
    """The home and shell of every user. User numbers depend on the order of creation, so they are left out."""
    return {user.pw_name: f"{user.pw_dir} {user.pw_shell}" for user in pwd.getpwall()}


def services():
    """Which services are running, and which are started at boot."""
    units = {line.split()[0] for line in output("systemctl", "list-units", "--type=service", "--state=running", *PLAIN)}
    files = {line.split()[0] for line in output("systemctl", "list-unit-files", "--state=enabled", *PLAIN)}
    return {name: " and ".join(word for word, names in (("running", units), ("enabled", files)) if name in names)
            for name in units | files}


def sockets():
    """The programs that listen, by address or path."""
    return listening([(line, column) for kind, column in (("-t", 3), ("-x", 4))
                      for line in output("ss", "-Hlnp", kind)])


def listening(lines):
    """The same, from lines of `ss`, each with the number of the column that holds the address."""
    programs = {}
    for line, column in lines:
        address = line.split()[column]
        if not address.startswith("@"):  # names without a file are random
            for number in re.findall(r"pid=(\d+)", line):  # supervisord makes its socket as NAME.PID, then renames it
                address = address.removesuffix(f".{number}")
            programs[address] = " ".join(sorted(set(re.findall(r'\("([^"]+)"', line))))
    return programs


def processes():
    """How many processes there are of each user and command."""
    counted = Counter()
    for path in Path("/proc").glob("[0-9]*"):
        try:
            line = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            user = pwd.getpwuid(path.stat().st_uid).pw_name
        except (OSError, KeyError):  # it has ended
            continue
        if line:
            counted[f"{user} {line[:SHOWN]}"] += 1
    return {name: str(n) for name, n in counted.items()}


PLAIN = ("--no-legend", "--plain", "--no-pager")


def output(*command):
    """The lines that a program prints; none if it is not installed."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    except OSError:
        return []
    return [line for line in done.stdout.splitlines() if line.strip()]
