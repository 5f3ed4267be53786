"""One TCP connection, from connect to the server's FIN, and the attempts that are made on it.

An attempt ends in exactly one call of `_answered` or `_finish`, so it has exactly one outcome. No request is ever sent
twice.
"""

import errno
import socket
import time

from deploylab.load.attempts import NONE, OUTCOMES
from deploylab.load.connections import Wire
from deploylab.load.http_head import BadResponse, Surplus
from deploylab.load.http_parser import Parser
from deploylab.load.poller import FAILED, HANGUP, READ, WRITE
from deploylab.load.reconnect import renew

clock = time.monotonic_ns  # the same clock everywhere; on Linux all processes share it

CODE = {name: code for code, name in enumerate(OUTCOMES)}
GOOD = CODE["ok"]
CHUNK = 65_536  # most bytes per read
# On Linux this saves a system call per connection; elsewhere setblocking does it. For the same reason
# sockets are of the plain SocketType: the class socket.socket around it would cost as much again.
NON_BLOCKING = getattr(socket, "SOCK_NONBLOCK", 0)

# The generator ran out of ports, file descriptors or memory: that is not the server's fault.
OWN_FAULTS = {errno.EADDRNOTAVAIL, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
NOT_YET = {errno.EAGAIN, errno.EINPROGRESS, errno.EALREADY, errno.ENOTCONN}


# The state of a connection. OVER: the server has closed its side, and our socket can be used for a new connection.
CLOSED, CONNECTING, SENDING, WAITING, IDLE, OVER, LEAVING = range(7)


class Connection:
    """One connection. `request` begins an attempt; the poller calls `ready`."""

    __slots__ = ("wire", "sock", "state", "reused", "parser", "unsent", "broken", "due_ns", "ready_ns",
                 "start_ns", "connected_ns", "secured_ns", "first_byte_ns", "resumed", "fd", "watched", "hung_up",
                 "number", "_add")

    def __init__(self, wire: Wire):
        self.wire = wire
        self.sock = None
        self.state = CLOSED
        self.parser = Parser(wire.marker, wire.no_body, wire.heads)
        self.fd = -1
        self.watched = 0      # the events that the poller watches the socket for
        self.hung_up = False  # the server has closed its side
        self.number = NONE    # of the TCP connection, in the order in which they were opened
        self.secured_ns = self.resumed = NONE  # only TLS sets them
        self._add = wire.attempts.add

    def request(self, due_ns: int, ready_ns: int) -> None:
        """Begin an attempt: connect if necessary, then send.

        Args:
            due_ns: when it should have been sent.
            ready_ns: when it could have been sent.
        """
        if self.state == OVER:
            self.hung_up = False
            self.parser.reset()
            if not renew(self.sock):
                self.close()
        self.due_ns = due_ns
        self.ready_ns = ready_ns
        self.first_byte_ns = self.connected_ns = NONE
        self.unsent = self.wire.next_request()
        self.broken = 0      # the errno of a failed send, while there may still be a response to read
        self.start_ns = clock()
        self.reused = self.state == IDLE
        if self.sock is None:
            self._open()
        elif self.state == OVER:
            self._connect()
        else:
            self.state = SENDING
            self.parser.reset()
            self._send_on_kept()

    def ready(self, events: int) -> None:
        """The poller reports events of the socket."""
        if events & HANGUP:
            self.hung_up = True
            if self.state == LEAVING:
                self.close()
                return
        if self.state == WAITING:
            self._receive()
            return
        if events & (WRITE | FAILED) and self.state in (CONNECTING, SENDING):
            if self.state == CONNECTING:
                code = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if code:
                    self._connect_failed(code)
                    return
            self._send()
        if events & (READ | FAILED) and self.sock is not None and self.state != CONNECTING:
            self._receive()

    def expire(self, now: int) -> None:
        """The attempt has timed out."""
        self._finish("timeout", now)

    def close(self) -> None:
        """Close the socket, in any state."""
        if self.sock is not None:
            self.wire.poller.forget(self.fd)
            self.sock.close()
            self.sock = None
            self.watched = 0
        self.state = CLOSED
        self.wire.connections.discard(self)
        self.wire.leaving.pop(self, None)

    @property
    def busy(self) -> bool:
        """Whether an attempt is in progress."""
        return self.state in (CONNECTING, SENDING, WAITING)

    def _open(self) -> None:
        try:
            self.sock = sock = socket.SocketType(self.wire.endpoint.family, socket.SOCK_STREAM | NON_BLOCKING)
        except OSError as error:
            self._connect_failed(error.errno)
            return
        self.fd = sock.fileno()
        if not NON_BLOCKING:
            sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.wire.connections.add(self)
        self._connect()

    def _connect(self) -> None:
        self.state = CONNECTING
        self.number = self.wire.n_opened
        self.wire.n_opened += 1
        code = self.sock.connect_ex(self.wire.endpoint.address)
        if code and code not in NOT_YET:
            self._connect_failed(code)
            return
        self._send()  # on loopback the connection is often established already, so try at once

    def _send(self) -> None:
        """Send what is left of the request; if the socket does not take all of it, the rest later."""
        if self.unsent:
            try:
                n_sent = self.sock.send(self.unsent)
            except OSError as error:
                if error.errno in NOT_YET:
                    self._watch(WRITE if self.state == CONNECTING else READ | WRITE)
                elif self.state == CONNECTING and error.errno not in (errno.ECONNRESET, errno.EPIPE):
                    self._connect_failed(error.errno)
                else:  # the server may have answered before it closed: read first, then decide
                    self._connected()
                    self.broken = error.errno
                    self.unsent = b""
                    self.state = WAITING
                    self._watch(READ)
                return
            self._connected()
            self.unsent = b"" if n_sent == len(self.unsent) else memoryview(self.unsent)[n_sent:]
        if self.unsent:
            self.state = SENDING
            self._watch(READ | WRITE)
        else:
            self.state = WAITING
            self._watch(READ)

    _send_on_kept = _send  # TLS has to encrypt the request first

    def _connected(self) -> None:
        if self.state == CONNECTING:
            self.connected_ns = clock()
            self.state = SENDING

    def _watch(self, events: int) -> None:
        if self.watched != events:
            self.wire.poller.watch(self.fd, events, self)
            self.watched = events

    def _receive(self) -> None:
        try:
            data = self.sock.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            self._ended(error.errno)
            return
        if not data:
            self._ended(self.broken)
            return
        self._received(data)

    def _parse(self, data: bytes) -> None:
        """Handle bytes of a response."""
        now = clock()
        if self.state >= IDLE:  # nothing was requested
            self.wire.out_of_step.add(self.number)
            self.close()
            return
        if self.first_byte_ns < 0:
            self.first_byte_ns = now
        try:
            complete = self.parser.feed(data)
        except BadResponse as error:
            if isinstance(error, Surplus) and error.is_response:
                self.wire.out_of_step.add(self.number)
            self._finish("bad_response", now)
            return
        if complete and len(data) == CHUNK and self._has_more():
            self.wire.out_of_step.add(self.number)
            self._finish("bad_response", now)
        elif complete:
            self._answered(now)

    _received = _parse  # TLS has to decrypt them first

    def _has_more(self) -> bool:
        """Whether bytes wait behind a read that filled its buffer."""
        try:
            return bool(self.sock.recv(1, socket.MSG_PEEK))
        except OSError:
            return False

    def _ended(self, code: int) -> None:
        """The connection has ended: closed (code 0), or with an error."""
        now = clock()
        if self.state >= IDLE:
            self.close()
        elif not code and self.parser.end():
            self.hung_up = True
            self._answered(now)
        elif code == errno.ECONNRESET:
            self._finish("reset", now)
        elif self.state == CONNECTING:
            self._connect_failed(code)
        elif code == errno.ETIMEDOUT:
            self._finish("timeout", now)
        elif self.reused and self.first_byte_ns == NONE:
            self._finish("stale", now)
        else:
            self._finish("closed_early", now)

    def _answered(self, now: int) -> None:
        """A complete response has arrived: decide whether it is the page."""
        if now - self.start_ns >= self.wire.timeout_ns:  # complete, but too late; the clock may not have looked yet
            self._finish("timeout", now)
            return
        parser, expected = self.parser, self.wire.expect_status
        status = parser.status
        if status == expected or (expected is None and status < 300):
            outcome = GOOD if parser.marked else CODE["bad_body"]
        elif status < 300:
            outcome = CODE["bad_body"]  # a 2xx, but not the expected one
        else:
            outcome = CODE[f"http_{status // 100}xx"]
        self._add((self.due_ns, self.ready_ns, self.start_ns, self.connected_ns, self.secured_ns,
                   self.first_byte_ns, now, outcome, parser.n_bytes, parser.cache, self.number, self.resumed))
        if parser.keep and self.wire.keepalive and self.state == WAITING and not (self.broken or self.hung_up):
            self.state = IDLE
        elif self.hung_up and self.watched == READ:
            self.state = OVER
        else:
            self._leave()
        self.wire.loop.done(self, now, outcome)
        if self.state == OVER:  # no next request followed at once
            self.close()

    def _leave(self) -> None:
        """Let the server close first, otherwise this host fills up with sockets in TIME_WAIT."""
        if self.hung_up or self.state != WAITING:  # it has closed, or part of the request is unsent
            self.close()
            return
        leaving = self.wire.leaving
        if len(leaving) >= self.wire.max_leaving:  # a server that never closes must not use up our file descriptors
            next(iter(leaving)).close()
        self.state = LEAVING
        self.wire.connections.discard(self)
        leaving[self] = clock()

    def _connect_failed(self, code: int) -> None:
        if code in OWN_FAULTS:
            self.wire.void = f"{errno.errorcode[code]} on connect"
            self.close()
        else:
            self._finish("connect", clock())

    def _finish(self, outcome: str, now: int) -> None:
        """The attempt failed; close its connection."""
        code = CODE[outcome]
        parser = self.parser
        self._add((self.due_ns, self.ready_ns, self.start_ns, self.connected_ns, self.secured_ns,
                   self.first_byte_ns, now, code, parser.n_bytes, parser.cache, self.number, self.resumed))
        self.close()
        self.wire.loop.done(self, now, code)
