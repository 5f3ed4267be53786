"""The machine of this clone: `current()` returns the one that runs."""

from deploylab.core.errors import MachineError
from deploylab.machine import choose
from deploylab.machine.base import Completed, Machine, with_address
from deploylab.machine.local import LocalMachine
from deploylab.machine.vagrant import VagrantMachine

__all__ = ["Completed", "LocalMachine", "Machine", "OwnMachine", "VagrantMachine", "current",
           "with_address", "lost", "open_machine", "standing"]

OwnMachine = VagrantMachine | LocalMachine  # a machine that can be started and destroyed


def open_machine(choice: choose.Choice) -> OwnMachine:
    """A handle for the machine of that kind, whether or not it is running."""
    return LocalMachine() if choice.kind == "local" else VagrantMachine(choice.provider)


def lost() -> VagrantMachine | None:
    """This clone's machine if `.lab/` was deleted and no longer lists it: LXC guests are named after the clone."""
    machine = VagrantMachine("lxc")
    return machine if machine.is_lost() else None


def current() -> OwnMachine:
    """A handle for this clone's machine, which is running.

    Raises:
        MachineError: there is no machine yet, or it does not answer.

    Example:
        machine = current()
        machine.run("uptime").out
    """
    machine = standing()
    if machine is None:
        what = "The machine does not answer." if choose.saved() else "There is no machine yet."
        raise MachineError(what, "./lab up")
    return machine


def standing() -> OwnMachine | None:
    """A handle for this clone's machine if it is running, else None."""
    saved = choose.saved()
    machine = open_machine(saved) if saved else None
    return machine if machine and machine.answers() else None
