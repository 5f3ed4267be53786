"""Facts about the machine. Facts only read; operations make changes."""

from pyinfra.api import FactBase


class Holds(FactBase):
    """True when a shell command on the machine ends with status 0."""

    @staticmethod
    def default() -> bool:
        return False

    def command(self, test: str) -> str:
        return f"if {{ {test}\n}} >/dev/null 2>&1; then echo yes; else echo no; fi"

    def process(self, output) -> bool:
        return list(output) == ["yes"]


class FileStates(FactBase):
    """The SHA-256, mode and owner of each file as one text, by path. A missing file is left out."""

    @staticmethod
    def default() -> dict[str, str]:
        return {}

    def command(self, paths: list[str]) -> str:
        return (f"for path in {' '.join(paths)}; do [ -f $path ] && [ ! -L $path ] && "
                'echo "$path $(sha256sum < $path | cut -c1-64) $(stat -c "%a %U:%G" $path)"; done; true')

    def process(self, output) -> dict[str, str]:
        return dict(line.split(" ", 1) for line in output)
