"""Runs a load test as a visitor far away sees it: each packet travels for a while, over a line of limited rate.

Host and guest are next to each other, so the distance is made on the guest, which is always Linux: the load engine runs
there, behind a line that `deploylab.machine.guest.far_visitor` makes. Nothing is installed on the guest, and nothing is
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
from statistics import median
from typing import Any

from deploylab.core import errors
from deploylab.core.errors import LoadError, MachineError
from deploylab.core.paths import ROOT
from deploylab.load import LoadProgress, LoadSpec
from deploylab.machine import Machine
from deploylab.machine.guest import far_visitor
from deploylab.results.record import LoadResult

ENGINE = ("*.py", "core/*.py", "load/*.py", "results/*.py")  # below deploylab/: the engine and what it imports
LINE_S = 30.0   # how long making the line, and ending it, may take
# The order comes as one line, the program in it: nothing else on standard input ends, and nothing lies in a file.
START = "import json, sys; order = json.loads(sys.stdin.readline()); exec(order.pop('program')); sys.exit(main(order))"


@dataclass(frozen=True)
class Distance:
    """How far away a visitor is.

    Attributes:
        rtt_ms: a packet and its answer are so long on their way, half of it in each direction.
        mbit_per_s: the rate of the line, in each direction.
    """

    rtt_ms: float = 40.0
    mbit_per_s: float = 10.0


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
    spec = replace(spec, attempts_path=None, cpus=None, ceiling_rps=None)
    most_s = (spec.duration_s or 0) + spec.warmup_s + 2 * spec.timeout_s + LINE_S
    order = {"program": Path(far_visitor.__file__).read_text(encoding="utf-8"), "engine": engine(),
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
def engine() -> str:
    """The source of the load engine, as a zip file in base64."""
    package, file = ROOT / "deploylab", io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for pattern in ENGINE for path in package.glob(pattern)):
            archive.write(path, path.relative_to(ROOT))
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
            self.line = {"line_means": event["means"], "line_connect_ns": round(median(event["connect_ns"]))}
        elif kind == "progress" and self.on_progress:
            self.on_progress(LoadProgress(**{field.name: event[field.name] for field in fields(LoadProgress)}))
        elif kind == "result":
            self.result = LoadResult(**event)
        elif kind == "error":
            self.error = getattr(errors, event["kind"], LoadError)(event["what"], event["next_step"])
