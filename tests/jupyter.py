"""JupyterLab as an attendee has it: `./lab open`, and Debian's Chromium to look at it."""

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from deploylab.core import paths
from tests import packages
from tests.waiting import until

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]
WIDE = {"width": 1500, "height": 1000}
KERNEL = "window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status"
CELLS = "window.jupyterapp.shell.currentWidget.content.widgets.map(cell => cell.model.sharedModel.toJSON())"
# Of each chart that is shown in an output: its width, and the width that the output has for it, in pixels.
SHOWN = "[...document.querySelectorAll('.jp-OutputArea-output img')].filter(one => one.offsetWidth)"
CHARTS = f"""() => {SHOWN}.map(one => {{
    const output = one.closest('.jp-OutputArea-output'), style = getComputedStyle(output);
    const room = output.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    return [one.getBoundingClientRect().width, room, output.scrollWidth - output.clientWidth];
}})"""
DONE = f"""() => {{
    const code = {CELLS}.filter(cell => cell.cell_type === 'code' && cell.source.trim());
    const failed = code.some(cell => cell.outputs.some(output => output.output_type === 'error'));
    return {KERNEL} === 'idle' && (failed || code.every(cell => cell.execution_count !== null));
}}"""  # a cell that fails ends `run all`


@contextlib.contextmanager
def opened(folder: Path, *arguments: str, **environment: str) -> Iterator[str]:
    """`./lab open`, running; gives back its address, with the token.

    Args:
        folder: for its settings and its log.
        arguments: more of the command's own.
    """
    config = folder / "config"
    config.mkdir(parents=True, exist_ok=True)
    # Nobody saves here: an attendee's notebooks are the project's own files.
    saving = folder / "settings" / "@jupyterlab" / "docmanager-extension"
    saving.mkdir(parents=True, exist_ok=True)
    (saving / "plugin.jupyterlab-settings").write_text(json.dumps({"autosave": False}))
    (config / "jupyter_lab_config.json").write_text(json.dumps({"LabApp": {"expose_app_in_browser": True}}))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port, token = free.getsockname()[1], secrets.token_hex(16)
    own = {"JUPYTER_CONFIG_DIR": config, "JUPYTER_RUNTIME_DIR": folder / "runtime", "IPYTHONDIR": folder / "ipython",
           "JUPYTERLAB_SETTINGS_DIR": folder / "settings", "JUPYTERLAB_WORKSPACES_DIR": folder / "workspaces"}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "deploylab.cli", "open", "--no-browser", "--port", str(port), *arguments],
            cwd=paths.ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(paths.ROOT), "JUPYTER_TOKEN": token,
                 **{name: str(path) for name, path in own.items()}, **environment})
    try:
        until(lambda: _listens(port) or process.poll() is not None, "JupyterLab does not listen", seconds=180)
        assert process.poll() is None, (folder / "log").read_text()
        yield f"http://127.0.0.1:{port}/lab/tree/{{}}?token={token}"
    finally:
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        process.wait(120)


@contextlib.contextmanager
def browser() -> Iterator[Page]:
    """A page of a real browser. What its console called an error is in `page.complaints`."""
    with sync_playwright() as play:
        window = play.chromium.launch(executable_path=packages.of("chromium", "usr/bin/chromium"), args=ARGUMENTS)
        page = window.new_page(viewport=WIDE)
        page.complaints = []
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        yield page
        window.close()


def run_all(page: Page, address: str, seconds: float) -> list[dict]:
    """Open a notebook, run all its cells; gives back the cells as JSON, with their outputs."""
    page.goto(address, timeout=120_000)
    page.wait_for_function(f"() => {KERNEL} === 'idle'", timeout=300_000)
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }")
    page.wait_for_function(DONE, timeout=seconds * 1000)
    # Cells without attachments have them as null here, which is no notebook.
    return [{name: value for name, value in cell.items() if name != "attachments"} for cell in page.evaluate(CELLS)]


def assert_charts_are_as_wide_as_their_cells(page: Page) -> None:
    """Each chart fills its output, but for a widget's own margin, and makes no scroll bar."""
    charts = page.evaluate(CHARTS)
    assert charts
    assert all(room - 8 <= width <= room and not too_wide for width, room, too_wide in charts), charts


def picture(page: Page, path: Path) -> None:
    """The notebook as it stands, in pictures from its top to its end: NAME-1.png, NAME-2.png, …"""
    path.parent.mkdir(parents=True, exist_ok=True)
    notebook = page.locator(".jp-NotebookPanel:visible .jp-WindowedPanel-outer").first
    height = notebook.evaluate("one => one.clientHeight")
    number, top = 1, 0
    while True:
        notebook.evaluate("(one, top) => { one.scrollTop = top }", top)
        page.wait_for_timeout(400)
        page.screenshot(path=path.with_name(f"{path.name}-{number}.png"))
        number, top = number + 1, top + height - 60
        if top >= notebook.evaluate("one => one.scrollHeight") - 60:
            return


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
