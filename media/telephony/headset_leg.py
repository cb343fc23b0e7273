"""An agent's headset as a leg at Asterisk: its media socket and the headset, each given what comes from the other."""

from __future__ import annotations

import asyncio
from collections import deque

import structlog
from fastapi import WebSocket, WebSocketDisconnect
from pipecat.frames.frames import InputAudioRawFrame

from bot.ports import Headset, HeadsetLeg
from media.telephony.asterisk import AsteriskSerializer
from media.telephony.livefeed import LiveFeed
from media.telephony.playout import HANGUP

log = structlog.get_logger(__name__)

_SEND_WITHIN_S = 5.0
_MAX_WAITING = 100
"""Messages to Asterisk that wait, two seconds: a socket that takes none for longer has stopped."""


async def carry_headset(socket: WebSocket, headset: Headset) -> None:
    """Carry sound both ways until Asterisk ends the leg or the headset is gone; then the other has ended too.

    ``socket``: accepted, its ``MEDIA_START`` was read.

    Raises:
        LineError: the headset is away, or in another call; the socket is as it was.
    """
    feed, outbox, news = LiveFeed(), deque[str | bytes](maxlen=_MAX_WAITING), asyncio.Event()
    gone = asyncio.Event()

    def hear(pcm: bytes) -> None:
        outbox.extend(feed.feed(pcm, asyncio.get_running_loop().time()))
        news.set()

    leg = headset.connect(hear, gone.set)
    serializer = AsteriskSerializer(feed.take)
    tasks = {
        asyncio.create_task(_listen(socket, serializer, leg), name="headset-leg-listen"),
        asyncio.create_task(_send(socket, outbox, news), name="headset-leg-send"),
        asyncio.create_task(gone.wait(), name="headset-leg-gone"),
    }
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await leg.end()
        await _hang_up(socket)
        if feed.dropped:
            log.info("headset ran ahead", packets_dropped=feed.dropped)


async def _listen(socket: WebSocket, serializer: AsteriskSerializer, leg: HeadsetLeg) -> None:
    """Until Asterisk ends the leg."""
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        frame = await serializer.deserialize(message.get("bytes") or message.get("text") or "")
        if isinstance(frame, InputAudioRawFrame):
            leg.play(frame.audio)


async def _send(socket: WebSocket, outbox: deque[str | bytes], news: asyncio.Event) -> None:
    """Until Asterisk takes nothing any more."""
    while True:
        await news.wait()
        news.clear()
        while outbox:
            message = outbox.popleft()
            try:
                async with asyncio.timeout(_SEND_WITHIN_S):
                    if isinstance(message, str):
                        await socket.send_text(message)
                    else:
                        await socket.send_bytes(message)
            except TimeoutError:
                log.warning("headset leg ended", why="Asterisk does not read")
                return
            except (WebSocketDisconnect, RuntimeError):  # Starlette: it has been closed
                return


async def _hang_up(socket: WebSocket) -> None:
    try:
        async with asyncio.timeout(_SEND_WITHIN_S):
            await socket.send_text(HANGUP)
            await socket.close()
    except (TimeoutError, WebSocketDisconnect, RuntimeError):  # it is closed already
        return
