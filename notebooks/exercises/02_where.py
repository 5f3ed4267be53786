"""Where an import takes a module from: the folders of sys.path, in their order. Python's own finder is the judge."""

import importlib
import sys
import tempfile
from importlib.machinery import PathFinder
from pathlib import Path

from deploylab.lessons.exercises import Solved

TASK = """
## Exercise: where does it come from?

Write the part of `import` that looks for a module. `where(name, path)` gets a name, such as `"django"`, and a list of
folders such as `sys.path`. It gives back the folder that the module is taken from, or `None` if no folder has it. A
module is either a file, `name.py`, or a folder, `name`, with a file `__init__.py` in it.

The check makes two sites with an environment each, and asks your function and Python's own finder the same questions.
"""

START = """
from pathlib import Path

def where(name, path):
    found = None
    for folder in path:
        if (Path(folder) / f"{name}.py").exists():
            found = folder
    return found
"""

HINTS = [
    "Two things are wrong. Which of several folders wins here? And does a package such as django look like name.py?",
    "The first folder wins, so leave the function as soon as something is found. A package is a folder with "
    "__init__.py in it.",
    'Inside the loop: a = Path(folder) / f"{name}.py", b = Path(folder) / name / "__init__.py", and '
    "if a.exists() or b.exists(): return folder. After it: return None",
]

SOLUTION = """
from pathlib import Path

def where(name, path):
    for folder in map(Path, path):
        if (folder / f"{name}.py").exists() or (folder / name / "__init__.py").exists():
            return str(folder)
    return None
"""

FILES = [
    "lib/json/__init__.py", "lib/decimal.py",             # the standard library, which both share
    "shop/app/shop/__init__.py", "shop/app/decimal.py",   # a file with an unlucky name
    "shop/venv/django/__init__.py", "shop/venv/six.py", "blog/venv/django/__init__.py", "blog/app/blog.py",
]
SITES = {site: [f"{site}/app", "lib", f"{site}/venv"] for site in ("shop", "blog")}
NAMES = ["json", "django", "shop", "blog", "six", "decimal", "nowhere"]


def check(lab, namespace) -> "str | Solved":
    where = namespace.get("where")
    if not callable(where):
        return "there is no function `where`."
    with tempfile.TemporaryDirectory() as base:
        for file in FILES:
            (Path(base) / file).parent.mkdir(parents=True, exist_ok=True)
            (Path(base) / file).touch()
        for site, folders in SITES.items():
            path = [f"{base}/{folder}" for folder in folders]
            for name in NAMES:
                if wrong := _wrong(where, name, path, base):
                    return f"on the path of {site}, {', '.join(folders)}: {wrong}"
    return Solved(f"It agrees with Python's own finder {len(SITES) * len(NAMES)} times. Each site has a django of its "
                  "own. And the file decimal.py of the shop hides the standard library's from the whole shop.")


def _wrong(where, name: str, path: list[str], base: str) -> str:
    """What the learner's function says against Python's finder; "" where they agree."""
    importlib.invalidate_caches()
    spec = PathFinder.find_spec(name, path)
    wanted = None if spec is None else next(one for one in path if str(spec.origin).startswith(f"{one}/"))
    try:
        said = where(name, list(path))
    except Exception as error:  # whatever it is: it is shown, with the question
        return f"asked for {name}, it ended in {type(error).__name__}."
    finally:
        for one in [one for one in sys.path_importer_cache if one.startswith(base)]:
            del sys.path_importer_cache[one]
    if (None if said is None else str(said)) == wanted:
        return ""
    shown = [None if one is None else str(one).removeprefix(f"{base}/") for one in (said, wanted)]
    return f"{name} is taken from {shown[1]}, and your function says {shown[0]}."
