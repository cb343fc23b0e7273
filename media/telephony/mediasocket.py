"""One channel of Asterisk as a pipecat transport: its audio in, the bot's voice out as fast as Asterisk may have it.

pipecat's own output sends one packet at a time and takes it for played. Here two things are apart. What is fed is
sent ahead, by a task that asks :class:`~media.telephony.playout.Playout` what may go; pipecat's audio task, one packet
after another, only waits until each begins to be played. So the pipeline learns of a word when the caller hears it
and not when it was sent, a late event loop leaves no hole in a word, and an interruption drops exactly what nobody
heard. The first packet is sent the moment it is there: being ahead costs no time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from fastapi import WebSocket
from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    OutputAudioRawFrame,
    StartFrame,
    TTSStoppedFrame,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.websocket.fastapi import (
    FastAPIWebsocketClient,
    FastAPIWebsocketInputTransport,
    FastAPIWebsocketOutputTransport,
    FastAPIWebsocketParams,
    FastAPIWebsocketTransport,
)

from media.telephony.asterisk import SAMPLE_RATE, AsteriskSerializer
from media.telephony.playout import HANGUP, Playout

log = structlog.get_logger(__name__)

_SEND_WITHIN_S = 5.0
_LAST_WORD_WITHIN_S = 5.0
"""What Asterisk has in hand is played in half a second, or given up after three."""
_TAIL_S = 0.1
"""From the last packet played into a bridge to the last one that has left it."""


class MediaInput(FastAPIWebsocketInputTransport):
    """The caller's side of the socket. It goes on reading after the call's end has come by: Asterisk still has to tell
    how far the goodbye has been played."""

    _over = False

    async def stop(self, frame: EndFrame) -> None:
        """See pipecat."""
        self._over = True
        await BaseInputTransport.stop(self, frame)

    async def push_audio_frame(self, frame: InputAudioRawFrame) -> None:
        """See pipecat. Nobody listens any more once the end has come by."""
        if not self._over:
            await super().push_audio_frame(frame)

    async def close(self) -> None:
        """Read no more."""
        await self._teardown()


class MediaOutput(FastAPIWebsocketOutputTransport):
    """The bot's side of the socket. ``stop_reading()``: the last word has been heard, Asterisk has no more to say."""

    def __init__(
        self,
        transport: FastAPIWebsocketTransport,
        client: FastAPIWebsocketClient,
        params: FastAPIWebsocketParams,
        stop_reading: Callable[[], Awaitable[None]],
    ) -> None:
        super().__init__(transport, client, params)
        self._stop_reading = stop_reading
        self._playout = Playout()
        self._news = asyncio.Event()
        self._sender: asyncio.Task[None] | None = None

    def take(self, event: Mapping[str, Any]) -> None:
        """An event of Asterisk about the voice."""
        self._playout.take(event, self._now())
        self._tell()

    def lost(self) -> None:
        """The socket is gone. What waits will not be heard, and Asterisk tells no more how far it has come."""
        self._playout.flush()
        self._tell()

    async def start(self, frame: StartFrame) -> None:
        """See pipecat."""
        await super().start(frame)
        if self._sender is None:
            self._sender = self.create_task(self._send_forever(), name="voice-sender")

    async def stop(self, frame: EndFrame) -> None:
        """See pipecat. The channel is hung up when the last word has been heard to its end."""
        await BaseOutputTransport.stop(self, frame)
        try:
            async with asyncio.timeout(_LAST_WORD_WITHIN_S):
                while self._client.is_connected and not self._playout.drained:
                    await self._wait(None)
        except TimeoutError:
            log.warning("last word not heard out")
        await asyncio.sleep(_TAIL_S)
        await self._stop_sender()
        await self._stop_reading()
        await self._send(HANGUP)
        await self._client.disconnect()

    async def cancel(self, frame: CancelFrame) -> None:
        """See pipecat."""
        await self._stop_sender()
        await super().cancel(frame)

    async def cleanup(self) -> None:
        """See pipecat."""
        await self._stop_sender()
        await super().cleanup()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """See pipecat. On an interruption Asterisk is told before anybody here: it acts within one packet."""
        match frame:
            case InterruptionFrame():
                await self._flush()
            case OutputAudioRawFrame():
                self._playout.feed(frame.audio)
                self._tell()
            case TTSStoppedFrame():
                self._playout.end()
                self._tell()
        await super().process_frame(frame, direction)
        if isinstance(frame, InterruptionFrame):
            await self._flush()  # what was being fed while pipecat stopped its tasks

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        """Wait until this packet, sent before, begins to be played; False when it was flushed instead."""
        place = self._playout.follow()
        if place is None:
            return False
        while self._client.is_connected and not self._client.is_closing:
            if self._playout.is_gone(place):
                return False
            due = self._playout.due_s(place, self._now())
            if due <= 0:
                return True
            await self._wait(due)
        return False

    async def _send_forever(self) -> None:
        while True:
            message = self._playout.next(self._now())
            if message is None:
                await self._wait(self._playout.pause_s(self._now()))
            else:
                await self._send(message)
                self._tell()

    async def _flush(self) -> None:
        command = self._playout.flush()
        self._tell()
        if command is not None:
            await self._send(command)

    async def _send(self, message: str | bytes) -> None:
        try:
            async with asyncio.timeout(_SEND_WITHIN_S):
                await self._client.send(message)
        except TimeoutError:
            self._playout.give_up("Asterisk does not read")

    async def _stop_sender(self) -> None:
        if self._sender is not None:
            await self.cancel_task(self._sender)
            self._sender = None

    def _tell(self) -> None:
        """Wake whoever waits: something may have changed."""
        self._news.set()
        self._news = asyncio.Event()

    async def _wait(self, timeout_s: float | None) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        except TimeoutError:
            pass

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


class MediaTransport(FastAPIWebsocketTransport):
    """pipecat's WebSocket transport with our serializer and both our ends. ``socket``: its ``MEDIA_START`` was read."""

    def __init__(self, socket: WebSocket) -> None:
        params = FastAPIWebsocketParams(
            serializer=AsteriskSerializer(lambda event: self._output.take(event)),
            audio_in_enabled=True,
            audio_out_enabled=True,
            audio_in_sample_rate=SAMPLE_RATE,
            audio_out_sample_rate=SAMPLE_RATE,
            audio_out_10ms_chunks=2,
            audio_out_end_silence_secs=0,
        )
        super().__init__(socket, params)
        self._input: MediaInput = MediaInput(self, self._client, params)
        self._output: MediaOutput = MediaOutput(self, self._client, params, self._input.close)

    def input(self) -> MediaInput:
        """See pipecat."""
        return self._input

    def output(self) -> MediaOutput:
        """See pipecat."""
        return self._output

    async def _on_client_disconnected(self, websocket: WebSocket) -> None:
        """See pipecat. Before anybody is told: an end that is under way must not wait for the last word."""
        self._output.lost()
        await super()._on_client_disconnected(websocket)
