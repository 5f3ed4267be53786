"""Waits for many sockets at once.

On Linux this uses `epoll` directly: the standard library's `selectors` creates objects for
every event, which costs more than the rest of a request. Elsewhere it uses `selectors`.
"""

import select
import selectors
from typing import Protocol

# What a socket is watched for, and what is reported. The values are those of epoll.
READ = 0x001
WRITE = 0x004
FAILED = 0x008 | 0x010  # EPOLLERR, EPOLLHUP: always reported
HANGUP = 0x2000         # EPOLLRDHUP: the server has closed its side. Only Linux reports it


class Handler(Protocol):
    def ready(self, events: int) -> None:
        """Events of its socket."""


class _Handlers:
    """The handlers of sockets, by descriptor."""

    def __init__(self):
        self.handlers: dict[int, Handler] = {}
        self._closed: set[int] = set()  # descriptors closed since the events that are dispatched were reported

    def dispatch(self, events: list[tuple[int, int]]) -> None:
        """Tell each handler the events of its socket.

        One handler may close the socket of another whose events come later in the list, and a new socket may get the
        same descriptor: such events are of a socket that is gone, and nobody is told.
        """
        handlers, closed = self.handlers, self._closed
        closed.clear()
        for fd, mask in events:
            if fd not in closed:
                handlers[fd].ready(mask)


class EpollPoller(_Handlers):
    """Sockets and their handlers, on Linux.

    Example:
        >>> import socket
        >>> a, b = socket.socketpair()
        >>> poller = EpollPoller()
        >>> poller.watch(a.fileno(), READ, "handler")
        >>> b.send(b"x"), poller.wait(1) == [(a.fileno(), READ)], poller.handlers[a.fileno()]
        (1, True, 'handler')
    """

    def __init__(self):
        super().__init__()
        self._epoll = select.epoll()

    def watch(self, fd: int, events: int, handler: Handler) -> None:
        """Watch this socket for these events."""
        if fd in self.handlers:
            self._epoll.modify(fd, events | HANGUP)
        else:
            self._epoll.register(fd, events | HANGUP)
        self.handlers[fd] = handler

    def forget(self, fd: int) -> None:
        """Forget a socket that is about to be closed; closing it removes it from the epoll."""
        self.handlers.pop(fd, None)
        self._closed.add(fd)

    def unwatch(self, fd: int) -> None:
        """Stop watching this socket; it stays open."""
        self.handlers.pop(fd)
        self._epoll.unregister(fd)

    def wait(self, timeout_s: float, precise: bool = False) -> list[tuple[int, int]]:
        """Wait for at most `timeout_s`; returns (descriptor, events) pairs.

        Args:
            precise: be exact to a few microseconds, at the cost of another system call. epoll counts in
                milliseconds, but select() counts in microseconds and can wait for an epoll.
        """
        if precise and timeout_s > 0:
            select.select((self._epoll.fileno(),), (), (), timeout_s)
            timeout_s = 0
        return self._epoll.poll(timeout_s if timeout_s > 0 else 0)

    def close(self) -> None:
        self._epoll.close()


class SelectorPoller(_Handlers):
    """The same for systems without epoll."""

    def __init__(self):
        super().__init__()
        self._selector = selectors.DefaultSelector()

    def watch(self, fd: int, events: int, handler: Handler) -> None:
        mask = (selectors.EVENT_READ if events & READ else 0) | (selectors.EVENT_WRITE if events & WRITE else 0)
        if fd in self.handlers:
            self._selector.modify(fd, mask)
        else:
            self._selector.register(fd, mask)
        self.handlers[fd] = handler

    def forget(self, fd: int) -> None:
        if self.handlers.pop(fd, None) is not None:
            self._selector.unregister(fd)
        self._closed.add(fd)

    unwatch = forget

    def wait(self, timeout_s: float, precise: bool = False) -> list[tuple[int, int]]:
        return [(key.fd,
                 (READ if mask & selectors.EVENT_READ else 0) | (WRITE if mask & selectors.EVENT_WRITE else 0))
                for key, mask in self._selector.select(max(timeout_s, 0))]

    def close(self) -> None:
        self._selector.close()


Poller = EpollPoller if hasattr(select, "epoll") else SelectorPoller
