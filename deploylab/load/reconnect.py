"""Uses the socket of a connection that has ended for a new connection.

Creating and closing a socket for each connection is part of the cost of a short request. Linux can reset an old
socket instead: the next connection has a new port and a new handshake, and the server sees a new visitor.
"""

import ctypes
import socket
import sys

# The standard library's connect() accepts only the socket's own family; this call needs AF_UNSPEC.
_connect = ctypes.PyDLL(None).connect if sys.platform == "linux" else None
_NOWHERE = ctypes.create_string_buffer(bytes(16))  # a sockaddr of the family AF_UNSPEC, which is 0


def renew(sock: socket.socket) -> bool:
    """Close our side of a connection that the server has closed, so that the socket can connect again.

    Our side is closed with a FIN, as `close` does. Otherwise the system would send an RST.

    Returns:
        False if the system cannot do this; then the caller must close the socket.

    Source: connect(2), of the Linux man-pages: "dissolve the association".
    """
    if _connect is None:
        return False
    try:
        sock.shutdown(socket.SHUT_WR)
    except OSError:  # the server has reset it in the meantime
        return False
    return _connect(sock.fileno(), _NOWHERE, len(_NOWHERE)) == 0
