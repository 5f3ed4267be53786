"""Contrasts, and the states of a cache in which they are measured."""

from dataclasses import dataclass

COLD, STEADY = "cold", "steady"  # states of a cache: empty at first; full, and it stays full
STATES = {COLD: "from an empty cache", STEADY: "from a full cache"}


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """Two sides that differ in one thing, compared in pairs.

    Without a `state` clients send requests as fast as they are answered, with full caches: who can answer more? A side
    that answers more would fill its cache sooner, so a `state` offers both sides the same requests at the same times:
    what does each of them need for that?

    Attributes:
        a, b: targets by name; both may be the same target if the views differ.
        view, concurrency: the load.
        b_view: the view of side B, if it is a different one.
        differs: the one thing, in words.
        parts: the names of the differences in configuration that make up that one thing. Any other difference that is
            found is reported as well. Empty: a whole step, and reported as one.
        slow_clients: half-sent requests held open during each load.
        new_connections: True: each request opens one. None: clients keep theirs.
        state: a key of STATES: of the caches when each load begins. The load is then an open loop.
        thorough: whether only a thorough run measures it: no lesson and no stage depends on it.
    """

    name: str
    title: str
    lesson: str
    a: str
    b: str
    view: str
    concurrency: int
    differs: str
    parts: tuple[str, ...]
    b_view: str | None = None
    slow_clients: int = 0
    new_connections: bool | None = None
    state: str | None = None
    thorough: bool = False

    @property
    def metric(self) -> str:
        """What it is judged by, a key of `deploylab.results.stats.METRICS`."""
        return "server_cpu_per_request_s" if self.state else "rps"
