"""What the generator needs from the computer that it runs on."""

import os
import resource
from contextlib import suppress


def raise_file_limit() -> int:
    """Raise the limit of open files as far as the system allows; returns the new limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = 65_536 if hard == resource.RLIM_INFINITY else hard
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, highest), hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def pin(cpus: tuple[int, ...] | None) -> bool | None:
    """Run only on these cores. Returns False if the system cannot do that, None if no cores are given."""
    if cpus is None:
        return None
    try:
        os.sched_setaffinity(0, cpus)
    except (AttributeError, OSError):
        return False
    return True


def n_cores() -> int:
    """How many cores the programs of this computer may use, whatever this process itself is bound to."""
    try:
        return len(os.sched_getaffinity(1))  # of the first process: in a container, the container's
    except (AttributeError, OSError):
        return os.cpu_count() or 1


def waited_ns() -> int | None:
    """How long this process was ready to run but had no processor, since it started; None if the system does not say.

    Source: the Linux kernel's Documentation/scheduler/sched-stats.rst, /proc/<pid>/schedstat, second field.
    """
    try:
        with open("/proc/self/schedstat") as file:
            return int(file.read().split()[1])
    except (OSError, IndexError, ValueError):
        return None


def sharpen_timers() -> None:
    """Ask for exact timers: to save power, Linux may otherwise wake a process 50 µs late."""
    with suppress(OSError), open("/proc/self/timerslack_ns", "w") as file:
        file.write("1")
