"""pipecat's SmallWebRTC connection, with what a public door needs changed.

Read in pipecat 1.14.0, ``transports/smallwebrtc/connection.py``; each override says what it replaces and why.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from aiortc import RTCDataChannel, RTCIceServer
from pipecat.transports.smallwebrtc.connection import SmallWebRTCConnection

from media.webrtc.audio_out import OutboundAudio, OutboundTrack


class DoorConnection(SmallWebRTCConnection):
    """One caller's peer connection. ``on_channel`` gets the data channels the caller opens."""

    def __init__(
        self,
        *,
        ice_servers: Sequence[RTCIceServer],
        audio: OutboundAudio,
        on_channel: Callable[[RTCDataChannel], None],
        on_released: Callable[[], None],
    ) -> None:
        self._audio = audio
        self._on_channel = on_channel
        self._on_released = on_released
        super().__init__(ice_servers=list(ice_servers))

    def _setup_listeners(self) -> None:
        """Replace pipecat's data channel handler.

        It parses messages of any length and number, writes them whole into the log when they are wrong, queues
        them without bound while the pipeline starts, and lets the text ``ping`` decide whether we are connected.
        """
        super()._setup_listeners()
        self._pc.remove_all_listeners("datachannel")
        self._pc.on("datachannel", self._on_channel)

    def _monitoring_connecting_state(self) -> None:
        """No timeout here: the door's watchdog has it.

        pipecat's timeout task closes the peer; closing changes the state, and the state handler cancels the
        timeout task: itself, in the middle of ``RTCPeerConnection.close()``, which then never completes.
        """

    def _start_data_channel_timeout(self) -> None:
        """No timeout and no queue here: the door keeps what is to be sent."""

    def send_app_message(self, message: Any) -> None:
        """Nothing: the only messages to the page are the door's own events (no RTVI, no signalling)."""

    def video_input_track(self) -> None:
        """No camera at this door (pipecat's own warns at every connection)."""

    def screen_video_input_track(self) -> None:
        """No screen at this door."""

    def replace_audio_track(self, track: Any) -> None:
        """Send our paced audio instead of the ``RawAudioTrack`` that pipecat has just made."""
        track.stop()
        super().replace_audio_track(OutboundTrack(self._audio))

    async def disconnect(self) -> None:
        """The pipeline is through with us: tell the door, which closes once the last event is delivered.

        pipecat closes the peer here, and ``call_ended`` would be lost with it.
        """
        self._on_released()

    async def close(self) -> None:
        """Close the peer and everything it holds. May be called again."""
        renegotiation = getattr(self, "_renegotiation_task", None)
        if renegotiation is not None:
            renegotiation.cancel()
        await self._close()
