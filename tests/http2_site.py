"""A site over HTTP/2, by the library h2, for the tests: another hand's reading of the same standard."""

import socket
import ssl
import threading

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import RequestReceived
from h2.exceptions import ProtocolError


class Http2Site:
    """Answers by path: (status, headers, body), or the name of a fault. Notes what it was asked.

    Faults: `reset` gives up one response, `goaway` the connection, `hangup` just closes it, `garbage` sends what is no
    HTTP/2, `short` promises more bytes than it sends, `silent` does nothing.
    """

    def __init__(self, certificate: str, pages: dict, protocols=("h2",)):
        self.pages, self.asked, self.n_connections = pages, [], 0
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate)
        self.context.set_alpn_protocols(list(protocols))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    def url(self, path="/"):
        return f"https://127.0.0.1:{self.port}{path}"

    def _accept(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(conn,), daemon=True).start()

    def _serve(self, conn):
        with self.lock:
            self.n_connections += 1
        try:
            tls = self.context.wrap_socket(conn, server_side=True)
            http2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
            http2.initiate_connection()
            tls.sendall(http2.data_to_send())
            while data := tls.recv(65536):
                for event in http2.receive_data(data):
                    if isinstance(event, RequestReceived):
                        self._answer(tls, http2, event)
                tls.sendall(http2.data_to_send())
        except (OSError, ProtocolError):
            pass
        finally:
            conn.close()

    def _answer(self, tls, http2, event):
        headers = dict(event.headers)
        with self.lock:
            self.asked.append((headers[":path"], headers))
        page = self.pages.get(headers[":path"], (404, {}, b"nothing here"))
        if isinstance(page, str):
            getattr(self, f"_{page}")(tls, http2, event.stream_id)
            return
        status, own, body = page
        for asks, says in (("if-none-match", "etag"), ("if-modified-since", "last-modified")):
            if asks in headers and headers[asks] == own.get(says):
                status, body = 304, b""
        self._send(http2, event.stream_id, status, {"content-length": str(len(body)), **own}, body)

    def _send(self, http2, stream, status, headers, body):
        http2.send_headers(stream, [(":status", str(status)), *headers.items()], end_stream=not body)
        for at in range(0, len(body), 16_000):
            http2.send_data(stream, body[at:at + 16_000], end_stream=at + 16_000 >= len(body))

    def _reset(self, tls, http2, stream):
        http2.reset_stream(stream, ErrorCodes.INTERNAL_ERROR)

    def _goaway(self, tls, http2, stream):
        http2.close_connection(last_stream_id=0)
        tls.sendall(http2.data_to_send())
        self._hangup(tls, http2, stream)

    def _hangup(self, tls, http2, stream):
        tls.shutdown(socket.SHUT_WR)
        while tls.recv(65536):  # what the client still sends: to close before would reset the connection
            pass
        raise OSError

    def _garbage(self, tls, http2, stream):
        tls.sendall(b"HTTP/1.1 200 OK\r\n\r\n" * 20)

    def _short(self, tls, http2, stream):
        self._send(http2, stream, 200, {"content-length": "100"}, b"half")

    def _silent(self, tls, http2, stream):
        pass
