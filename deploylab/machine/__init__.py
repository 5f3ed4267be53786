"""The machine of this clone: `current()` for the one that is there, `up()` to have one."""

from deploylab.errors import MachineError
from deploylab.machine import choose
from deploylab.machine.base import Completed, Machine
from deploylab.machine.vagrant import VagrantMachine

__all__ = ["Completed", "Machine", "VagrantMachine", "current", "open_machine", "standing"]


def open_machine(choice: choose.Choice) -> VagrantMachine:
    """A handle on the machine of that kind, whether or not it runs."""
    return VagrantMachine(choice.provider)


def current() -> VagrantMachine:
    """A handle on the machine that this clone uses, which runs.

    Raises:
        MachineError: there is none yet, or it does not answer.

    Example:
        machine = current()
        machine.run("uptime").out
    """
    machine = standing()
    if machine is None:
        what = "The machine does not answer." if choose.saved() else "There is no machine yet."
        raise MachineError(what, "./lab up")
    return machine


def standing() -> VagrantMachine | None:
    """A handle on the machine that this clone uses if it runs, else None."""
    saved = choose.saved()
    machine = open_machine(saved) if saved else None
    return machine if machine and machine.answers() else None
