"""Packs the application's code into a git bundle: one file that contains one revision.

A separate repository, `.lab/app.git`, has the application's folder as its work tree. So this works even if the clone
came as a zip file, needs no git identity, and deploys changes that are not committed yet. Author and date are fixed:
the same content has the same revision on every computer.
"""

import os
import subprocess
import tempfile
from pathlib import Path

from deploylab.core import paths
from deploylab.core.errors import HostError
from deploylab.course import Course

FIXED = {f"GIT_{role}_{field}": value
         for role in ("AUTHOR", "COMMITTER")
         for field, value in (("NAME", "deploylab"), ("EMAIL", "deploylab@localhost"),
                              ("DATE", "2000-01-01T00:00:00Z"))}
# The user's own git configuration must not change the content.
PLAIN = ["-c", "core.autocrlf=false", "-c", "core.excludesFile=", "-c", "core.attributesFile=",
         "-c", "commit.gpgSign=false", "-c", "core.bare=false"]


def revision(course: Course) -> str:
    """The revision (a commit hash) of the application's code as it is on this computer now.

    Files that the folder's `.gitignore` lists do not count.

    Raises:
        HostError: git is missing or failed, or there is no such folder.
    """
    folder = paths.ROOT / course.app.source
    if not folder.is_dir():
        raise HostError(f"The application's folder {folder} does not exist.", "see [app] in provisioning/course.toml")
    with tempfile.TemporaryDirectory() as scratch:
        index = Path(scratch) / "index"
        _git("add", "-A", ".", work_tree=folder, index=index)
        tree = _git("write-tree", work_tree=folder, index=index)
    return _git("commit-tree", tree, "-m", "The application as deployed")


def bundle(course: Course) -> tuple[str, Path]:
    """The revision of the application's code, and the path of a bundle with it (branch `main`).

    Raises:
        HostError: see `revision`.

    Example:
        rev, path = bundle(course.load())
    """
    rev = revision(course)
    path = paths.state_dir() / "app.bundle"
    if _bundled_revision(path) != rev:
        _git("update-ref", "refs/heads/main", rev)
        part = path.with_suffix(".part")
        _git("bundle", "create", "-q", str(part), "main")
        part.replace(path)
    return rev, path


def _bundled_revision(path: Path) -> str | None:
    """The revision in a bundle: it is in the second line. None if there is no valid bundle."""
    try:
        with path.open("rb") as file:
            return [file.readline(), file.readline()][1].split()[0].decode()
    except (OSError, IndexError, UnicodeDecodeError):
        return None


def _git(*arguments: str, work_tree: Path | None = None, index: Path | None = None) -> str:
    """The output of a git command in the repository, which is created if it does not exist."""
    git_dir = paths.state_dir() / "app.git"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= FIXED | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
    if index:
        environment["GIT_INDEX_FILE"] = str(index)
    if not (git_dir / "HEAD").exists():
        _run(["git", "init", "-q", "--bare", str(git_dir)], environment, None)
    options = ["--work-tree", str(work_tree)] if work_tree else []
    return _run(["git", *PLAIN, "--git-dir", str(git_dir), *options, *arguments], environment, work_tree)


def _run(command: list[str], environment: dict[str, str], folder: Path | None) -> str:
    try:
        done = subprocess.run(command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, text=True,
                              capture_output=True, check=False)
    except FileNotFoundError:
        raise HostError("git is not installed on this computer.", "install git, then the same command again") from None
    if done.returncode:
        raise HostError(f"`git {command[-2]}` could not pack the application: {done.stderr.strip()[-300:]}",
                        f"rm -r {paths.state_dir() / 'app.git'}")
    return done.stdout.strip()
