"""The machine of this clone: `current()` for the one that is there, `up()` to have one."""

from deploylab.errors import MachineError
from deploylab.machine import choose
from deploylab.machine.base import Completed, Machine
from deploylab.machine.vagrant import VagrantMachine

__all__ = ["Completed", "Machine", "VagrantMachine", "current", "open_machine"]


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
    saved = choose.saved()
    if saved is None:
        raise MachineError("There is no machine yet.", "./lab up")
    machine = open_machine(saved)
    if not machine.answers():
        raise MachineError("The machine does not answer.", "./lab up")
    return machine
