"""The shell of a notebook on the machine: folder and variables stay from one cell to the next.

Each cell runs in a new shell, which begins where the one before ended. So a cell that is stopped, a lost connection
or a restarted machine never leaves a shell in an unknown state.
"""

import re
import shlex

from deploylab.core.errors import MachineError
from deploylab.machine import Machine

NAME = re.compile(r"[\w-]+")
# Not in /tmp: any program on the machine could put a file with this name there first, and we would run it.
STATE = "~/.deploylab-shell-{}"

# Before the cell: restore folder, variables and functions of the cell before. After it, even if it fails: save them.
# Not saved: what bash sets itself, and what cannot be set again (r: readonly).
FRAME = """\
_deploylab_state={state}
[ -r "$_deploylab_state" ] && . "$_deploylab_state" >/dev/null 2>&1
_deploylab_keep() {{
    umask 077
    {{
        printf 'cd %q\\n' "$PWD"
        declare -p | grep -E '^declare -[-aAix]+ [A-Za-z]' |
            grep -vE '^declare [^ ]+ ({own})'
        declare -f
    }} > "$_deploylab_state"
}}
trap _deploylab_keep EXIT
{cell}
"""


OWN = "BASH|DIRSTACK|EPOCH|FUNCNAME|GROUPS|HISTCMD|LINENO|PIPESTATUS|RANDOM|SECONDS|SHLVL|SRANDOM"


def script(cell: str, notebook: str) -> str:
    """The script that bash on the machine runs for one cell.

    Args:
        notebook: its name; each notebook has its own shell.

    Raises:
        MachineError: the name contains characters that a file name may not have.
    """
    if not NAME.fullmatch(notebook):
        raise MachineError(f"'{notebook}' cannot name a shell.", "use letters, digits, - and _")
    return FRAME.format(own=OWN, state=STATE.format(notebook), cell=cell)


def run(machine: Machine, cell: str, notebook: str, on_line=None, timeout_s: float | None = None):
    """Run a cell on the machine and return a `Completed`. Interrupting it ends what it started there.

    Args:
        cell: text for bash.
        on_line: called with each line of output as it comes.
    """
    return machine.run(f"exec bash -c {shlex.quote(script(cell, notebook))}", on_line=on_line, timeout_s=timeout_s)


def start(machine: Machine, cell: str, notebook: str, name: str) -> str:
    """Run a cell in the background under a name; returns its log file. An older one with this name is ended first."""
    stop(machine, notebook, name)
    log, pid = (f"{STATE.format(notebook)}-{name}.{kind}" for kind in ("log", "pid"))
    command = f"setsid nohup bash -c {shlex.quote(script(cell, notebook))}"
    machine.check_output(f"umask 077; {command} </dev/null >{log} 2>&1 & echo $! > {pid}")
    return log


def stop(machine: Machine, notebook: str, name: str) -> str:
    """End what was started under a name; returns what it printed, "" if there is none."""
    if not NAME.fullmatch(name):
        raise MachineError(f"'{name}' cannot name a command.", "use letters, digits, - and _")
    log, pid = (f"{STATE.format(notebook)}-{name}.{kind}" for kind in ("log", "pid"))
    # A negative number: the whole process group.
    return machine.run(f"[ -e {pid} ] || exit 0; sudo -n kill -s TERM -- -$(cat {pid}) 2>/dev/null; rm -f {pid};"
                       f" cat {log}; rm -f {log}").out
