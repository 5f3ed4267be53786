"""A web server that misbehaves on demand, and counts what it did.

    GET /reset?every=5&tag=a     every fifth request of this exact target is reset, the others are good
    GET /ok?ms=20                every answer takes 20 ms
    GET /counts                  what was done so far, by target, as JSON

One thread a connection, blocking sockets. It prints its port, and ends with its standard input.

    faulty_server.py                            plain HTTP
    faulty_server.py CERTIFICATE [OPTION …]     over TLS, with the certificate and the key of this file

Options: `curve=NAME` takes no key exchange but this one, `tls1.2` no newer protocol, `silent_handshake` never answers a
ClientHello, `hangup_handshake` hangs up instead, `plain_handshake` answers in plain HTTP.
"""

import json
import socket
import ssl
import sys
import threading
import time
from collections import defaultdict
from urllib.parse import parse_qsl, urlsplit

import faulty_answers
from faulty_answers import Hangup, answer, frozen

lock = threading.Lock()
context = None  # of TLS
counts = defaultdict(lambda: {"requests": 0, "faults": 0, "connections": 0, "service_ns": []})


def serve(conn):
    """One connection, from its first request to its end."""
    buffer, first = b"", True
    try:
        conn = secured(conn)
        while True:
            while b"\r\n\r\n" not in buffer:
                data = conn.recv(65536)
                if not data:
                    return
                buffer += data
            head, _, buffer = buffer.partition(b"\r\n\r\n")
            target = head.split(b" ")[1].decode()
            parts = urlsplit(target)
            query = dict(parse_qsl(parts.query))
            query["close"] = (b"connection: close" in head.lower()
                              or b"HTTP/1.0" in head and b"keep-alive" not in head.lower())
            if parts.path == "/counts":
                conn.sendall(answer(json.dumps(counts).encode(), close=True))
                return
            if parts.path != "/early":
                buffer = read_body(conn, head, buffer)
            one_request(conn, parts.path[1:], target, query, first, head.decode("latin-1").split("\r\n"))
            first = False
            if query["close"]:
                return
    except (Hangup, OSError):
        pass
    finally:
        conn.close()


def one_request(conn, name, target, query, first, head_lines):
    begin = time.monotonic_ns()
    with lock:
        count = counts[target]
        count["requests"] += 1
        count["connections"] += first
        if name == "head":
            count["head"] = head_lines
        faulty = count["requests"] % int(query.get("every", 1)) == 0
        count["faults"] += faulty
    if name == "freeze" and not faulty:
        with frozen:
            pass
    time.sleep(float(query.get("ms", 0)) / 1000)
    getattr(faulty_answers, name or "ok")(conn, query) if faulty else faulty_answers.ok(conn, query)
    with lock:
        count["service_ns"].append(time.monotonic_ns() - begin)


def read_body(conn, head, buffer):
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            n_bytes = int(line.partition(b":")[2])
            while len(buffer) < n_bytes:
                buffer += conn.recv(65536)
            return buffer[n_bytes:]
    return buffer


def secured(conn):
    """The connection, after the TLS handshake if there is to be one."""
    if context is None:
        return conn
    if "silent_handshake" in sys.argv:
        faulty_answers.silent(conn, {})
    if "plain_handshake" in sys.argv or "hangup_handshake" in sys.argv:
        conn.recv(65536)
        if "plain_handshake" in sys.argv:
            conn.sendall(answer(status=400, close=True))
        raise Hangup
    return context.wrap_socket(conn, server_side=True)


def tls_context(certificate, *options):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate)
    for option in options:
        if option.startswith("curve="):
            made.set_ecdh_curve(option.removeprefix("curve="))
    if "tls1.2" in options:
        made.maximum_version = ssl.TLSVersion.TLSv1_2
    return made


def main():
    global context
    context = tls_context(*sys.argv[1:]) if sys.argv[1:] else None
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    print(listener.getsockname()[1], flush=True)
    threading.Thread(target=accept, args=(listener,), daemon=True).start()
    sys.stdin.read()


def accept(listener):
    while True:
        conn, _ = listener.accept()
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(conn,), daemon=True).start()


if __name__ == "__main__":
    main()
