"""Where things lie. Everything deploylab makes on the host is below `.lab/` or `results/`."""

import hashlib
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROVISIONING = ROOT / "provisioning"
COURSE = PROVISIONING / "course.toml"
LOCALE = ROOT / "site" / "locale"  # the course in other languages, a folder for each
BOX_DIR = ROOT / ".lab" / "box"  # one box serves every machine of this clone


def state_dir() -> Path:
    """The folder of this machine's state: `.lab/`, or what DEPLOYLAB_STATE names (tests)."""
    return Path(os.environ.get("DEPLOYLAB_STATE", ROOT / ".lab")).resolve()


def results_dir() -> Path:
    """The folder of results: `results/`, or what DEPLOYLAB_RESULTS names (tests)."""
    return Path(os.environ.get("DEPLOYLAB_RESULTS", ROOT / "results")).resolve()


def homes() -> dict[str, str]:
    """Where libraries keep what they would else keep in a person's home, by the variable that tells them.

    What is typed in a lesson is in IPython's history, the way into JupyterLab in its runtime folder. Without settings
    of the person's own, everybody in a room has the same JupyterLab, and nobody's has its token switched off.
    """
    home = ROOT / ".lab" / "home"
    return {variable: str(home / name) for variable, name in {
        "IPYTHONDIR": "ipython", "JUPYTER_CONFIG_DIR": "jupyter", "JUPYTER_DATA_DIR": "jupyter-data",
        "MPLCONFIGDIR": "matplotlib"}.items()}


def short_hash() -> str:
    """Six letters that tell this clone's machine from every other clone's on this host."""
    return hashlib.sha256(str(state_dir()).encode()).hexdigest()[:6]
