"""The command line: `./lab VERB`. Each module holds the verbs of one matter."""

import json
import sys

import typer

from deploylab.errors import DeployLabError

INTERRUPTED = 130  # what a shell expects after Ctrl-C

app = typer.Typer(
    name="lab", no_args_is_help=True, add_completion=False, rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="Learn how a Django site is deployed by measuring every step on your own machine.",
    epilog="Begin with `./lab run`: it makes a machine, takes it down the road and leaves a report.",
)


def main() -> int:
    """The exit status of the command in `sys.argv`. A failure becomes one message, without a traceback."""
    from deploylab.cli import road_verbs, stage_verbs, load_verbs, machine_verbs, test_verb  # noqa: F401, I001 (the order of the help)

    try:
        app(prog_name="./lab")
    except DeployLabError as error:
        _say(error.what, error.next_step)
        return error.exit_status
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            _say("Stopped. What was done is kept.", f"./lab {' '.join(sys.argv[1:])}")
        return ended.code if isinstance(ended.code, int) else 0
    except OSError as error:  # a full disk, a folder one may not write
        _say(f"{error.strerror or error}: {error.filename or 'on this computer'}", "mend that, then run it again")
        return 1
    return 0


def _say(what: str, next_step: str) -> None:
    """The message on standard error; with `--json` also as the one document on standard output."""
    if "--json" in sys.argv:
        print(json.dumps({"error": what, "next": next_step}))
    print(f"\nlab: {what}", file=sys.stderr)
    if next_step:
        print(f"Next: {next_step}", file=sys.stderr)
