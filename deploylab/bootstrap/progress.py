"""What the person sees while `.venv` is made: a living line, and what pip's lines mean."""

import re
import shutil
import sys
import time
from pathlib import Path


def redact(text: str) -> str:
    """The text without passwords in its URLs: it goes to the screen, and from there into chats."""
    return re.sub(r"(://)[^/@\s]+@", r"\1***@", text)


class StatusLine:
    """What is happening, on stderr: one living line on a terminal, plain lines elsewhere."""

    every_s = 5  # how often a plain line may come

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
        """Where we are now; called often, shown when it helps."""
        now = time.monotonic()
        line = f"lab: {text} · {now - self.started:.0f} s"
        if self.live:
            self.write("\r\x1b[K" + line[: shutil.get_terminal_size().columns - 1])
        elif now - self.last >= self.every_s:
            self.write(line + "\n")
            self.last = now

    def clear(self) -> None:
        """Take the living line away."""
        if self.live:
            self.write("\r\x1b[K")

    def write(self, text: str) -> None:
        """Write at once; a terminal that cannot show a letter gets a question mark."""
        encoding = self.stream.encoding or "ascii"
        self.stream.write(text.encode(encoding, "replace").decode(encoding))
        self.stream.flush()


class PipWatch:
    """Reads pip's lines and says in one line how far it is."""

    def __init__(self, venv: Path):
        self.venv = venv
        self.found: dict[str, None] = {}
        self.order: list[str] = []
        self.before: set[Path] = set()
        self.downloaded_mb = 0.0
        self.now = "looking at what is there"

    def see(self, lines: list[str]) -> str:
        """Take in pip's new lines; gives the line to show."""
        for line in lines:
            self.line(line.strip())
        return self.installing() if self.order else self.now

    def line(self, line: str) -> None:
        """Take in one of pip's lines."""
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
        """pip is silent while it installs, so count what appears on the disk."""
        done = min(len(self.installed() - self.before), len(self.order) - 1)
        return f"installing {done + 1} of {len(self.order)}: {self.order[done]}"

    def installed(self) -> set[Path]:
        """The packages on the disk."""
        return set(self.venv.glob("lib/python3*/site-packages/*.dist-info"))
