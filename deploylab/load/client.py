"""Starts the engine from Python, follows its progress, stops it.

The engine is a process of its own, so that it does not share a Python interpreter.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, fields

from deploylab.core import cancel, errors
from deploylab.core.errors import LoadError
from deploylab.core.paths import ROOT
from deploylab.load.spec import LoadSpec
from deploylab.results.record import LoadResult

GRACE_S = 5.0  # how long a stopped engine may take to write its result


@dataclass(frozen=True, kw_only=True)
class LoadProgress:
    """How far a load test is, about five times per second. Counts start again when the window opens."""

    t_s: float        # since the window opened; negative in the warm-up
    n_sent: int       # attempts that have ended
    n_ok: int
    n_errors: int
    rps: float        # good responses per second, since the last event
    p50_ns: int | None  # of the latest responses


class LoadTest:
    """A load test: an engine that has been started, and a load from `begin` on.

    Iterate over it for its progress; after that, `result` is set. Leaving the `with` block stops it. `stop` may be
    called from another thread. To start an engine takes about 0.2 s, so it can be started before it is needed.

    Example:
        >>> with start(LoadSpec(url="http://127.0.0.1:8003/", duration_s=3)) as load:  # doctest: +SKIP
        ...     for progress in load:
        ...         print(progress.rps)
        >>> load.result.rps  # doctest: +SKIP
    """

    def __init__(self):
        self.result: LoadResult | None = None
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as this object)
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "deploylab.load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self._stderr, env={**os.environ, "PYTHONPATH": path},
            # -P: not from the current folder, which may be another clone.
            start_new_session=True,  # Ctrl-C reaches the caller, which then stops the engine in order
        )

    def begin(self, spec: LoadSpec) -> None:
        """Begin with the load, once.

        Args:
            spec: what to do.
        """
        with suppress(BrokenPipeError):  # it ended at once; its events say why
            self._process.stdin.write(spec.to_json().encode() + b"\n")
            self._process.stdin.flush()

    def run(self, spec: LoadSpec, on_progress: Callable[[LoadProgress], object] | None = None) -> LoadResult:
        """The result of the load: see the function `run`, which starts the engine too."""
        self.begin(spec)
        with cancel.ended_by(self.stop):
            return self.wait(on_progress)

    @property
    def pid(self) -> int:
        """The process id of the engine."""
        return self._process.pid

    def __enter__(self) -> "LoadTest":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[LoadProgress]:
        """Yield the progress until the result arrives.

        Raises:
            TargetRefused: the server does not belong to the kit.
            LoadError: the load test could not run, or its numbers are worthless.
        """
        names = {f.name for f in fields(LoadProgress)}
        for line in self._process.stdout:
            event = json.loads(line)
            kind = event.pop("event")
            if kind == "progress":
                yield LoadProgress(**{name: event[name] for name in names})
            elif kind == "result":
                self.result = LoadResult(**event)
            elif kind == "error":
                self.close()
                raise getattr(errors, event["kind"], LoadError)(event["what"], event["next_step"])
        self.close()
        if self.result is None:
            raise LoadError(f"The load engine ended without a result: {self._last_words()}",
                            "./lab status --deep")

    def wait(self, on_progress: Callable[[LoadProgress], object] | None = None) -> LoadResult:
        """Wait until the load test has ended, and return its result.

        Args:
            on_progress: called with each LoadProgress.
        """
        for progress in self:
            if on_progress:
                on_progress(progress)
        return self.result

    def stop(self) -> None:
        """End the load within a second; its result is flagged `stopped`."""
        if not self._process.stdin.closed:
            self._process.stdin.close()

    def close(self) -> None:
        """Stop the engine and wait until it has ended; no effect if it already has."""
        try:
            self.stop()
            self._process.wait(GRACE_S)
        except (subprocess.TimeoutExpired, BrokenPipeError):
            self._process.kill()
            self._process.wait()

    def _last_words(self) -> str:
        self._stderr.seek(0)
        text = self._stderr.read().decode(errors="replace").strip()
        return text.splitlines()[-1] if text else f"exit status {self._process.returncode}"


def start(spec: LoadSpec) -> LoadTest:
    """Start a load test.

    Args:
        spec: what to do.
    """
    test = LoadTest()
    test.begin(spec)
    return test


def run(spec: LoadSpec, on_progress: Callable[[LoadProgress], object] | None = None) -> LoadResult:
    """The result of one load test.

    Args:
        spec: what to do.
        on_progress: called about five times per second with a LoadProgress.

    Raises:
        TargetRefused: the server does not belong to the kit.
        LoadError: the load test could not run, or its numbers are worthless.

    Example:
        >>> run(LoadSpec(url="http://127.0.0.1:8003/", n_requests=1000, concurrency=10)).rps  # doctest: +SKIP
    """
    with LoadTest() as test:
        return test.run(spec, on_progress)


def run_until_stopped(spec: LoadSpec, on_progress: Callable[[LoadProgress], object] | None = None) -> LoadResult:
    """Like `run`, but a load test that is stopped, by Ctrl-C or a Stop button, returns its result, flagged `stopped`.

    Raises: as `run`.
    """
    with start(spec) as load:
        with suppress(KeyboardInterrupt), cancel.ended_by(load.stop):
            load.wait(on_progress)
        if load.result is None:  # Ctrl-C interrupted the wait
            load.stop()
            load.wait()
        return load.result
