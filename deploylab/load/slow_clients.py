"""Slow clients: connections that send half a request and then wait.

A server that uses a process or a thread for each connection then has none left for others. Slow clients are
not part of the load: they are not counted, and the run says how many were held open.
"""

import errno
import socket
import ssl

from deploylab.load.allowed import Endpoint
from deploylab.load.poller import READ, WRITE, Poller
from deploylab.load.tls import Tls


class SlowClients:
    """Holds `n` half-sent requests open; if the server closes one, it is opened again.

    Args:
        poller: the engine's.
        endpoint: the same server as the load's.
        n: how many.
        tls: of the load; half a request is then sent over TLS.
    """

    def __init__(self, poller: Poller, endpoint: Endpoint, n: int, tls: Tls | None = None):
        self.poller = poller
        self.endpoint, self.tls = endpoint, tls
        self.clients = [_SlowClient(self) for _ in range(n)]
        self.half = f"GET {endpoint.path} HTTP/1.1\r\nHost: {endpoint.host}\r\nX-Slow: ".encode()
        self.fewest = n  # that were held at once, since `watch`

    @property
    def held(self) -> int:
        """How many half-sent requests are open now."""
        return sum(client.holds for client in self.clients)

    def tick(self) -> None:
        """Open those that are closed; note how many are held."""
        for client in self.clients:
            if client.sock is None:
                client.open()
        self.fewest = min(self.fewest, self.held)

    def watch(self) -> None:
        """Start counting `fewest`."""
        self.fewest = self.held

    def close(self) -> None:
        for client in self.clients:
            client.close()


class _SlowClient:
    """One slow client."""

    def __init__(self, group: SlowClients):
        self.group = group
        self.sock = None
        self.holds = False

    def open(self) -> None:
        endpoint = self.group.endpoint
        try:
            self.sock = socket.socket(endpoint.family, socket.SOCK_STREAM)
            self.sock.setblocking(False)
            code = self.sock.connect_ex(endpoint.address)
        except OSError:
            code = -1
        if code not in (0, errno.EINPROGRESS):
            self.close()
            return
        self.group.poller.watch(self.sock.fileno(), WRITE, self)

    def ready(self, events: int) -> None:
        """Connected, or closed by the server."""
        try:
            if self.holds:
                if not self.sock.recv(4096):
                    self.close()
                return
            self._secure()
            self.sock.send(self.group.half)
            self.group.poller.watch(self.sock.fileno(), READ, self)
            self.holds = True
        except BlockingIOError:
            pass
        except ssl.SSLWantReadError:
            self.group.poller.watch(self.sock.fileno(), READ, self)
        except OSError:
            self.close()

    def _secure(self) -> None:
        """Go on with the handshake; raises SSLWantReadError while the server has to answer."""
        tls = self.group.tls
        if tls is None:
            return
        if not isinstance(self.sock, ssl.SSLSocket):
            self.sock = tls.context.wrap_socket(self.sock, do_handshake_on_connect=False,
                                                server_hostname=tls.server_name)
        self.sock.do_handshake()

    def close(self) -> None:
        self.holds = False
        if self.sock is not None:
            self.group.poller.forget(self.sock.fileno())
            self.sock.close()
            self.sock = None
