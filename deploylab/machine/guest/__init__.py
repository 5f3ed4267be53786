"""Small programs that run on the guest: standard library only, sent over ssh; they print JSON.

One of them, `django_settings`, is handed on to the application's own Python, since it loads the application.
"""

import json
from pathlib import Path
from types import ModuleType
from typing import Any

from deploylab.core.errors import MachineError


def ask(machine, program: ModuleType, call: str, timeout_s: float = 60) -> Any:
    """The return value of a function of a guest program, run on the guest as root. Nothing is left there.

    Args:
        machine: a `deploylab.machine.Machine`.
        program: a module of this package.
        call: a call of one of its functions, as text: `look()`. Its arguments appear on no command line.

    Raises:
        MachineError: it failed on the guest, or the machine did not answer.
    """
    text = Path(str(program.__file__)).read_text(encoding="utf-8")
    done = machine.run("python3 -", sudo=True, timeout_s=timeout_s,
                       stdin=f"{text}\nimport json\nprint(json.dumps({call}))\n".encode())
    if not done.ok:
        name = program.__name__.rpartition(".")[2]
        raise MachineError(f"The machine could not be asked ({name}): {done.out.strip()[-300:]}", "./lab status --deep")
    return json.loads(done.out)
