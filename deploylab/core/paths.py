"""Where things are. Everything that deploylab creates on the host is in `.lab/` or `results/`."""

import hashlib
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROVISIONING = ROOT / "provisioning"
COURSE = PROVISIONING / "course.toml"
LOCALE = ROOT / "site" / "locale"  # the course in other languages, one folder each
BOX_DIR = ROOT / ".lab" / "box"  # one box serves every machine of this clone


NAMED = ("DEPLOYLAB_STATE", "DEPLOYLAB_RESULTS")  # environment variables that name a folder


def state_dir() -> Path:
    """The folder of this machine's state: `.lab/`, or what DEPLOYLAB_STATE names (tests)."""
    return Path(os.environ.get("DEPLOYLAB_STATE") or ROOT / ".lab").resolve()


def results_dir() -> Path:
    """The folder of results: `results/`, or what DEPLOYLAB_RESULTS names (tests)."""
    return Path(os.environ.get("DEPLOYLAB_RESULTS") or ROOT / "results").resolve()


def absolute() -> dict[str, str]:
    """The folders that the environment names, as whole paths: a relative one means another folder elsewhere."""
    return {variable: os.path.abspath(folder) for variable in NAMED if (folder := os.environ.get(variable))}


def homes() -> dict[str, str]:
    """Folders for what libraries would otherwise keep in a person's home, by environment variable.

    IPython's history holds what was typed in a lesson, and JupyterLab's runtime folder holds its token. Personal
    settings are ignored, so everybody in a room has the same JupyterLab, and none has its token switched off.
    """
    home = ROOT / ".lab" / "home"
    return {variable: str(home / name) for variable, name in {
        "IPYTHONDIR": "ipython", "JUPYTER_CONFIG_DIR": "jupyter", "JUPYTER_DATA_DIR": "jupyter-data",
        "MPLCONFIGDIR": "matplotlib"}.items()}


def short_hash() -> str:
    """Six hexadecimal digits that distinguish this clone's machine from every other clone's on this host."""
    return hashlib.sha256(str(state_dir()).encode()).hexdigest()[:6]
