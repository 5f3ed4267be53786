"""Waiting for many sockets at once.

On Linux this is `epoll` itself: the standard library's `selectors` puts objects of its own around
every event, which costs more than the rest of a request. Elsewhere it is `selectors`.
"""

import select
import selectors
from typing import Protocol

# What a socket is watched for, and what is seen. The values are those of epoll.
READ = 0x001
WRITE = 0x004
FAILED = 0x008 | 0x010  # EPOLLERR, EPOLLHUP: seen though nobody asked
HANGUP = 0x2000         # EPOLLRDHUP: the server has closed its side. Only Linux says so


class Handler(Protocol):
    def ready(self, events: int) -> None:
        """Its socket can do something."""


class EpollPoller:
    """Sockets and what handles them, on Linux.

    Example:
        >>> import socket
        >>> a, b = socket.socketpair()
        >>> poller = EpollPoller()
        >>> poller.watch(a.fileno(), READ, "handler")
        >>> b.send(b"x"), poller.wait(1) == [(a.fileno(), READ)], poller.handlers[a.fileno()]
        (1, True, 'handler')
    """

    def __init__(self):
        self.handlers: dict[int, Handler] = {}
        self._epoll = select.epoll()

    def watch(self, fd: int, events: int, handler: Handler) -> None:
        """From now on watch this socket for these events."""
        if fd in self.handlers:
            self._epoll.modify(fd, events | HANGUP)
        else:
            self._epoll.register(fd, events | HANGUP)
        self.handlers[fd] = handler

    def forget(self, fd: int) -> None:
        """This socket is about to be closed, which takes it out of the epoll without another call."""
        self.handlers.pop(fd, None)

    def unwatch(self, fd: int) -> None:
        """Watch this one no more; it stays open."""
        self.handlers.pop(fd)
        self._epoll.unregister(fd)

    def wait(self, timeout_s: float, precise: bool = False) -> list[tuple[int, int]]:
        """What can be done on which socket, after at most `timeout_s`.

        Args:
            precise: wake on time to some microseconds, for one more system call. epoll counts in
                milliseconds; but select() counts in microseconds, and can wait for an epoll.
        """
        if precise and timeout_s > 0:
            select.select((self._epoll.fileno(),), (), (), timeout_s)
            timeout_s = 0
        return self._epoll.poll(timeout_s if timeout_s > 0 else 0)

    def close(self) -> None:
        self._epoll.close()


class SelectorPoller:
    """The same, where there is no epoll."""

    def __init__(self):
        self.handlers: dict[int, Handler] = {}
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

    unwatch = forget

    def wait(self, timeout_s: float, precise: bool = False) -> list[tuple[int, int]]:
        return [(key.fd, (READ if mask & selectors.EVENT_READ else 0) | (WRITE if mask & selectors.EVENT_WRITE else 0))
                for key, mask in self._selector.select(max(timeout_s, 0))]

    def close(self) -> None:
        self._selector.close()


Poller = EpollPoller if hasattr(select, "epoll") else SelectorPoller
