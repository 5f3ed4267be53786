"""What all tests share: state of their own, and one real machine for those that need it."""

import os
import subprocess
import sys

import pytest

from deploylab import paths

STATE = paths.ROOT / ".lab" / "test"  # never the state of the person who runs the tests


@pytest.fixture(scope="session", autouse=True)
def own_state(tmp_path_factory):
    """Point everything that is not told otherwise at the tests' own folders; results begin empty."""
    os.environ["DEPLOYLAB_STATE"] = str(STATE)
    os.environ["DEPLOYLAB_RESULTS"] = str(tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="session")
def machine(own_state):
    """A real machine that runs; made for the tests and taken away after them.

    DEPLOYLAB_KEEP=1 keeps it for the next run of the tests.
    """
    from deploylab.cli.options import ensure_machine
    from deploylab.machine import choose
    from deploylab.progress import Progress

    progress = Progress("test")
    machine = ensure_machine(yes=os.environ.get("DEPLOYLAB_YES") == "1", progress=progress)
    yield machine
    if os.environ.get("DEPLOYLAB_KEEP") != "1":
        machine.destroy(progress)
        choose.forget()


@pytest.fixture
def lab():
    """Run `./lab`'s command line in a process of its own; gives back the CompletedProcess."""

    def run(*arguments: str, timeout_s: float = 1200, **environment: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", "deploylab.cli", *arguments], cwd=paths.ROOT, capture_output=True, text=True,
            stdin=subprocess.DEVNULL, timeout=timeout_s,
            env={**os.environ, "PYTHONPATH": str(paths.ROOT), **environment},
        )

    return run
