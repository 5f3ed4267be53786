"""What is deployed, and its pages under load."""

from dataclasses import dataclass, field

# Clients keep their connections, or open one for each request, or open one and resume the TLS session of another.
KEPT, NEW, RESUMED = CONNECTIONS = ("kept", "new", "resumed")


@dataclass(frozen=True, kw_only=True)
class View:
    """A page under load, and how it is requested."""

    name: str
    title: str
    path: str
    marker: str | None = None          # the end of a good body; None: only its length is verified (compressed)
    concurrency: tuple[int, ...]       # clients of each measured load
    wait_s: float | None = None        # how long the page waits for something else
    n_paths: int | None = None         # many pages: `{n}` in the path goes from 1 to this, by Zipf's law
    headers: dict[str, str] = field(default_factory=dict)
    method: str = "GET"
    body: str | None = None
    expect_status: int | None = None   # the only good status; None: any 2xx
    prelude: str | None = None         # one request before a load: "csrf" or "etag"; see `setup_request`
    undo: str | None = None            # a command of manage.py that removes what the load left behind
    visitor: str | None = None         # "first" or "returning": the page with its files, as a browser loads it
    rtt_ms: float | None = None        # clients are so far away (round trip), on a line of this rate; None: right here
    mbit_per_s: float | None = None
    connections: str = KEPT            # one of CONNECTIONS
    least_s: float | None = None       # the shortest window of a run, if what is counted is slow: a median needs 20

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of a view of many pages; () for a view of one page."""
        return tuple(self.path.format(n=n) for n in range(1, (self.n_paths or 0) + 1))

    @property
    def unit(self) -> str:
        """What is counted: "requests", or "visits" of a page with all its files."""
        return "visits" if self.visitor else "requests"

    def ceiling_rps(self, concurrency: int, slots: int | None) -> float | None:
        """The most requests per second that this waiting page can answer, or None if it does not wait.

        Args:
            concurrency: how many clients send requests at the same time.
            slots: how many requests the server can work on at the same time; None if unlimited.

        Source: Little's law, throughput = requests in the system / time in the system.
        """
        if self.wait_s is None:
            return None
        return min(concurrency, slots or concurrency) / self.wait_s


@dataclass(frozen=True, kw_only=True)
class App:
    """What is deployed."""

    title: str
    source: str
    wsgi: str
    settings: str
    requirements: str
    production_requirements: str
    data_command: str
    data_digest_command: str
    cacheable_command: str
    pages_kept_s: float = 0.0          # how long a cache may keep a page; 0: not known
    whoami: str = "/whoami/"           # its JSON says which database the serving process talks to
    views: dict[str, View]
