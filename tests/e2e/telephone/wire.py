"""A wire between two programs that a test can cut: TCP, in a thread of its own, so that no busy test delays it."""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType

_START_TIMEOUT_S = 5.0


class Wire:
    """Carries 127.0.0.1:``port`` to 127.0.0.1:``target`` until it is cut; to be entered with ``with``."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="wire", daemon=True)
        self._open: set[asyncio.StreamWriter] = set()
        self._listening = threading.Event()
        self._whole = True
        self.port = 0

    def __enter__(self) -> Wire:
        self._thread.start()
        if not self._listening.wait(_START_TIMEOUT_S):
            raise TimeoutError("the wire does not start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_START_TIMEOUT_S)
        self._loop.close()

    def cut(self) -> None:
        """Every connection breaks, with a reset; new ones too, until it is mended."""
        self._loop.call_soon_threadsafe(self._cut)

    def mend(self) -> None:
        """New connections go through again."""
        self._whole = True

    def _cut(self) -> None:
        self._whole = False
        for writer in list(self._open):
            writer.transport.abort()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._carry, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        self._loop.run_forever()
        server.close()
        for task in (tasks := asyncio.all_tasks(self._loop)):
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._whole:
            writer.transport.abort()
            return
        try:
            back, forth = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, forth}
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_pump(reader, forth), name="forth")
                group.create_task(_pump(back, writer), name="back")
        finally:
            for one in (writer, forth):
                self._open.discard(one)
                one.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.transport.abort()
