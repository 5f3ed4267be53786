"""Runs Sphinx in a process of its own: every warning is an error, and all of them are listed at once."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from deploylab.core import paths
from deploylab.core.errors import SiteError
from deploylab.core.progress import Progress

PERCENT = re.compile(r"\[ *(\d+)%\] *(.*)")
FAULT = re.compile(r"WARNING|ERROR|CRITICAL|[Ee]rror:")
MOST_FAULTS = 20  # in a message; the log has them all


def build(builder: str, source: Path, out: Path, language: str, progress: Progress) -> None:
    """Let Sphinx make a folder of pages, or of messages to translate; always all of them. Otherwise the warnings of
    unchanged pages would not be repeated, and deleted pages would remain.

    Args:
        builder: Sphinx's name for the kind of output: "html", "gettext".
        source: the folder with conf.py.
        language: of the pages: "en", "es".

    Raises:
        SiteError: pages have errors; the message lists the first ones.
    """
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-P", "-m", "sphinx", "-b", builder, "-E", "-n", "-W", "--keep-going",
               "--no-color", "-D", f"language={language}", str(source), str(out)]
    lines: list[str] = []
    environment = {**os.environ, "PYTHONPATH": str(paths.ROOT), "PYTHONWARNINGS": "ignore"}
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, env=environment) as process:
        for line in process.stdout:
            lines.append(line.rstrip())
            progress.log(line)
            if match := PERCENT.search(line):
                progress.update(match[2], float(match[1]), 100)
    if process.returncode:
        raise _fault(lines, source, progress)


def _fault(lines: list[str], source: Path, progress: Progress) -> SiteError:
    """The errors, as many as fit on a screen."""
    faults = [line.replace(f"{source}/", "") for line in lines if FAULT.search(line)] or lines[-MOST_FAULTS:]
    more = [f"… and {len(faults) - MOST_FAULTS} more"] if len(faults) > MOST_FAULTS else []
    return SiteError("\n".join(["The site has errors:", *faults[:MOST_FAULTS], *more]),
                     f"correct them, then ./lab site; the full log is {progress.log_path}")
