"""What this machine is. Runs on the guest."""

import os
import platform
import subprocess
from pathlib import Path

# Where the kernel keeps the memory limit of a container: version 2 and version 1 of control groups.
MEMORY_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def version(command):
    """The first number with a dot in what the program prints, or None if it is not installed."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    words = (done.stdout + done.stderr).replace("/", " ").replace("-", " ").replace("v=", " ").split()
    return next((word.strip("(),") for word in words if word[:1].isdigit() and "." in word), None)


def memory_bytes():
    """The memory that this machine may use: its limit, if it has one, else everything."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in MEMORY_LIMITS:
        try:
            return min(total, int(Path(path).read_text()))
        except (OSError, ValueError):  # absent, or "max"
            continue
    return total


def cpu_model():
    """The processor's name, as the kernel reports it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(("model name", "Model")):
            return line.partition(":")[2].strip()
    return platform.machine()


def facts(programs):
    """All of it, in one dictionary.

    Args:
        programs: the command by which each program tells its version, by name. Those that are not there are left out.
    """
    versions = {name: version(command) for name, command in programs.items()}
    allowed = sorted(os.sched_getaffinity(0))
    return {
        "cpu": cpu_model(),
        "n_cpu": len(allowed),
        "cpus_allowed": allowed,
        "memory_bytes": memory_bytes(),
        "kernel": platform.release(),
        "distro": platform.freedesktop_os_release()["PRETTY_NAME"],
        "versions": {name: v for name, v in versions.items() if v},
    }
