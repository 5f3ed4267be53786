"""Small clones for the tests of `./lab`, and a package index on this computer.

The packages here are two tiny wheels made on the spot, so no network is needed.
"""

import contextlib
import functools
import http.server
import json
import os
import shutil
import ssl
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Stands in for the real command line: says where it runs, needs nothing.
STUB_CLI = """\
import json, os, signal, sys
import deploylab
print(json.dumps({"args": sys.argv[1:], "prefix": sys.prefix, "cwd": os.getcwd(), "package": deploylab.__file__,
                  "held_back": [int(one) for one in signal.pthread_sigmask(signal.SIG_BLOCK, [])]}))
"""


def make_wheel(folder: Path, name: str, version: str, files: dict[str, str] | None = None) -> Path:
    """A wheel with just enough in it for pip."""
    info = f"{name}-{version}.dist-info"
    files = files or {f"{name}.py": ""}
    files |= {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for place, text in (files | {f"{info}/RECORD": record}).items():
            wheel.writestr(place, text)
    return path


def write_pyproject(clone: Path, *names: str) -> None:
    """The clone's list of packages."""
    extras = 'test = ["tinytest"]'
    text = f'[project]\nname = "deploylab"\ndependencies = {json.dumps(names)}\n'
    (clone / "pyproject.toml").write_text(f"{text}[project.optional-dependencies]\n{extras}\n")



def copy_bootstrap(clone: Path) -> None:
    """What `lab` needs before anything is installed, and nothing else of the package."""
    for folder in ("bootstrap", "core"):
        shutil.copytree(ROOT / "deploylab" / folder, clone / "deploylab" / folder)
    for name in ("lab", "deploylab/__init__.py"):
        shutil.copy(ROOT / name, clone / name)


def make_clone(clone: Path) -> Path:
    """A clone that needs only the package `tiny`, and a folder of wheels beside it."""
    copy_bootstrap(clone)
    (clone / "deploylab" / "cli.py").write_text(STUB_CLI)
    (clone / "constraints.txt").write_text("tiny==1.0\ntinytest==1.0\n")
    write_pyproject(clone, "tiny")
    wheels = clone / "wheels"
    wheels.mkdir()
    for name in ("tiny", "tinytest"):
        make_wheel(wheels, name, "1.0")
    make_wheel(wheels, "tiny", "2.0")
    return clone


def environ(clone: Path, **more: str) -> dict[str, str]:
    """An environment without this computer's pip settings; the wheels lie in a folder."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
    ours = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": (clone / "wheels").as_uri()}
    return {name: text for name, text in (kept | ours | more).items() if text}


def lab(clone: Path, *args: str, cwd: Path | None = None, **more: str) -> subprocess.CompletedProcess:
    """`./lab ARGS`, to its end."""
    command = [sys.executable, clone / "lab", *args]
    done = subprocess.run(command, cwd=cwd or clone, env=environ(clone, **more), capture_output=True, timeout=90)
    return subprocess.CompletedProcess(args, done.returncode, done.stdout.decode(), done.stderr.decode())


@contextlib.contextmanager
def serving(folder: Path, handler=http.server.SimpleHTTPRequestHandler, context: ssl.SSLContext | None = None):
    """A package index on a free port of this computer; over TLS with a context."""
    quiet = type("Quiet", (handler,), {"log_message": lambda *_: None})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(quiet, directory=str(folder)))
    server.daemon_threads = True
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
    yield f"{'https' if context else 'http'}://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
