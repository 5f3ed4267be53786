"""A socket that serves for one connection after the other, and what the server sees of it."""

import socket
import struct
import sys

import pytest
from load_helpers import FaultyServer, load

from deploylab.load import connection
from deploylab.load.reconnect import renew

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux renews a socket")


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(5)
        yield listening


def joined(sock, listening):
    """The server's side of the next connection of this socket."""
    sock.connect(listening.getsockname())
    return listening.accept()


def test_a_renewed_socket_is_another_visitor(listening):
    with socket.socket() as sock:
        first, address = joined(sock, listening)
        with first:
            first.shutdown(socket.SHUT_WR)
            assert sock.recv(1) == b""
            assert renew(sock)
            assert first.recv(1) == b"", "our side ended with a FIN: a RST would be an error here"
        second, another = joined(sock, listening)
        with second:
            assert another != address
            second.sendall(b"good day")
            assert sock.recv(20) == b"good day"


def test_what_nobody_read_does_not_reach_the_next_connection(listening):
    with socket.socket() as sock:
        first, _ = joined(sock, listening)
        with first:
            first.sendall(b"of the first")
            first.shutdown(socket.SHUT_WR)
            assert sock.recv(1, socket.MSG_PEEK)
            assert renew(sock)
        second, _ = joined(sock, listening)
        with second:
            second.sendall(b"of the second")
            assert sock.recv(20) == b"of the second"


def test_a_connection_that_was_reset_cannot_be_renewed(listening):
    with socket.socket() as sock:
        first, _ = joined(sock, listening)
        first.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        first.close()
        with pytest.raises(ConnectionResetError):
            sock.recv(1)
        assert not renew(sock)


@pytest.mark.parametrize("able", [True, False])
def test_the_load_is_the_same_with_renewed_and_with_new_sockets(monkeypatch, able):
    sockets = []
    monkeypatch.setattr(connection, "renew", lambda sock: (sockets.append(sock), able and renew(sock))[1])
    with FaultyServer() as server:
        url = server.url("/ok")
        result = load(url, n_requests=300, concurrency=4, keepalive=False)
        assert (result.n_sent, result.n_ok, result.errors) == (300, 300, {})
        counts = server.counts(url)
        assert (counts["connections"], counts["requests"]) == (300, 300)
    assert sockets
