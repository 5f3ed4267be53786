"""Mixed: two processes with eight threads each, all on one port. So gunicorn's gthread serves."""

import os
import socket
import sys
from contextlib import suppress
from threading import Thread

from work import work


def serve():
    while True:
        visitor, address = server.accept()
        with visitor, suppress(ConnectionError):
            request = visitor.recv(4096)
            visitor.sendall(work(request))


server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
os.fork()                                    # from here on there are two of us
for _ in range(8):
    Thread(target=serve).start()             # whoever is free takes the next visitor
