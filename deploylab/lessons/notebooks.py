"""The notebooks as files: where they are, and how to run one from its first cell to its last."""

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbclient
import nbformat

from deploylab.core import paths
from deploylab.core.errors import DeployLabError
from deploylab.course import Lesson

CELL_TIMEOUT_S = 900


class Loop(asyncio.SelectorEventLoop):
    """Leaves Ctrl-C to asyncio, which stops the work cleanly. nbclient's own handler would end the kernel first and
    then fail because it is gone; if it cannot install the handler, it works without.
    """

    def add_signal_handler(self, *_) -> None:
        raise RuntimeError("this loop handles no signals")


@dataclass(frozen=True)
class Executed:
    """A notebook that was run.

    Attributes:
        notebook: the notebook with its outputs.
        seconds: from the first cell to the last.
        failed: the beginning of each cell that failed, and its error message.
    """

    notebook: nbformat.NotebookNode
    seconds: float
    failed: tuple[tuple[str, str], ...]


def folder() -> Path:
    return paths.ROOT / "notebooks"


def path_of(lesson: Lesson) -> Path:
    """The lesson's file.

    Raises:
        DeployLabError: the file is missing.
    """
    path = folder() / f"{lesson.name}.ipynb"
    if not path.exists():
        raise DeployLabError(f"There is no {path}.", f"git checkout {path}")
    return path


def execute(path: Path, *, environment: dict[str, str] | None = None,
            on_cell: Callable[[int, int], None] = lambda number, of: None) -> Executed:
    """Run a notebook in a new kernel, in the notebooks' folder. It continues after a failed cell; Ctrl-C ends it.

    Args:
        environment: more variables for the kernel, such as DEPLOYLAB_MACHINE=recorded or DEPLOYLAB_RECORD=FOLDER.
        on_cell: called as each cell begins: its number from 1, and how many there are.
    """
    notebook = nbformat.read(path, as_version=4)
    began_s = time.monotonic()

    def started(cell, cell_index) -> None:
        on_cell(cell_index + 1, len(notebook.cells))

    client = nbclient.NotebookClient(
        notebook, timeout=CELL_TIMEOUT_S, kernel_name="python3", allow_errors=True, coalesce_streams=True,
        extra_arguments=["--log-level=CRITICAL"],  # otherwise it warns about its ports, and reports each interrupt
        resources={"metadata": {"path": str(folder())}}, on_cell_start=started)
    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(_executing(client, {**os.environ, "PYTHONPATH": str(paths.ROOT), **(environment or {})}))
    failed = tuple((cell.source[:80], output.evalue) for cell in notebook.cells if cell.cell_type == "code"
                   for output in cell.outputs if output.output_type == "error")
    return Executed(notebook, time.monotonic() - began_s, failed)


async def _executing(client: nbclient.NotebookClient, environment: dict[str, str]) -> None:
    """Run all cells in order. nbclient reports any cancellation as a dead kernel; here it may be Ctrl-C."""
    try:
        await client.async_execute(env=environment)
    except nbclient.exceptions.DeadKernelError:
        if asyncio.current_task().cancelling():
            asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # its readers fail
            raise asyncio.CancelledError from None
        raise
