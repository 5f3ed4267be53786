"""The notebooks as files: which there are, and running one from its first cell to its last."""

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
    """Leaves Ctrl-C to asyncio, which ends the work in order. nbclient would end the kernel under it, and then fall
    over a kernel that is gone; it does without where it may not.
    """

    def add_signal_handler(self, *_) -> None:
        raise RuntimeError("signals are not for this loop")


@dataclass(frozen=True)
class Executed:
    """How a notebook ran.

    Attributes:
        notebook: it, with its outputs.
        seconds: from the first cell to the last.
        failed: the first lines of each cell that failed, and what it said.
    """

    notebook: nbformat.NotebookNode
    seconds: float
    failed: tuple[tuple[str, str], ...]


def folder() -> Path:
    return paths.ROOT / "notebooks"


def path_of(lesson: Lesson) -> Path:
    """The lesson's file.

    Raises:
        DeployLabError: it is not there.
    """
    path = folder() / f"{lesson.name}.ipynb"
    if not path.exists():
        raise DeployLabError(f"There is no {path}.", f"git checkout {path}")
    return path


def execute(path: Path, *, environment: dict[str, str] | None = None,
            on_cell: Callable[[int, int], None] = lambda number, of: None) -> Executed:
    """Run a notebook in a kernel of its own, in the notebooks' folder. A failed cell does not end it; Ctrl-C does.

    Args:
        environment: more variables for the kernel: DEPLOYLAB_MACHINE=recorded, DEPLOYLAB_RECORD=folder.
        on_cell: called as each cell begins: its number from 1, and how many there are.
    """
    notebook = nbformat.read(path, as_version=4)
    began_s = time.monotonic()

    def started(cell, cell_index) -> None:
        on_cell(cell_index + 1, len(notebook.cells))

    client = nbclient.NotebookClient(
        notebook, timeout=CELL_TIMEOUT_S, kernel_name="python3", allow_errors=True, coalesce_streams=True,
        extra_arguments=["--log-level=CRITICAL"],  # else it warns of its ports, and says how it was interrupted
        resources={"metadata": {"path": str(folder())}}, on_cell_start=started)
    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(_executing(client, {**os.environ, "PYTHONPATH": str(paths.ROOT), **(environment or {})}))
    failed = tuple((cell.source[:80], said.evalue) for cell in notebook.cells if cell.cell_type == "code"
                   for said in cell.outputs if said.output_type == "error")
    return Executed(notebook, time.monotonic() - began_s, failed)


async def _executing(client: nbclient.NotebookClient, environment: dict[str, str]) -> None:
    """All cells, in order. nbclient takes whatever cancels it for a kernel that died; here it may be Ctrl-C."""
    try:
        await client.async_execute(env=environment)
    except nbclient.exceptions.DeadKernelError:
        if asyncio.current_task().cancelling():
            asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # its readers fall over what was closed
            raise asyncio.CancelledError from None
        raise
