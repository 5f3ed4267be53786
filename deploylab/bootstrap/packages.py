"""The folder `.venv` and the packages in it: was it moved, is one half installed, does it know this clone?"""

import re
import shutil
from pathlib import Path

from deploylab.bootstrap import clone


def was_moved(venv: Path) -> bool:
    """True if pyvenv.cfg says that the environment was made at another path."""
    made = re.search(r"(?m)^command\s*=\s*(.*)$", clone.read(str(venv / "pyvenv.cfg")))
    return bool(made) and not made[1].strip().endswith(str(venv))


def forget_half_installed(venv: Path) -> None:
    """Remove packages whose installation was interrupted, so that pip installs them again.

    pip writes RECORD last: a `.dist-info` without one belongs to a package that only looks installed.
    """
    for folder in venv.glob("lib/python3*/site-packages"):
        half = [info for info in folder.glob("*.dist-info") if not (info / "RECORD").exists()]
        for package in [*half, *folder.glob("~*")]:  # pip renames packages that it replaces to ~name
            shutil.rmtree(package, ignore_errors=True)


def know_this_package(venv: Path) -> None:
    """Let `import deploylab` find this clone in every program of the environment, an editor's kernel too.

    `./lab` says so in PYTHONPATH; the kernel that an editor starts for a notebook has no such variable.
    """
    for folder in venv.glob("lib/python3*/site-packages"):
        # A line that begins with `import` is run. A bare path would be read in the encoding of the terminal.
        line = f"import sys; sys.path.append({clone.ROOT!a})\n"
        (folder / clone.PATH_FILE).write_text(line, encoding="ascii")
