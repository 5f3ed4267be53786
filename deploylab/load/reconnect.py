"""A socket whose connection has ended, for a connection of its own again.

To make a socket for each connection, and throw it away, is a part of what a short request costs. Linux can take the
old one back to where it began: the next connection has a port and a handshake of its own, and the server sees a new
visitor.
"""

import ctypes
import socket
import sys

# The standard library's connect() takes no other family than the socket's own, and this call needs none at all.
_connect = ctypes.PyDLL(None).connect if sys.platform == "linux" else None
_NOWHERE = ctypes.create_string_buffer(bytes(16))  # a sockaddr of the family AF_UNSPEC, which is 0


def renew(sock: socket.socket) -> bool:
    """Close our side of a connection that the server has closed, and make the socket fit to connect again.

    Our side is closed first, as `close` closes it: with a FIN. Without it the system would send an RST.

    Returns:
        False where the system cannot; then the socket is to be closed.

    Source: connect(2), of the Linux man-pages: "dissolve the association".
    """
    if _connect is None:
        return False
    try:
        sock.shutdown(socket.SHUT_WR)
    except OSError:  # the server has reset it meanwhile
        return False
    return _connect(sock.fileno(), _NOWHERE, len(_NOWHERE)) == 0
