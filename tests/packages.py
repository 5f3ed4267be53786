"""What the tests themselves need of the distribution, beyond what `lab` installs for its user."""

import os
from pathlib import Path

from filelock import FileLock

from deploylab.core.paths import ROOT
from deploylab.core.progress import Progress
from deploylab.machine import apt


def of(package: str, pattern: str) -> Path:
    """The package's file that this pattern under / finds; installed, where it is missing and that was agreed to.

    Files of tests run side by side: one of them installs, and the others wait until it is done.
    """
    with FileLock(ROOT / ".lab" / "packages.lock"):
        if not any(Path("/").glob(pattern)):
            assert os.environ.get("DEPLOYLAB_YES") == "1", f"apt-get install {package}, or run the tests with --yes"
            apt.install([package], Progress("test"))
    return next(Path("/").glob(pattern))
