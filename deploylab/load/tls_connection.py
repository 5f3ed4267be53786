"""A connection over TLS: the same attempts, with a handshake between connect and the request.

OpenSSL works on two buffers in memory, and the connection moves their bytes:

    request -> tls.write -> outgoing -> socket        socket -> incoming -> tls.read -> parser
"""

import errno
import ssl
from contextlib import suppress

from deploylab.load.attempts import NONE
from deploylab.load.connection import CONNECTING, IDLE, LEAVING, SENDING, Connection, clock
from deploylab.load.connections import Wire

RECORD = 16_384  # most bytes of a TLS record. Source: RFC 8446, 5.1


class TlsConnection(Connection):
    """One connection over TLS. While the handshake goes on, it is WAITING like one that has sent its request."""

    __slots__ = ("tls", "incoming", "outgoing", "secure", "said_goodbye", "session_left", "waiting_request")

    def __init__(self, wire: Wire):
        super().__init__(wire)
        self.tls = None
        self.secure = False        # the handshake is complete
        self.said_goodbye = False  # the server has sent its close_notify: nothing was cut off

    def request(self, due_ns: int, ready_ns: int) -> None:
        self.secured_ns = self.resumed = NONE
        super().request(due_ns, ready_ns)

    def close(self) -> None:
        self._end_session()
        super().close()

    def _connect(self) -> None:
        self._end_session()  # of the connection that had this socket before
        shared = self.wire.tls
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = shared.sessions.popleft() if shared.sessions else None
        self.tls = shared.context.wrap_bio(self.incoming, self.outgoing, server_hostname=shared.server_name,
                                           session=session)
        self.secure = self.said_goodbye = False
        self.session_left = False  # it has left its session to the next connection
        self.waiting_request = self.unsent
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:  # always: the server has not been asked yet
            self.unsent = self.outgoing.read()
        super()._connect()

    def _send_on_kept(self) -> None:
        self.tls.write(self.unsent)
        self.unsent = self.outgoing.read()
        self._send()

    def _received(self, data: bytes) -> None:
        """Handle records: those of the handshake, answers, session tickets, alerts."""
        self.incoming.write(data)
        try:
            if not self.secure and not self._shake_hands():
                return
            plain = self._decrypt()
        except ssl.SSLError as error:
            self._refuse(error)
            return
        if self.said_goodbye and self.state != LEAVING:  # the FIN of a server that leaves may follow later
            self.hung_up = True
        if plain:
            self._parse(plain)
        if self.said_goodbye and self.tls is not None and (self.busy or self.state == IDLE):
            self._ended(self.broken)

    def _shake_hands(self) -> bool:
        """Go on with the handshake; whether it is complete. The request leaves together with its last bytes."""
        tls, shared = self.tls, self.wire.tls
        try:
            tls.do_handshake()
            shared.check_protocol(tls)
            self.secured_ns, self.secure, self.resumed = clock(), True, int(tls.session_reused)
            tls.write(self.waiting_request)
            self.waiting_request = b""
        except ssl.SSLWantReadError:
            pass
        self.unsent = self.outgoing.read()
        if self.unsent:
            self.state = SENDING
            self._send()
        return self.secure

    def _decrypt(self) -> bytes:
        """What the received records hold for the parser; b"" if that is nothing yet."""
        tls, incoming, pieces = self.tls, self.incoming, []
        try:
            while piece := tls.read(RECORD):
                pieces.append(piece)
                if not (incoming.pending or tls.pending()):
                    break
            else:
                self.said_goodbye = True
        except ssl.SSLWantReadError:
            pass
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _refuse(self, error: ssl.SSLError) -> None:
        """End a connection whose records or certificate are wrong, and tell the server, as far as it listens."""
        self._farewell()
        if not self.busy:
            self.close()
        elif self.secure:
            self._finish("bad_response", clock())
        else:
            self._finish("certificate" if isinstance(error, ssl.SSLCertVerificationError) else "handshake", clock())

    def _ended(self, code: int) -> None:
        if self.state == CONNECTING or self.state >= IDLE or code == errno.ETIMEDOUT:
            super()._ended(code)
        elif not self.secure:
            self._finish("handshake", clock())
        elif not (code or self.said_goodbye):  # without a close_notify, anybody on the way may have cut it off
            super()._ended(errno.ECONNABORTED)
        else:
            super()._ended(code)

    def _leave(self) -> None:
        self._leave_session()  # the client's next connection may begin before this one has ended
        super()._leave()

    def _leave_session(self) -> None:
        """Leave the session to the next connection, once."""
        sessions = self.wire.tls.sessions
        if sessions is not None and self.secure and not self.session_left and (session := self.tls.session):
            sessions.append(session)
            self.session_left = True

    def _end_session(self) -> None:
        """End TLS in order: OpenSSL gives up the session of a connection that ends without a goodbye."""
        self._leave_session()
        if self.secure and self.session_left:
            with suppress(ssl.SSLError):  # the server's goodbye is not awaited
                self.tls.unwrap()
            self._farewell()
        self.tls, self.secure = None, False

    def _farewell(self) -> None:
        """Send what OpenSSL still has to say, an alert; the connection ends in any case."""
        with suppress(OSError):
            self.sock.send(self.outgoing.read())
