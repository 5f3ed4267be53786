"""What the tests themselves need of the distribution, beyond what `lab` installs for its user."""

import fcntl
import os
from pathlib import Path

from deploylab.core.paths import ROOT
from deploylab.core.progress import Progress
from deploylab.machine import apt


def of(package: str, pattern: str) -> Path:
    """The package's file that this pattern under / finds; installed, where it is missing and that was agreed to.

    Files of tests run side by side: one of them installs, and the others wait until it is done.
    """
    (ROOT / ".lab").mkdir(exist_ok=True)
    with open(ROOT / ".lab" / "packages.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not any(Path("/").glob(pattern)):
            assert os.environ.get("DEPLOYLAB_YES") == "1", f"apt-get install {package}, or run the tests with --yes"
            apt.install([package], Progress("test"))
    return next(Path("/").glob(pattern))
