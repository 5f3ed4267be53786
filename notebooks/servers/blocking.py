"""Blocking: one visitor at a time. The others wait in the queue of the port."""

import socket
import sys
from contextlib import suppress

from work import work

server = socket.create_server(("127.0.0.1", int(sys.argv[1])))  # open a port
while True:
    visitor, address = server.accept()                          # wait on it
    with visitor, suppress(ConnectionError):                    # a visitor may leave early
        request = visitor.recv(4096)
        visitor.sendall(work(request))                          # work, answer
