"""Where things lie. Everything deploylab makes on the host is below `.lab/` or `results/`."""

import hashlib
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROVISIONING = ROOT / "provisioning"
COURSE = PROVISIONING / "course.toml"
BOX_DIR = ROOT / ".lab" / "box"  # one box serves every machine of this clone


def state_dir() -> Path:
    """The folder of this machine's state: `.lab/`, or what DEPLOYLAB_STATE names (tests)."""
    return Path(os.environ.get("DEPLOYLAB_STATE", ROOT / ".lab")).resolve()


def results_dir() -> Path:
    """The folder of results: `results/`, or what DEPLOYLAB_RESULTS names (tests)."""
    return Path(os.environ.get("DEPLOYLAB_RESULTS", ROOT / "results")).resolve()


def short_hash() -> str:
    """Six letters that tell this clone's machine from every other clone's on this host."""
    return hashlib.sha256(str(state_dir()).encode()).hexdigest()[:6]
