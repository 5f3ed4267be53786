"""test: the whole test suite."""

import os
import subprocess
import sys
from typing import Annotated

import typer

from deploylab import paths
from deploylab.cli import app
from deploylab.cli.options import Yes

# Files side by side; more than there are processors, because many tests wait for a process or a clock.
# With a machine, one test after the other: it is one machine.
FAST = ["-m", "not machine", "-n", "4", "--dist", "loadfile"]


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def test(
    context: typer.Context,
    fast: Annotated[bool, typer.Option("--fast", help="Leave out what needs a machine; under a minute.")] = False,
    yes: Yes = False,
) -> None:
    """Run the tests, on a real machine of their own. More arguments go to pytest.

    Example: `./lab test --fast -k stats`
    """
    environment = {**os.environ, "PYTHONPATH": str(paths.ROOT)}
    if yes or os.environ.get("CI", "").lower() in ("1", "true"):
        environment["DEPLOYLAB_YES"] = "1"
    command = [sys.executable, "-m", "pytest", *(FAST if fast else []), *context.args]
    raise typer.Exit(subprocess.run(command, cwd=paths.ROOT, env=environment).returncode)
