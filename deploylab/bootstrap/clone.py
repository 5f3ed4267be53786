"""This clone: where its files are, which version it is, and whether its `.venv` is complete.

Like everything that runs before each command, this imports next to nothing.
"""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))

# Commands that need more than the core: the extras of pyproject.toml, where it has them.
EXTRAS = {"test": ("test",), "open": ("notebooks",), "record": ("notebooks",), "site": ("site",)}

PATH_FILE = "deploylab.pth"  # in the environment's packages: where this package is

COMPLETING = "_LAB_COMPLETE"  # in the environment where a shell asks how to complete what is typed: see `completion`


def command(args: list[str]) -> str:
    """The command as the person typed it, quoted for a shell."""
    import shlex  # only needed for messages

    return shlex.join(["./lab", *args])


def version() -> str:
    """The version of this clone: it is run from its folder, so no installed package knows it."""
    import tomllib

    return tomllib.loads(read(inside("pyproject.toml")))["project"]["version"]


def inside(*parts: str) -> str:
    """A path in this clone."""
    return os.path.join(ROOT, *parts)


def stamp_path(group: str) -> str:
    """The file that says this group is installed, and from what."""
    return inside(".venv", f"deploylab-{group}.stamp")


def stamp_text(group: str) -> str:
    """Everything that the installed group depends on, in full: comparing is as fast as hashing, and it is readable.

    Folder and interpreter are part of it, because a moved clone or another Python makes `.venv` useless.
    """
    python = os.path.realpath(inside(".venv", "bin", "python"))
    sources = ["pyproject.toml", "constraints.txt"] + ["sample_app/requirements.txt"] * (group == "test")
    place = [ROOT, python, sys.platform, os.uname().machine, group, PATH_FILE]
    return "\n".join(place + [f"--- {name}\n{read(inside(name))}" for name in sources])


def read(path: str) -> str:
    """The file's text; a missing file is empty."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return ""


def is_ready(group: str) -> bool:
    """True if the group was installed completely, here, by this Python, from exactly these files."""
    starts = os.access(inside(".venv", "bin", "python"), os.X_OK)
    return starts and read(stamp_path(group)) == stamp_text(group)
