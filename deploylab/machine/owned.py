"""The list of what the kit created on the host outside its folder: `.lab/owned.json`. `destroy` removes that."""

import json
import shlex
from pathlib import Path

from deploylab.core import files, paths
from deploylab.core.errors import HostError


def _path() -> Path:
    return paths.state_dir() / "owned.json"


def all_things() -> dict[str, list[str]]:
    """Everything that the kit created, by kind: `container`, `copy`, `local`.

    Raises:
        HostError: the file is damaged.
    """
    try:
        return json.loads(_path().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise HostError(f"{_path()} is damaged; it lists what the kit created on this computer.",
                        f"rm {shlex.quote(str(_path()))}, then the same command") from error


def add(kind: str, *names: str) -> None:
    """Note that the kit creates these things. Call it before they are created, so that a crash cannot hide them."""
    things = all_things()
    things[kind] = sorted({*things.get(kind, []), *names})
    _write(things)


def remove(kind: str, name: str) -> None:
    """Note that this thing is gone."""
    things = all_things()
    things[kind] = [other for other in things.get(kind, []) if other != name]
    _write({kind: names for kind, names in things.items() if names})


def _write(things: dict[str, list[str]]) -> None:
    path = _path()
    path.parent.mkdir(parents=True, exist_ok=True)
    files.replace(path, json.dumps(things, indent=1).encode())
