"""What every server of this folder does for a visitor. They differ only in what the others do meanwhile."""

import os
import threading
import time

WAIT_S = 0.05      # as a database or another site would keep us waiting
NUMBERS = 100_000  # a few milliseconds of pure Python


def compute():
    """Work for the processor: no waiting, no library in C."""
    return sum(number * number for number in range(NUMBERS))


def work(request):
    """Do what the request asks for, and return the answer."""
    if request.startswith(b"GET /wait "):
        time.sleep(WAIT_S)
    else:
        compute()
    return answer()


def answer():
    """A small page that says who made it, as HTTP/1.1 wants it."""
    page = f"process {os.getpid()}, {threading.current_thread().name}: done\n"
    return ("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
            f"Content-Length: {len(page)}\r\nConnection: close\r\n\r\n{page}").encode()
