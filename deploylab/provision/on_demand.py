"""Variants that run only while they are needed, which saves memory; and whether a target answers."""

import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import requests

from deploylab.core import cancel
from deploylab.core.errors import MachineError
from deploylab.course import Target
from deploylab.machine import Machine, https

PROBE_S = 0.3
START_S = 30.0
PATIENCE_S = 8.0  # for a target that should be running


@contextmanager
def awake(machine: Machine, targets: Iterable[Target]) -> Iterator[None]:
    """Inside the block, every one of these targets answers. Those that were asleep before are stopped again after it.

    A target without a `start` command in course.toml always runs, and is left alone.

    Raises:
        MachineError: a start command failed, or the server did not answer.

    Example:
        with awake(machine, [course.target("cache:fragment")]): ...
    """
    by_name = {target.name: target for target in targets if target.start}
    sleepers = [target for target in by_name.values() if not answers(machine, target)]
    started: list[Target] = []
    try:
        for target in sleepers:
            started.append(target)
            _start(machine, target)
        yield
    finally:
        for target in reversed(started):
            machine.run(target.stop, sudo=True, timeout_s=60)


def answers(machine: Machine, target: Target, *, patience_s: float = 0.0) -> bool:
    """Whether the application of a target answers; a server in front without an application behind it answers 502.

    Args:
        patience_s: how long to try again while the port is open: the application may have been restarted just now.
    """
    end_s = time.monotonic() + patience_s
    try:
        session = https.session(machine, target)
    except MachineError:  # no stage with TLS was ever set up
        return False
    with session:
        while True:
            try:
                response = session.get(machine.url(target), timeout=(2, 5), allow_redirects=False)
                if response.status_code not in (502, 503, 504):
                    return True
            except requests.ReadTimeout:
                pass
            except requests.RequestException:
                return False
            if time.monotonic() > end_s:
                return False
            cancel.sleep(0.3)


def listening(machine: Machine, targets: Sequence[Target]) -> set[str]:
    """The names of the targets whose port accepts a connection now. Quick, because no request is sent."""

    def accepts(target: Target) -> bool:
        try:
            socket.create_connection((machine.host, target.port), timeout=PROBE_S).close()
            return True
        except OSError:
            return False

    with ThreadPoolExecutor(max_workers=16) as pool:
        return {target.name for target, is_open in zip(targets, pool.map(accepts, targets), strict=True) if is_open}


def _start(machine: Machine, target: Target) -> None:
    completed = machine.run(target.start, sudo=True, timeout_s=60)
    deadline_s = time.monotonic() + START_S
    while not answers(machine, target):
        if time.monotonic() > deadline_s:
            raise MachineError(f"{target.name} was started with `{target.start}` and does not answer after "
                               f"{START_S:.0f} s. Its output: {completed.out.strip()[-300:]}",
                               f"./lab goto {target.name}")
        cancel.sleep(0.2)
