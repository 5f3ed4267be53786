"""Waiting in tests: for something to happen, for processes to be gone, or for a load to have begun."""

import subprocess
import time


def until(happened, what: str = "it did not happen", seconds: float = 30) -> None:
    """Return when it has happened; fail with `what` when the time is up."""
    deadline_s = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline_s, what
        time.sleep(0.02)


def runs(number: int, by: str = "pid") -> bool:
    """Whether a process runs. One that nobody has waited for yet (Z) does not.

    Args:
        by: what the number is of: `pid`, or `pgid` for a whole process group.
    """
    listed = subprocess.run(["ps", "-A", "-o", f"{by}=,stat="], capture_output=True, text=True, check=True).stdout
    return any(int(row.split()[0]) == number and row.split()[1][0] != "Z" for row in listed.splitlines())


def once(do):
    """For `on_progress`: does it at the first progress of the window."""
    done = []

    def on_progress(seen):
        if seen.t_s > 0 and not done:
            done.append(True)
            do()

    return on_progress
