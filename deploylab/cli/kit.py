"""completion, test: commands for the kit itself."""

import os
import subprocess
import sys
from contextlib import suppress
from typing import Annotated

import typer

from deploylab.bootstrap import completion as scripts
from deploylab.cli import app, values
from deploylab.cli.options import Yes
from deploylab.core import paths

# Test files in parallel. Three workers on two processors, because many tests wait; more would only cost more imports.
FAST = ["-m", "not machine and not slow and not alone and not thorough", "-n", "3", "--dist", "loadfile"]
# Two machines, and on each one test after another. The slowest are listed, to see what to make faster.
LANES = ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder", "--durations=25", "--durations-min=10"]
BESIDE = ["-n", "1", "-q"]  # in parallel with the machines, which often wait
INTERRUPTED, NO_TESTS = 2, 5  # pytest's exit status: after Ctrl-C, and if -k selects no test


@app.command()
def completion(
    shell: Annotated[str, typer.Argument(metavar="SHELL", autocompletion=values.shells,
                                         help=f"{', '.join(scripts.SHELLS[:-1])}, or {scripts.SHELLS[-1]}.")],
) -> None:
    """Print a script that lets TAB complete commands, options and names in your shell.

    The script completes `lab` of this clone, as `./lab` or as `lab`, from any folder. Printing it changes nothing. To
    have it in every new shell, add the line of your shell to ~/.bashrc or ~/.zshrc, with the full path of `lab`. In
    fish: `./lab completion fish | source`, in ~/.config/fish/config.fish.

    TAB installs nothing: before the first command has made .venv/, it offers nothing either.

    Example: `./lab completion bash`, to be used as `eval "$(./lab completion bash)"`
    """
    if shell not in scripts.SHELLS:
        raise typer.BadParameter(f"{shell!r} is none of {', '.join(scripts.SHELLS)}.")
    print(scripts.script(shell), end="")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def test(
    context: typer.Context,
    fast: Annotated[bool, typer.Option("--fast", help="Leave out slow tests, and those that need a machine.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Run the thorough tests too, which takes an hour.")] = False,
    yes: Yes = False,
) -> None:
    """Run the tests, on two real machines of their own: 20 minutes on two processors. Other arguments go to pytest.

    Example: `./lab test --fast -k stats`
    """
    if fast and everything:
        raise typer.BadParameter("Use just one of --fast and --all.")
    environment = {**os.environ, "PYTHONPATH": str(paths.ROOT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # else each of hundreds of Pythons would compile the package again
    if yes or os.environ.get("CI", "").lower() in ("1", "true"):
        environment["DEPLOYLAB_YES"] = "1"
    if fast:
        statuses = [_wait(_pytest([*context.args, *FAST], environment))]
    else:
        statuses = _all_parts(context.args, " and not thorough" * (not everything), environment)
        _destroy_machines(environment)
    bad = [status for status in statuses if status not in (0, NO_TESTS)]
    raise typer.Exit(bad[0] if bad else min(statuses))


def _all_parts(args: list[str], tier: str, environment: dict[str, str]) -> list[int]:
    """The exit status of each part: first what compares times, alone; then what needs a machine, beside the rest.

    Args:
        tier: what is added to pytest's expression for marks.
    """
    statuses = [_wait(_pytest([*args, "-m", f"alone{tier}"], environment))]
    if INTERRUPTED in statuses:
        return statuses
    log = paths.ROOT / ".lab" / "log" / "test.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "w", encoding="utf-8") as file:
        rest = _pytest([*args, "-m", f"not machine and not alone{tier}", *BESIDE],
                       {**environment, "DEPLOYLAB_TESTS": "beside"}, stdout=file)
        print("lab: tests without a machine run in parallel with the others; their output is in "
              f"{log.relative_to(paths.ROOT)}", flush=True)
        statuses.append(_wait(_pytest([*args, "-m", f"machine and not alone{tier}", *LANES], environment)))
        statuses.append(_wait(rest))
    print(log.read_text(encoding="utf-8"), flush=True)
    return statuses


def _pytest(arguments: list[str], environment: dict[str, str], stdout=None) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-m", "pytest", *arguments], cwd=paths.ROOT, env=environment,
                            stdout=stdout)


def _wait(process: subprocess.Popen) -> int:
    """pytest's exit status. Ctrl-C reaches pytest as well: it ends by itself and reports its results."""
    while True:
        with suppress(KeyboardInterrupt):
            return process.wait()


def _destroy_machines(environment: dict[str, str]) -> None:
    """Destroy machines that are left over: the tests do it themselves, unless they were interrupted."""
    if os.environ.get("DEPLOYLAB_KEEP") == "1":
        return
    for file in sorted((paths.ROOT / ".lab").glob("test*/machine.json")):
        subprocess.run([sys.executable, "-m", "deploylab.cli", "destroy", "--yes"], cwd=paths.ROOT,
                       env={**environment, "DEPLOYLAB_STATE": str(file.parent)})
