"""Makes a server in a real node's own network, first of all its API server, reachable on this machine's loopback.

Usage: ``python -m infra.cluster.forward PORT INNER``: 127.0.0.1:PORT out here is INNER in there, ``address:port``, such
as that of a pod.
"""

import asyncio
import ctypes
import os
import socket
import sys
from contextlib import suppress

from infra.cluster.enclosure import NETWORK_FILE

_CHUNK_BYTES = 1 << 16


def main() -> None:
    """Listen out here, then go in: a socket stays in the network in which it was made."""
    port, inner = sys.argv[1:]
    host, _, inner_port = inner.rpartition(":")
    listener = socket.create_server(("127.0.0.1", int(port)))
    _enter(NETWORK_FILE)
    asyncio.run(_serve(listener, host, int(inner_port)))


def _enter(network: str) -> None:
    # os.setns comes with Python 3.12.
    with open(network) as file:  # noqa: PTH123
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), 0) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), network)


async def _serve(listener: socket.socket, host: str, port: int) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner_reader, inner_writer = await asyncio.open_connection(host, port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_copy(reader, inner_writer), _copy(inner_reader, writer))

    server = await asyncio.start_server(connected, sock=listener)
    await server.serve_forever()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(_CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
    writer.close()


if __name__ == "__main__":
    main()
