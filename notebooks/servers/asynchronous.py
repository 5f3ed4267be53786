"""Asynchronous: one process, one thread. Who has to wait says so, and lets the others go on."""

import asyncio
import sys

from work import WAIT_S, answer, compute


async def serve(reader, writer):
    request = await reader.read(4096)
    if request.startswith(b"GET /wait "):
        await asyncio.sleep(WAIT_S)          # the others have their turn meanwhile
    else:
        compute()                             # nobody else has a turn meanwhile
    writer.write(answer())
    writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


asyncio.run(main())
