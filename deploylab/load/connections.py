"""What all connections of one load test share."""

import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from deploylab.load.allowed import Endpoint
from deploylab.load.attempts import Attempts
from deploylab.load.http_head import Head
from deploylab.load.poller import Poller
from deploylab.load.tls import Tls


class ConnectionLike(Protocol):
    """As much of a connection as a loop looks at. `Connection` itself imports this module."""

    state: int
    sock: socket.SocketType | None

    def request(self, due_ns: int, ready_ns: int) -> None:
        """Begin the next attempt."""


class LoadLoop(Protocol):
    """Decides what a connection does next: the closed or the open loop."""

    def done(self, connection: ConnectionLike, now: int, outcome: int) -> None:
        """An attempt ended; the connection can take another one where its state is IDLE."""


@dataclass(kw_only=True)
class Wire:
    """The settings and the state of one load test that its connections need."""

    endpoint: Endpoint
    connect: Callable[["Wire"], ConnectionLike] = None  # a new connection: the class of the connections
    tls: Tls | None = None             # None for plain HTTP
    poller: Poller
    attempts: Attempts
    next_request: Callable[[], bytes]  # the bytes of the next request
    keepalive: bool
    marker: bytes = b""
    no_body: bool = False              # the requests are HEAD requests
    expect_status: int | None = None
    timeout_ns: int
    loop: LoadLoop = None
    void: str = ""                     # why the run is worthless; "" if it is not
    connections: set = field(default_factory=set)  # connections with attempts, or ready for one
    leaving: dict = field(default_factory=dict)    # connections that wait for the server's FIN, oldest first
    max_leaving: int = 512
    heads: dict[bytes, Head] = field(default_factory=dict)
    n_opened: int = 0                  # connections so far; the number of a connection is its place in this order
    # Numbers of the connections on which more responses came than were requested.
    out_of_step: set[int] = field(default_factory=set)
