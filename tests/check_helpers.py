"""What the checks of a target say no to, now and once a harm has come through."""

import time

from deploylab import course as courses
from deploylab.provision import checks
from deploylab.provision.checks import Check
from deploylab.provision.on_demand import awake

COURSE = courses.load()


def no_of(machine, name: str) -> dict[str, Check]:
    """Each key of [stage.expect] whose check says no, of a stage or variant."""
    target = COURSE.target(name)
    with awake(machine, [target]):
        seen = checks.verify(machine, COURSE, target)
    keys = [key for key in checks.CHECKS if key in target.expect]
    return {key: check for key, check in zip(keys, seen, strict=True) if not check.ok}


def shown(machine, name: str, key: str, word: str, within_s: float = 30.0) -> dict[str, Check]:
    """What says no once this check gives this word as its cause: a restart may return before the server listens."""
    end_s = time.monotonic() + within_s
    while True:
        no = no_of(machine, name)
        if (key in no and word in no[key].cause) or time.monotonic() > end_s:
            return no
        time.sleep(0.5)


def comes_back(machine, name: str, within_s: float = 90.0) -> dict[str, Check]:
    """What says no of a target that starts by itself: {} as soon as nothing does."""
    end_s = time.monotonic() + within_s
    while (no := no_of(machine, name)) and time.monotonic() < end_s:
        time.sleep(0.5)
    return no
