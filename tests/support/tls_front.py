"""TLS in front of a port that speaks none, as a proxy before a server's REST API does it."""

from __future__ import annotations

import asyncio
import ssl
import threading
from contextlib import suppress
from pathlib import Path

CERTIFICATES = Path(__file__).parents[1] / "certificates"


class TlsFront:
    """Takes TLS connections on a free port and passes what they carry on; ended by leaving the block."""

    def __init__(self, address: str, client_ca: Path | None = None) -> None:
        """Stand before `address`; with `client_ca`, take only clients with a certificate that it has signed."""
        self._host, _, port = address.rpartition(":")
        self._port = int(port)
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(CERTIFICATES / "server.pem", CERTIFICATES / "server-key.pem")
        if client_ca is not None:
            self._context.load_verify_locations(client_ca)
            self._context.verify_mode = ssl.CERT_REQUIRED
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server
        self.port = 0

    def __enter__(self) -> TlsFront:
        """Listen."""
        self._thread.start()
        listening = asyncio.start_server(self._pass_on, "127.0.0.1", 0, ssl=self._context)
        self._server = asyncio.run_coroutine_threadsafe(listening, self._loop).result(10)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    def __exit__(self, *_: object) -> None:
        """Close every connection and end."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # transports close their sockets in the loop's next round

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection(self._host, self._port)
        try:
            await asyncio.gather(_copy(reader, inner_writer), _copy(inner_reader, writer), return_exceptions=True)
        finally:
            for one in (inner_writer, writer):
                one.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, ssl.SSLError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()
