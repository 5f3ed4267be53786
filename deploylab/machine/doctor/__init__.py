"""Is this computer ready? One finding per thing, with a cure. It only looks: nothing is installed or changed."""

from collections.abc import Callable, Iterable, Iterator

from deploylab.machine.doctor import hypervisors, reach, resources
from deploylab.machine.doctor.finding import NOTE, OK, PROBLEM, SIGNS, Finding
from deploylab.machine.doctor.share import text

__all__ = ["NOTE", "OK", "PROBLEM", "Finding", "examine", "line", "text"]

Probe = Callable[[], Finding]
# In the order in which they are shown: what is needed first comes first.
PROBES: tuple[Probe, ...] = (
    resources.system, resources.python, hypervisors.vagrant, hypervisors.lxc_ability, hypervisors.conflicts,
    resources.processors, resources.memory, resources.disk, resources.power, resources.busy,
    reach.index, reach.distribution, reach.certificates, reach.proxy, reach.vpn,
    resources.port, resources.ab,
)


def examine(probes: Iterable[Probe] = PROBES) -> Iterator[Finding]:
    """Each finding as soon as it is known. A probe that fails is reported as a finding too; the others still run.

    Example:
        problems = [finding for finding in examine() if finding.state == PROBLEM]
    """
    for probe in probes:
        try:
            yield probe()
        except (OSError, ValueError) as error:
            yield Finding(probe.__name__.replace("_", " "), NOTE, f"could not be checked: {error}")


def line(finding: Finding) -> str:
    """A finding for a person: sign, name, what was found; below it the cure.

    >>> print(line(Finding("memory", PROBLEM, "1 GB", "close other programs")))
    ✗ memory         1 GB
      → close other programs
    """
    cure = f"\n  → {finding.cure}" if finding.cure else ""
    return f"{SIGNS[finding.state]} {finding.name:14} {finding.seen}{cure}"
