"""Forking: every visitor gets a process, a copy of this one."""

import os
import socket
import sys

from work import work

server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    visitor, address = server.accept()
    if os.fork() == 0:                       # 0: we are the copy
        request = visitor.recv(4096)
        visitor.sendall(work(request))
        os._exit(0)                          # the copy has done its work
    visitor.close()                          # the copy has this connection; we go back to the port
    os.waitpid(-1, os.WNOHANG)               # clear away one copy that has ended
