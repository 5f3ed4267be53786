"""The shell of a notebook on the machine: folder and variables stay from one cell to the next.

Each cell is a shell of its own, which begins where the one before ended. So a cell that is stopped, a lost
connection or a restarted machine leave no shell in a state that nobody can see.
"""

import re
import shlex

from deploylab.core.errors import MachineError
from deploylab.machine import Machine

NAME = re.compile(r"[\w-]+")
# Not in /tmp: there, any program of the machine could have put a file of this name before us, and it is run.
STATE = "~/.deploylab-shell-{}"

# Before the cell: the folder, variables and functions of the one before. After it, however it ends: keep them.
# Left out are what bash sets itself, and what cannot be set again (r: readonly).
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
    """What bash on the machine is given for one cell.

    Args:
        notebook: whose shell it is; each has its own.

    Raises:
        MachineError: the name cannot be part of a file's name.
    """
    if not NAME.fullmatch(notebook):
        raise MachineError(f"'{notebook}' cannot name a shell.", "use letters, digits, - and _")
    return FRAME.format(own=OWN, state=STATE.format(notebook), cell=cell)


def run(machine: Machine, cell: str, notebook: str, on_line=None, timeout_s: float | None = None):
    """How a cell ended on the machine: a `Completed`. Interrupting it ends what it started there.

    Args:
        cell: text for bash.
        on_line: called with each line of output as it comes.
    """
    return machine.run(f"exec bash -c {shlex.quote(script(cell, notebook))}", on_line=on_line, timeout_s=timeout_s)


def start(machine: Machine, cell: str, notebook: str, name: str) -> str:
    """Run a cell in the background under a name; gives back where its output goes. An older one of the name ends."""
    stop(machine, notebook, name)
    log, pid = (f"{STATE.format(notebook)}-{name}.{kind}" for kind in ("log", "pid"))
    command = f"setsid nohup bash -c {shlex.quote(script(cell, notebook))}"
    machine.check_output(f"umask 077; {command} </dev/null >{log} 2>&1 & echo $! > {pid}")
    return log


def stop(machine: Machine, notebook: str, name: str) -> str:
    """End what was started under a name; gives back what it printed, "" if there was none."""
    if not NAME.fullmatch(name):
        raise MachineError(f"'{name}' cannot name a command.", "use letters, digits, - and _")
    log, pid = (f"{STATE.format(notebook)}-{name}.{kind}" for kind in ("log", "pid"))
    # A negative number: the whole process group.
    return machine.run(f"[ -e {pid} ] || exit 0; sudo -n kill -s TERM -- -$(cat {pid}) 2>/dev/null; rm -f {pid};"
                       f" cat {log}; rm -f {log}").out
