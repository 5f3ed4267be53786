"""Connects many visitors to a server at one time, and lets one more ask for a file. Runs on the guest, as root.

A connection that nobody uses costs a server little, but it is an open file of a process, and a place in a table: those
run out long before a processor does.
"""

import resource
import socket
import ssl
import struct
import time

TIMEOUT_S = 3.0
LONGEST_S = 20.0  # a server that takes its time with each visitor is not the one that was expected
RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: nothing is left in TIME_WAIT, where each would keep its port


def connect(port, n_visitors, path, each_asks, tls_name=None):
    """How many visitors a server keeps connected, and what it says to the last one.

    Args:
        port: where the server listens, on this machine.
        n_visitors: with the last one.
        path: what is asked for, with HEAD.
        each_asks: every visitor asks once and stays; otherwise all but the last only connect.
        tls_name: who asks does so over TLS, and asks for this name; None: over plain HTTP.

    Returns:
        connected (how many could), kept (how many of these the server has not closed), status (of the last visitor's
        answer, "" for none), took_s (from the first connection to that answer).

    Example:
        connect(8003, 1000, "/static/site.css", False)
    """
    limits = [max(limit, n_visitors + 64) for limit in resource.getrlimit(resource.RLIMIT_NOFILE)]
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)  # here too a connection is an open file
    request = f"HEAD {path} HTTP/1.1\r\nHost: {tls_name or 'localhost'}\r\n\r\n".encode()
    visitors, status, began = [], "", time.monotonic()
    try:
        for number in range(1, n_visitors + 1):
            if time.monotonic() - began > LONGEST_S:
                raise TimeoutError(f"{number - 1} visitors in {LONGEST_S} s")
            visitors.append(socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S))
            visitors[-1].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
            if each_asks or number == n_visitors:
                if tls_name:
                    visitors[-1] = _over_tls(visitors[-1], tls_name)
                status = _status(visitors[-1], request)
        took_s = time.monotonic() - began
        n_kept = sum(map(_is_open, visitors))
    except OSError:
        status, took_s, n_kept = "", time.monotonic() - began, sum(map(_is_open, visitors))
    finally:
        for visitor in visitors:
            visitor.close()
    return {"connected": len(visitors), "kept": n_kept, "status": status, "took_s": took_s}


def _over_tls(visitor, name):
    """The same connection after the handshake. Whose the certificate is, is the matter of another check."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(visitor, server_hostname=name)


def _status(visitor, request):
    """The status of the answer, once its head is complete."""
    visitor.sendall(request)
    head = b""
    while b"\r\n\r\n" not in head:
        more = visitor.recv(65536)
        if not more:
            raise ConnectionError("closed before the answer")
        head += more
    return head.split(None, 2)[1].decode()


def _is_open(visitor):
    """Whether the server has not closed the connection."""
    visitor.setblocking(False)
    try:
        return visitor.recv(1) != b""
    except (BlockingIOError, ssl.SSLWantReadError):
        return True
    except OSError:
        return False
