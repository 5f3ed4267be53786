"""Cache servers for the tests: a real one where it is installed, else none but a stand-in."""

import contextlib
import getpass
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.test import override_settings

from programme import settings as site

MEMORY = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
LEVELS = ["fragment", "data", "view"]


def levels(*on: str, store: dict[str, Any] = MEMORY) -> override_settings:
    """Settings in which these levels are on."""
    caches = {level: store if level in on else site.dummy for level in LEVELS}
    return override_settings(CACHE_LEVELS=list(on), CACHES={"default": store} | caches)


def at(kind: str, location: str) -> dict[str, Any]:
    """The site's own settings for a memcached or Redis at this address."""
    return {"memcached": site.memcached, "redis": site.redis}[kind] | {"LOCATION": location}


@contextlib.contextmanager
def server(kind: str) -> Iterator[dict[str, Any]]:
    """The settings of a cache server that runs for the test; of this process's memory where it is not installed."""
    program = shutil.which({"memcached": "memcached", "redis": "redis-server"}[kind])
    if program is None:
        yield MEMORY
        return
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/cache.sock"
        options = {"memcached": ["-u", getpass.getuser(), "-s", path],
                   "redis": ["--port", "0", "--unixsocket", path, "--save", "", "--dir", folder]}
        process = subprocess.Popen([program, *options[kind]], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while not Path(path).exists() and process.poll() is None:
                time.sleep(0.01)
            yield at(kind, f"unix:{path}" if kind == "memcached" else f"unix://{path}")
        finally:
            process.kill()
            process.wait()


@contextlib.contextmanager
def silent_server() -> Iterator[str]:
    """The address of a server that takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@contextlib.contextmanager
def forgetful_server(reply: bytes = b"END\r\n") -> Iterator[tuple[str, list[socket.socket]]]:
    """A memcached that has nothing and says so to everything: its address, and the connections that it has taken."""
    taken = []

    def answer(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while connection.recv(4096):
                connection.sendall(reply)

    def take(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                taken.append(listener.accept()[0])
                threading.Thread(target=answer, args=[taken[-1]], daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=take, args=[listener], daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}", taken
        listener.shutdown(socket.SHUT_RDWR)
        for connection in taken:
            connection.close()
