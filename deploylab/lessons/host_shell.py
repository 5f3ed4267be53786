"""The shell for cells on this computer, where the site is developed, not on the machine, where it runs.

Each cell begins in the notebooks' folder. The programs of the kit's own Python environment come first in PATH.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from deploylab.core import cancel
from deploylab.lessons import notebooks
from deploylab.machine import Completed

COLOURED = {"FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE"}  # a kernel sets them; progress bars would only be noise here
END_S = 5.0  # how long an interrupted cell may take to end by itself


def run(cell: str, ssh_config: Path, on_line: Callable[[str], None] | None = None, machine: str = "") -> Completed:
    """Run a cell and return how it ended. Interrupting it ends what it started on this computer, not on others.

    Args:
        cell: text for bash.
        ssh_config: how to reach the machine; the cell has the path in SSH_CONFIG.
        on_line: called with each line of output as it comes.
        machine: its address; the cell has it in MACHINE.
    """
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    environment = {name: value for name, value in os.environ.items() if name not in COLOURED}
    process = subprocess.Popen(
        ["bash", "-c", cell], cwd=notebooks.folder(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
        env={**environment, "PATH": programs, "SSH_CONFIG": str(ssh_config), "MACHINE": machine,
             "PYTHONUNBUFFERED": "1"})
    lines = []
    try:
        with cancel.ended_by(lambda: _signal(process, signal.SIGTERM)):
            for line in process.stdout or ():
                lines.append(line)
                if on_line:
                    on_line(line.rstrip("\r\n"))
            return Completed(cell, process.wait(), "".join(lines))
    finally:
        _end(process)


def _end(process: subprocess.Popen) -> None:
    """End everything that the cell started on this computer."""
    if process.poll() is None:
        _signal(process, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(END_S)
    _signal(process, signal.SIGKILL)
    process.wait()
    if process.stdout:
        process.stdout.close()


def _signal(process: subprocess.Popen, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
