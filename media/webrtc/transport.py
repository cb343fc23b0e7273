"""pipecat's SmallWebRTC transport over a :class:`~media.webrtc.connection.DoorConnection`."""

from __future__ import annotations

from typing import Any

from pipecat.frames.frames import Frame, InputAudioRawFrame, InterruptionFrame, OutputAudioRawFrame
from pipecat.processors.frame_processor import FrameDirection
from pipecat.transports.base_transport import TransportParams
from pipecat.transports.smallwebrtc.transport import (
    SmallWebRTCClient,
    SmallWebRTCInputTransport,
    SmallWebRTCOutputTransport,
    SmallWebRTCTransport,
)

from media.webrtc.audio_out import FRAME_MS
from media.webrtc.board import Board
from media.webrtc.connection import DoorConnection

END_SILENCE_S = 1
"""Silence after the last word, in seconds: it carries the goodbye through the caller's jitter buffer."""


class DoorInput(SmallWebRTCInputTransport):
    """What the caller says, to whoever hears them: the bot, or an agent."""

    def __init__(self, client: SmallWebRTCClient, params: TransportParams, board: Board) -> None:
        super().__init__(client, params)
        self._board = board

    async def push_audio_frame(self, frame: InputAudioRawFrame) -> None:
        """See pipecat."""
        if self._board.caller_says(frame.audio):
            await super().push_audio_frame(frame)


class DoorOutput(SmallWebRTCOutputTransport):
    """Says to whoever hears the bot, paced, and falls silent at once when it is interrupted."""

    def __init__(self, client: SmallWebRTCClient, params: TransportParams, board: Board) -> None:
        super().__init__(client, params)
        self._board = board

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Flush before pipecat resets its own queue, which leaves alone what the track already holds."""
        if isinstance(frame, InterruptionFrame):
            await self._board.cut_bot()
        await super().process_frame(frame, direction)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        """Write, waiting while the caller is not connected (yet, or for a moment).

        pipecat's own returns ``False`` at once then, and a greeting or half a sentence is dropped at full speed.
        """
        if self._client.is_closing:
            return False
        await self._board.bot_says(frame.audio)
        return True


class DoorTransport(SmallWebRTCTransport):
    """Audio both ways at the board's rate.

    Events as in pipecat: ``on_client_connected`` (once: not again when a call is resumed) and
    ``on_client_disconnected`` (not when the pipeline ended by itself).
    """

    def __init__(self, connection: DoorConnection, board: Board, *, write_timeout_s: float) -> None:
        super().__init__(
            connection,
            TransportParams(
                audio_in_enabled=True,
                audio_in_sample_rate=board.sample_rate,
                audio_out_enabled=True,
                audio_out_sample_rate=board.sample_rate,
                audio_out_10ms_chunks=FRAME_MS // 10,
                audio_out_end_silence_secs=END_SILENCE_S,
                audio_out_write_timeout_secs=write_timeout_s,
            ),
        )
        self._board = board
        self._door_input: DoorInput | None = None
        self._door_output: DoorOutput | None = None
        self._greeted = False

    def input(self) -> DoorInput:
        """The input processor, made once."""
        if self._door_input is None:
            self._input = self._door_input = DoorInput(self._client, self._params, self._board)
        return self._door_input

    def output(self) -> DoorOutput:
        """The output processor, made once."""
        if self._door_output is None:
            self._output = self._door_output = DoorOutput(self._client, self._params, self._board)
        return self._door_output

    async def _on_client_connected(self, webrtc_connection: Any) -> None:
        if self._greeted:
            return
        self._greeted = True
        await super()._on_client_connected(webrtc_connection)
