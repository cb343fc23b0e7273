"""An async client of Asterisk's REST interface (ARI): orders over HTTP, typed events over a WebSocket that is kept.

``AriClient`` is the door; ``docs/telephone.md#ari`` says what its owner has to do.
"""

from media.telephony.ari.client import AriClient, HangupReason, RefusedError
from media.telephony.ari.models import (
    Application,
    ApplicationReplaced,
    AriEvent,
    Bridge,
    BridgeDestroyed,
    Channel,
    ChannelDestroyed,
    ChannelDtmfReceived,
    ChannelEnteredBridge,
    ChannelHangupRequest,
    ChannelLeftBridge,
    ChannelStateChange,
    Dial,
    Playback,
    PlaybackFinished,
    PlaybackStarted,
    StasisEnd,
    StasisStart,
    UnknownEvent,
)
from media.telephony.ari.settings import AriSettings

__all__ = [
    "Application", "ApplicationReplaced", "AriClient", "AriEvent", "AriSettings", "Bridge",
    "BridgeDestroyed", "Channel", "ChannelDestroyed", "ChannelDtmfReceived", "ChannelEnteredBridge",
    "ChannelHangupRequest", "ChannelLeftBridge", "ChannelStateChange", "Dial", "HangupReason",
    "Playback", "PlaybackFinished", "PlaybackStarted", "RefusedError", "StasisEnd", "StasisStart",
    "UnknownEvent",
]  # fmt: skip
