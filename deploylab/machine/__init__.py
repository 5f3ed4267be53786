"""The machine of this clone: `current()` for the one that is there, `up()` to have one."""

from deploylab.core.errors import MachineError
from deploylab.machine import choose
from deploylab.machine.base import Completed, Machine, with_address
from deploylab.machine.local import LocalMachine
from deploylab.machine.vagrant import VagrantMachine

__all__ = ["Completed", "LocalMachine", "Machine", "OwnMachine", "VagrantMachine", "current",
           "with_address", "lost", "open_machine", "standing"]

OwnMachine = VagrantMachine | LocalMachine  # one with a life cycle


def open_machine(choice: choose.Choice) -> OwnMachine:
    """A handle on the machine of that kind, whether or not it runs."""
    return LocalMachine() if choice.kind == "local" else VagrantMachine(choice.provider)


def lost() -> VagrantMachine | None:
    """This clone's machine where `.lab/` was deleted and so knows of none: LXC's guests bear the clone's name."""
    machine = VagrantMachine("lxc")
    return machine if machine.is_lost() else None


def current() -> OwnMachine:
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


def standing() -> OwnMachine | None:
    """A handle on the machine that this clone uses if it runs, else None."""
    saved = choose.saved()
    machine = open_machine(saved) if saved else None
    return machine if machine and machine.answers() else None
