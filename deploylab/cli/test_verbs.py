"""test: the whole test suite."""

import os
import subprocess
import sys
from contextlib import suppress
from typing import Annotated

import typer

from deploylab.cli import app
from deploylab.cli.options import Yes
from deploylab.core import paths

# Files side by side; one more than there are processors, because many tests wait, and each worker costs its imports.
SIDE_BY_SIDE = ["-n", "3", "--dist", "loadfile"]
FAST = ["-m", "not machine and not slow and not alone", *SIDE_BY_SIDE]
WITHOUT_MACHINE = ["-m", "not machine and not alone", *SIDE_BY_SIDE]
ALONE = ["-m", "alone"]
# Two machines, and on each one test after the other. The slowest are named, for whoever wants the whole to be quicker.
ON_MACHINES = ["-m", "machine and not alone", "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder",
               "--durations=25", "--durations-min=10"]
INTERRUPTED, NO_TESTS = 2, 5  # pytest's own status: after Ctrl-C, and where -k leaves none


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def test(
    context: typer.Context,
    fast: Annotated[bool, typer.Option("--fast", help="Leave out the slow ones, and those with a machine.")] = False,
    yes: Yes = False,
) -> None:
    """Run the tests, on two real machines of their own. More arguments go to pytest.

    Example: `./lab test --fast -k stats`
    """
    environment = {**os.environ, "PYTHONPATH": str(paths.ROOT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # hundreds of Pythons: each would compile the package anew
    if yes or os.environ.get("CI", "").lower() in ("1", "true"):
        environment["DEPLOYLAB_YES"] = "1"
    ended: list[int] = []
    for part in [FAST] if fast else [WITHOUT_MACHINE, ALONE, ON_MACHINES]:
        if INTERRUPTED not in ended:
            ended.append(_status([sys.executable, "-m", "pytest", *context.args, *part], environment))
    if not fast:
        _take_machines_away(environment)
    bad = [status for status in ended if status not in (0, NO_TESTS)]
    raise typer.Exit(bad[0] if bad else min(ended))


def _status(command: list[str], environment: dict[str, str]) -> int:
    """How pytest ended. Ctrl-C reaches it as well: it ends by itself, and says what it did."""
    process = subprocess.Popen(command, cwd=paths.ROOT, env=environment)
    while True:
        with suppress(KeyboardInterrupt):
            return process.wait()


def _take_machines_away(environment: dict[str, str]) -> None:
    """The tests take away their machines themselves, unless they were stopped on the way."""
    if os.environ.get("DEPLOYLAB_KEEP") == "1":
        return
    for kept in sorted((paths.ROOT / ".lab").glob("test*/machine.json")):
        subprocess.run([sys.executable, "-m", "deploylab.cli", "destroy", "--yes"], cwd=paths.ROOT,
                       env={**environment, "DEPLOYLAB_STATE": str(kept.parent)})
