"""The engine as a process: `python -m deploylab.load`.

The first line of standard input is the spec, as JSON. Standard input then stays open; its end
means stop, so a load test never outlives the process that started it. Events go to standard output,
one JSON object per line: `start`, several `progress`, then `result` or `error`.
"""

import json
import os
import select
import signal
import sys
from dataclasses import asdict
from typing import Any

from deploylab.core.errors import DeployLabError, LoadError
from deploylab.core.units import NS_PER_S
from deploylab.load.allowed import resolve
from deploylab.load.engine import PROGRESS_NS, Engine
from deploylab.load.spec import LoadSpec
from deploylab.load.summary import percentile, summarise

SAMPLE = 200  # responses that the median of a progress event is computed from


def main() -> int:
    """Run one load test. Returns the exit status: 0 with a result, else the error's."""
    try:
        spec = LoadSpec.from_json(_first_line())
        endpoint = resolve(spec.url, spec.allowed_addresses, spec.own_up)
        engine = Engine(spec, endpoint, ProgressWriter().write, stop_fd=0)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: engine.stop())
        _tell("start", url=spec.url, address=endpoint.address[0], mode=spec.mode, concurrency=spec.concurrency)
        raw = engine.run()
        result = summarise(spec, raw)
        if spec.attempts_path:
            _write_attempts(spec, raw, result.started_utc)
        _tell("result", **asdict(result))
    except DeployLabError as error:
        _tell("error", kind=type(error).__name__, what=error.what, next_step=error.next_step)
        return error.exit_status
    except BrokenPipeError:  # nobody is reading any more
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    return 0


class ProgressWriter:
    """Writes how far the load is, from the attempts since the last event."""

    def __init__(self):
        self.n_seen = self.n_ok = self.n_errors = 0
        self.last_ns = None
        self.counting = False

    def write(self, engine: Engine, now: int) -> None:
        """Write one event, unless the reader is too slow: the load must not wait for it."""
        attempts, begin = engine.attempts, self.n_seen
        self.n_seen = len(attempts)
        outcomes = attempts.column("outcome", begin)
        if not self.counting and engine.opened_ns is not None and now >= engine.opened_ns:
            self.counting, self.n_ok, self.n_errors = True, 0, 0
        n_ok = outcomes.count(0)
        self.n_ok += n_ok
        self.n_errors += len(outcomes) - n_ok
        since_s = (now - self.last_ns) / NS_PER_S if self.last_ns else PROGRESS_NS / NS_PER_S
        self.last_ns = now
        if not select.select([], [1], [], 0)[1]:
            return
        latest = max(begin, self.n_seen - SAMPLE)
        starts, ends = attempts.column("start_ns", latest), attempts.column("end_ns", latest)
        good = sorted(e - s for s, e, code in
                      zip(starts, ends, attempts.column("outcome", latest), strict=True) if not code)
        n_failed = self.n_seen - latest - len(good)
        opened_ns = engine.opened_ns if engine.opened_ns is not None else now
        try:
            _tell("progress", t_s=round((now - opened_ns) / NS_PER_S, 3), n_sent=self.n_ok + self.n_errors,
                  n_ok=self.n_ok, n_errors=self.n_errors, rps=round(n_ok / since_s, 1),
                  p50_ns=percentile(good, 500, n_failed))
        except BrokenPipeError:
            engine.stop()


def _first_line() -> str:
    """The spec's line. Nothing may follow it: standard input only stays open."""
    pieces = []
    while piece := os.read(0, 65_536):
        pieces.append(piece)
        if piece.endswith(b"\n"):
            break
    line = b"".join(pieces)
    if not line.strip():
        raise LoadError("There is no load spec on standard input.",
                        "echo '{\"url\": \"http://127.0.0.1:8000/\", \"n_requests\": 100}' | python -m deploylab.load")
    return line.decode(errors="replace")


def _write_attempts(spec: LoadSpec, raw: Any, started_utc: str) -> None:
    try:
        raw.attempts.write(spec.attempts_path, raw.zero_ns, url=spec.url, mode=spec.mode,
                           zero_utc=raw.zero_utc.isoformat(), started_utc=started_utc,
                           opened_ns=raw.opened_ns - raw.zero_ns,
                           closed_ns=None if raw.closed_ns is None else raw.closed_ns - raw.zero_ns)
    except OSError as error:
        raise LoadError(f"Cannot write the attempts to {spec.attempts_path}: {error.strerror}. "
                        "This run is lost; earlier runs are safe.",
                        f"df -h {os.path.dirname(spec.attempts_path)}   free some space, then the same command"
                        ) from error


def _tell(event: str, **fields: Any) -> None:
    os.write(1, (json.dumps({"event": event, **fields}, separators=(",", ":")) + "\n").encode())


if __name__ == "__main__":
    sys.exit(main())
