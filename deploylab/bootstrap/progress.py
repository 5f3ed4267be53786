"""What the person sees while `.venv` is being made: a live line, and what pip's output means."""

import re
import shutil
import sys
import time
from pathlib import Path


def redact(text: str) -> str:
    """The text without the passwords in its URLs: people copy what is on the screen into chats."""
    return re.sub(r"(://)[^/@\s]+@", r"\1***@", text)


class StatusLine:
    """What is happening, on stderr: one live line on a terminal, plain lines elsewhere."""

    every_s = 5  # between plain lines

    def __init__(self, stream=None):
        self.stream = stream or sys.stderr
        self.live = self.stream.isatty()
        self.started = self.last = time.monotonic()

    def say(self, text: str) -> None:
        """A line that stays."""
        self.clear()
        self.write(f"lab: {text}\n")
        self.started = self.last = time.monotonic()

    def tick(self, text: str) -> None:
        """What is being done now; may be called often, and is shown at most every few seconds outside a terminal."""
        now = time.monotonic()
        line = f"lab: {text} · {now - self.started:.0f} s"
        if self.live:
            self.write("\r\x1b[K" + line[: shutil.get_terminal_size().columns - 1])
        elif now - self.last >= self.every_s:
            self.write(line + "\n")
            self.last = now

    def clear(self) -> None:
        """Remove the live line."""
        if self.live:
            self.write("\r\x1b[K")

    def write(self, text: str) -> None:
        """Write immediately; a letter that the terminal cannot show becomes a question mark."""
        encoding = self.stream.encoding or "ascii"
        self.stream.write(text.encode(encoding, "replace").decode(encoding))
        self.stream.flush()


class PipWatch:
    """Reads pip's output and says in one line how far it is."""

    def __init__(self, venv: Path):
        self.venv = venv
        self.found: dict[str, None] = {}
        self.order: list[str] = []
        self.before: set[Path] = set()
        self.downloaded_mb = 0.0
        self.now = "checking what is installed"

    def see(self, lines: list[str]) -> str:
        """Read pip's new lines, and return the line to show."""
        for line in lines:
            self.line(line.strip())
        return self.installing() if self.order else self.now

    def line(self, line: str) -> None:
        """Read one of pip's lines."""
        if match := re.match(r"Collecting ([\w.-]+)|Processing (?:.*/)?(\w+)-\S+\.whl", line):
            name = match[1] or match[2]  # from an index, or from a folder
            self.found[name.lower()] = None
            self.now = f"{len(self.found)} found, looking for {name}"
        elif download := re.match(r"Downloading (?:.*/)?(\w+)-\S+\.(?:whl|gz) \(([\d.]+) (kB|MB|GB)\)", line):
            self.downloaded_mb += float(download[2]) * {"kB": 0.001, "MB": 1, "GB": 1000}[download[3]]
            size = f"{download[2]} {download[3]}"
            self.now = f"{len(self.found)} found, {self.downloaded_mb:.0f} MB, downloading {download[1]} ({size})"
        elif "Retrying (" in line:
            self.now = "the package index does not answer, trying again"
        elif line.startswith("Installing collected packages: "):
            self.order = line.split(": ", 1)[1].split(", ")
            self.before = self.installed()

    def installing(self) -> str:
        """How far pip has installed: it prints nothing meanwhile, so count the packages that appear on the disk."""
        done = min(len(self.installed() - self.before), len(self.order) - 1)
        return f"installing {done + 1} of {len(self.order)}: {self.order[done]}"

    def installed(self) -> set[Path]:
        """The packages on the disk."""
        return set(self.venv.glob("lib/python3*/site-packages/*.dist-info"))
