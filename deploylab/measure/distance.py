"""Runs a load test as a visitor far away sees it: each packet travels for a while, over a line of limited rate.

Host and guest are next to each other, so the distance is made on the guest, which is always Linux: the load engine runs
there, behind a line that `deploylab.machine.guest.line` makes. Nothing is installed on the guest, and nothing is
left there.
"""

import base64
import io
import json
import shlex
import sys
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

from deploylab.core import errors
from deploylab.core.errors import LoadError, MachineError
from deploylab.core.paths import ROOT
from deploylab.load import LoadProgress, LoadSpec
from deploylab.machine import Machine, https
from deploylab.results.record import LoadResult

ENGINE = ("*.py", "core/*.py", "load/*.py", "results/*.py")  # below deploylab/: the engine and what it imports
# Of a line that a process can carry, on one processor with the servers.
LEAST_RTT_MS, MOST_RTT_MS = 5.0, 600
LEAST_MBIT, MOST_MBIT = 0.2, 50
LINE_S = 30.0   # how long making the line, and ending it, may take
GUEST, LINE = ROOT / "deploylab" / "machine" / "guest", ("line.py", "far_visitor.py")
# The order comes as one line, the programs in it: nothing else on standard input ends, and nothing lies on the disk.
START = "; ".join((
    "import base64, json, os, sys",
    "order, archive = json.loads(sys.stdin.readline()), os.memfd_create('deploylab')",
    "os.write(archive, base64.b64decode(order.pop('programs')))",
    "sys.path.insert(0, f'/proc/self/fd/{archive}')",
    "from deploylab.machine.guest import far_visitor",
    "sys.exit(far_visitor.main(order, archive))"))


@dataclass(frozen=True)
class Distance:
    """How far away a visitor is.

    Attributes:
        rtt_ms: a packet and its answer are so long on their way, half of it in each direction.
        mbit_per_s: the rate of the line, in each direction.
    """

    rtt_ms: float = 40.0
    mbit_per_s: float = 10.0

    @classmethod
    def of(cls, rtt_ms: float | None, mbit_per_s: float | None) -> "Distance | None":
        """What a person asked for; None if they asked for none.

        Raises:
            LoadError: it says only the rate, or no line could be like that.

        Example:
            >>> Distance.of(100, None), Distance.of(None, None)
            (Distance(rtt_ms=100, mbit_per_s=10.0), None)
        """
        if rtt_ms is None and mbit_per_s is None:
            return None
        if rtt_ms is None:
            raise LoadError("A line has a rate, but nobody said how long it is.", "add a round trip: --rtt-ms 40")
        away = cls(rtt_ms, cls.mbit_per_s if mbit_per_s is None else mbit_per_s)
        if not (LEAST_RTT_MS <= away.rtt_ms <= MOST_RTT_MS and LEAST_MBIT <= away.mbit_per_s <= MOST_MBIT):
            raise LoadError(f"No line here can be {away}.", f"name a round trip of {LEAST_RTT_MS:g} to {MOST_RTT_MS} "
                            f"ms, and a rate of {LEAST_MBIT:g} to {MOST_MBIT} Mbit/s")
        return away

    def __str__(self) -> str:
        return f"{self.rtt_ms:g} ms away over {self.mbit_per_s:g} Mbit/s"


def run(machine: Machine, spec: LoadSpec, distance: Distance,
        on_progress: Callable[[LoadProgress], object] | None = None) -> LoadResult:
    """The result of one load test over that distance; its `line_…` fields say what the line was.

    The attempts of the load are not kept, and it runs on whatever processor of the guest is free.

    Args:
        spec: what to do; its URL is one of this machine.
        on_progress: called about five times per second with a LoadProgress.

    Raises:
        MachineError: the machine cannot make such a line, or does not answer.
        LoadError: the load could not run, or its numbers are worthless.

    Example:
        >>> spec = LoadSpec(url=machine.url(target), visitor="first", duration_s=12)  # doctest: +SKIP
        >>> run(machine, spec, Distance()).line_connect_ns  # doctest: +SKIP
        40700000
    """
    # The engine runs on the machine, where the certificate of its authority is.
    spec = replace(spec, attempts_path=None, cpus=None, ceiling_rps=None, ca_file=spec.ca_file and https.ON_MACHINE)
    most_s = (spec.duration_s or 0) + spec.warmup_s + 2 * spec.timeout_s + LINE_S
    order = {"programs": programs(GUEST),
             "spec": asdict(spec), "most_s": most_s, **asdict(distance)}
    python = sys.executable if machine.kind == "local" else "python3"
    events = _Events(on_progress)
    done = machine.run(f"exec {shlex.quote(python)} -c {shlex.quote(START)}", sudo=True, on_line=events.add,
                       stdin=json.dumps(order).encode() + b"\n", timeout_s=most_s + LINE_S)
    if events.result is None:
        raise events.error or MachineError(f"The visitor far away ended without a result: {done.out.strip()[-300:]}",
                                           "./lab status --deep")
    return replace(events.result, line_rtt_ms=distance.rtt_ms, line_mbit_per_s=distance.mbit_per_s, **events.line)


@cache
def programs(guest: Path) -> str:
    """The source of the load engine and of the line, as a zip file in base64.

    Args:
        guest: the folder with the line.
    """
    package, file = ROOT / "deploylab", io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for pattern in ENGINE for path in package.glob(pattern)):
            archive.write(path, path.relative_to(ROOT))
        for name in ("machine/__init__.py", "machine/guest/__init__.py"):  # without what ours import
            archive.writestr(f"deploylab/{name}", "")
        for name in LINE:
            archive.write(guest / name, f"deploylab/machine/guest/{name}")
    return base64.b64encode(file.getvalue()).decode()


class _Events:
    """What the guest prints: one JSON object per line, as `python -m deploylab.load` does, and one about the line."""

    def __init__(self, on_progress: Callable[[LoadProgress], object] | None):
        self.on_progress = on_progress
        self.line: dict[str, Any] = {}  # fields of a LoadResult
        self.result: LoadResult | None = None
        self.error: errors.DeployLabError | None = None

    def add(self, text: str) -> None:
        """One line of output. What is not ours is left to the message of an error."""
        if not text.startswith('{"event":'):
            return
        event = json.loads(text)
        kind = event.pop("event")
        if kind == "line":
            self.line = {"line_means": event["means"], "line_connect_ns": event["connect_ns"],
                         "line_carried_mbit_per_s": event["mbit_per_s"]}
        elif kind == "progress" and self.on_progress:
            self.on_progress(LoadProgress(**{field.name: event[field.name] for field in fields(LoadProgress)}))
        elif kind == "result":
            self.result = LoadResult(**event)
        elif kind == "error":
            self.error = getattr(errors, event["kind"], LoadError)(event["what"], event["next_step"])
