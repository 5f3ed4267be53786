"""python-vagrant as the kit uses it: with its state in `.lab/`, stoppable, and silent if Vagrant is not installed."""

import contextlib
import logging
import os
import shutil
import signal
import subprocess
from functools import partial
from pathlib import Path

from deploylab.core import cancel, paths
from deploylab.machine.ssh import control_dir

# On import it warns on standard error, also in a notebook. `VagrantMachine` reports a missing Vagrant when it matters.
logging.getLogger("vagrant").setLevel(logging.ERROR)
import vagrant  # noqa: E402
from vagrant import make_file_cm  # noqa: E402

__all__ = ["Vagrant", "environment", "make_file_cm"]


class Vagrant(vagrant.Vagrant):
    """Like the library's class, but `up` in a thread can be stopped: Vagrant then gets the signal that Ctrl-C sends.

    If we are killed, Vagrant ends too: otherwise it would keep its machine locked for the next command.
    """

    def _make_vagrant_command(self, args):
        goes_with_us = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []  # only on Linux
        return goes_with_us + super()._make_vagrant_command(args)

    def _stream_vagrant_command(self, args):
        command = self._make_vagrant_command(args)
        with self.err_cm() as to_log, \
                subprocess.Popen(command, cwd=self.root, env=self.env, stdout=subprocess.PIPE, stderr=to_log,
                                 text=True, errors="replace") as process, \
                cancel.ended_by(partial(process.send_signal, signal.SIGINT)):
            yield from process.stdout
            process.wait()
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)


def environment() -> dict[str, str]:
    """The environment for calls of vagrant: all its state is in `.lab/`."""
    state = paths.state_dir()
    return {**os.environ, "VAGRANT_HOME": str(_home()), "VAGRANT_DOTFILE_PATH": str(state / "machines"),
            "DEPLOYLAB_STATE": str(state), "VAGRANT_CHECKPOINT_DISABLE": "1", "VAGRANT_NO_COLOR": "1"}


def forget_home() -> None:
    """Remove what `environment` created outside `.lab/`."""
    with contextlib.suppress(FileNotFoundError):
        _link().unlink()


def _home() -> Path:
    """VAGRANT_HOME: in `.lab/`, by a path without spaces, because vagrant-lxc does not quote the path of its box."""
    home = paths.state_dir() / "vagrant"
    if not any(letter.isspace() for letter in str(home)):
        return home
    home.mkdir(parents=True, exist_ok=True)
    if not _link().is_symlink():
        _link().symlink_to(home)
    return _link()


def _link() -> Path:
    return control_dir() / f"vagrant-{paths.short_hash()}"
