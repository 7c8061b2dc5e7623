"""One address for several brokers, on 127.0.0.1."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
import threading
from typing import Final, Self

from .broker import BrokerAddress
from .process import LOCALHOST

_CHUNK_BYTES: Final = 65_536
_CLOSE_SECONDS: Final = 10


class Balancer:
    """A load balancer: the address of a cluster.

    Each connection is passed on to the first broker that accepts it.
    """

    def __init__(self, brokers: Sequence[BrokerAddress]) -> None:
        """Choose the brokers, the preferred one first."""
        self._brokers = brokers
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        """Accept connections."""
        self._thread.start()
        opening = asyncio.start_server(self._connected, LOCALHOST, 0)
        self._server = asyncio.run_coroutine_threadsafe(opening, self._loop).result()
        port = self._server.sockets[0].getsockname()[1]
        self.address = BrokerAddress(
            host=LOCALHOST, port=port, protocol=self._brokers[0].protocol
        )
        return self

    def __exit__(self, *_: object) -> None:
        """Close all connections."""
        closing = asyncio.run_coroutine_threadsafe(self._close(), self._loop)
        closing.result(_CLOSE_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Pass a connection on until either side closes it."""
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        with suppress(OSError, asyncio.CancelledError):
            for broker in self._brokers:
                with suppress(OSError):
                    broker_reader, broker_writer = await asyncio.open_connection(
                        broker.host, broker.port
                    )
                    break
            else:
                writer.close()
                return
            try:
                await asyncio.wait(
                    [
                        asyncio.ensure_future(_pass_on(reader, broker_writer)),
                        asyncio.ensure_future(_pass_on(broker_reader, writer)),
                    ],
                    return_when=asyncio.FIRST_COMPLETED,
                )
            finally:
                broker_writer.close()
                writer.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Write what is read until the end."""
    with suppress(OSError):
        while data := await reader.read(_CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
