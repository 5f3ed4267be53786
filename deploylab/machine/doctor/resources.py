"""What this computer has: system, Python, processors, memory, disk, power, a free port."""

import os
import platform
import shutil
import socket
import subprocess
from pathlib import Path

from deploylab.core import paths, units
from deploylab.machine.doctor.finding import NOTE, OK, PROBLEM, Finding

OLDEST_PYTHON = (3, 11)
NEEDED_BYTES = 3_000_000_000         # of disk: environment, box and guest
LEAST_MEMORY_BYTES = 3_500_000_000   # the firmware keeps some of 4 GB; the guest takes 2
FREE_MEMORY_BYTES = 2_200_000_000    # a full guest, and JupyterLab
JUPYTER_PORT = 8888
POWER = Path("/sys/class/power_supply")


def system() -> Finding:
    """The operating system, and whether the kit supports it."""
    name = platform.system()
    if name == "Linux":
        about = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
        inside = "WSL2, " if "microsoft" in platform.release().lower() else ""
        return Finding("system", OK, f"{inside}{about}, {platform.machine()}")
    if name == "Darwin":
        return Finding("system", OK, f"macOS {platform.mac_ver()[0]}, {platform.machine()}")
    return Finding("system", PROBLEM, name, "on Windows: `wsl --install -d Debian`, then work in its shell")


def python(version: tuple[int, ...] | None = None) -> Finding:
    """The Python that runs this program."""
    numbers = version or tuple(map(int, platform.python_version_tuple()[:2]))
    text = ".".join(map(str, numbers))
    if numbers < OLDEST_PYTHON:
        return Finding("Python", PROBLEM, text, "install Python 3.11 or newer, then `python3.13 lab doctor`")
    return Finding("Python", OK, text)


def processors(n: int | None = None) -> Finding:
    """Two are needed for reliable numbers: the load test uses one of them."""
    n = n or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else n or os.cpu_count() or 1
    if n < 2:
        return Finding("processors", NOTE, "1", "load and server will share it, and the report says so: "
                                                "compare ratios, never requests per second")
    return Finding("processors", OK, f"{n}; the guest gets {1 if n == 2 else 2}")


def memory(meminfo: str | None = None) -> Finding:
    """How much there is, and how much is free now.

    Args:
        meminfo: the text of /proc/meminfo; read if None.
    """
    if meminfo is None and platform.system() == "Darwin":
        n_bytes = int(subprocess.run(["sysctl", "-n", "hw.memsize"], capture_output=True, text=True).stdout)
        return _memory(n_bytes, None)
    text = Path("/proc/meminfo").read_text() if meminfo is None else meminfo
    kb = {line.split(":")[0]: int(line.split()[1]) for line in text.splitlines() if ":" in line}
    return _memory(1024 * kb["MemTotal"], 1024 * kb["MemAvailable"])


def _memory(all_bytes: int, free_bytes: int | None) -> Finding:
    text = units.size(all_bytes) + (f", {units.size(free_bytes)} free" if free_bytes is not None else "")
    if all_bytes < LEAST_MEMORY_BYTES:
        return Finding("memory", PROBLEM, text, "the guest takes 2 GB: use a computer with 4 GB or more, "
                                                "or read along with `./lab open --recorded`")
    if free_bytes is not None and free_bytes < FREE_MEMORY_BYTES:
        return Finding("memory", NOTE, text, "close programs that you do not need: the guest takes up to 2 GB")
    return Finding("memory", OK, text)


def disk(free_bytes: int | None = None) -> Finding:
    """The free space on the disk of this folder."""
    free_bytes = shutil.disk_usage(paths.ROOT).free if free_bytes is None else free_bytes
    if free_bytes < NEEDED_BYTES:
        return Finding("disk", PROBLEM, f"{units.size(free_bytes)} free, {units.size(NEEDED_BYTES)} needed",
                       "free some space on the disk of this folder, or move the folder")
    return Finding("disk", OK, f"{units.size(free_bytes)} free")


def power(folder: Path = POWER) -> Finding:
    """A laptop on battery is slower, and its speed varies."""
    if platform.system() == "Darwin":
        output = subprocess.run(["pmset", "-g", "batt"], capture_output=True, text=True).stdout
        discharging = "discharging" in output
    else:
        states = [path.read_text().strip() for path in folder.glob("BAT*/status")]
        discharging = "Discharging" in states
        if not states:
            return Finding("power", OK, "no battery")
    if discharging:
        return Finding("power", NOTE, "on battery", "plug it in before you measure: on battery it is slower")
    return Finding("power", OK, "plugged in")


def busy(load: float | None = None) -> Finding:
    """Other programs on this computer disturb every measurement."""
    load = os.getloadavg()[0] if load is None else load
    if load > 0.5 * (os.cpu_count() or 1):
        return Finding("other work", NOTE, f"{load:.1f} programs need a processor",
                       "close them before you measure: browsers, video calls, backups, updates")
    return Finding("other work", OK, f"{load:.1f} programs need a processor")


def port(number: int = JUPYTER_PORT) -> Finding:
    """The port of JupyterLab. The stages listen on the guest, so no other port of this computer matters."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except OSError:
            return Finding("port", NOTE, f"{number} is taken", "JupyterLab uses the next free one by itself")
    return Finding("port", OK, f"{number} is free")


def ab() -> Finding:
    """The real ab, to compare with ours; no lesson needs it."""
    if shutil.which("ab"):
        return Finding("ab", OK, "installed, to compare with `./lab ab`")
    return Finding("ab", NOTE, "not installed; only needed to compare with `./lab ab`",
                   "Debian, Ubuntu: `sudo apt-get install apache2-utils`; macOS has it")
