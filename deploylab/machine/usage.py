"""What a server's processes use, sampled on the guest. Two samples, before and after a load, give its cost."""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path

from deploylab.core.errors import MachineError
from deploylab.machine import Machine
from deploylab.machine.guest import sample as guest_sample

# What a server counts: its name in a sample, and in a Run's notes; see `deploylab.results.record.NOTES`.
COUNTED = {"db_queries": "n_db_queries", "cache_hits": "n_app_cache_hits", "cache_misses": "n_app_cache_misses"}


def sample(machine: Machine, patterns: Sequence[str], *, memory: bool = False,
           counters: bool = False) -> dict[str, float]:
    """What some processes of the guest and their children have used so far: see `deploylab.machine.guest.sample`.

    Args:
        patterns: regular expressions that are searched in command lines.
        memory: also their memory, which takes a few milliseconds per process.
        counters: also the counters of the database and the cache server among them.

    Raises:
        MachineError: they could not be sampled.
    """
    flags = [name for name, included in (("--memory", memory), ("--counters", counters)) if included]
    arguments = shlex.join([*flags, *patterns])
    done = machine.run(f"python3 - {arguments}", sudo=True, stdin=Path(guest_sample.__file__).read_bytes())
    if not done.ok:
        raise MachineError(f"The server's processes could not be sampled: {done.out.strip()[-300:]}",
                           "./lab status --deep")
    return json.loads(done.out)


def between(before: dict[str, float], after: dict[str, float]) -> dict[str, float | int | None]:
    """The fields `server_…` of a Run; None where a process ended between the two samples."""
    cpu_s = after["cpu_s"] - before["cpu_s"]
    wait_s = after["runq_wait_s"] - before["runq_wait_s"]
    return {
        "server_cpu_s": round(cpu_s, 6) if cpu_s >= 0 and after["n_processes"] else None,
        "server_runq_wait_s": round(wait_s, 4) if wait_s >= 0 and after["n_processes"] else None,
        "server_rss_bytes": int(after["rss_bytes"]) or None,
        "server_pss_bytes": int(after["pss_bytes"]) or None,
    }


def counted(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    """What the database and the cache server counted between two samples, by the names of a Run's notes.

    A server that did not answer or was restarted in between is left out.
    """
    grown = {note: after[name] - before[name] for name, note in COUNTED.items() if name in before and name in after}
    return {note: n for note, n in grown.items() if n >= 0}
