"""Threading: every visitor gets a thread of this one process."""

import socket
import sys
from threading import Thread

from work import work


def serve(visitor):
    with visitor:
        request = visitor.recv(4096)
        visitor.sendall(work(request))


server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    visitor, address = server.accept()
    Thread(target=serve, args=[visitor]).start()  # it serves; we go back to the port
