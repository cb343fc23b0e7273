"""Messages as Asterisk 22.10 writes them."""

from __future__ import annotations

from typing import Any

NUMBER = "+33612345678"


def channel(channel_id: str = "c-1", **changes: Any) -> dict[str, Any]:
    """A subscriber's leg."""
    return {
        "id": channel_id,
        "name": "PJSIP/trunk-00000001",
        "state": "Up",
        "protocol_id": "0.123@example.org",
        "caller": {"name": "Jeanne", "number": NUMBER},
        "connected": {"name": "", "number": "3900"},
        "accountcode": "",
        "dialplan": {
            "context": "from-trunk",
            "exten": "3900",
            "priority": 4,
            "app_name": "Stasis",
            "app_data": "decroche,inbound",
        },
        "creationtime": "2026-11-23T00:21:41.843+0000",
        "language": "fr",
        "channelvars": {"DECROCHE_CALL": "k-1"},
    } | changes


def bridge(bridge_id: str = "b-1", *channels: str) -> dict[str, Any]:
    """A mixing bridge."""
    return {
        "id": bridge_id,
        "technology": "simple_bridge",
        "bridge_type": "mixing",
        "bridge_class": "stasis",
        "creator": "Stasis",
        "name": "call",
        "channels": list(channels),
        "creationtime": "2026-11-23T00:21:44.349+0000",
        "video_mode": "talker",
    }


def playback() -> dict[str, Any]:
    """A sound on a channel."""
    return {
        "id": "p-1",
        "media_uri": "sound:news",
        "target_uri": "channel:c-1",
        "language": "fr",
        "state": "playing",
    }


def event(kind: str, **fields: Any) -> dict[str, Any]:
    """Any event."""
    return {
        "type": kind,
        "timestamp": "2026-11-23T00:21:45.000+0000",
        "asterisk_id": "02:fc:00:00:00:01",
        "application": "decroche",
    } | fields


EVENTS: dict[str, dict[str, Any]] = {
    "StasisStart": event("StasisStart", args=["inbound", "x"], channel=channel()),
    "StasisEnd": event("StasisEnd", channel=channel()),
    "ChannelStateChange": event("ChannelStateChange", channel=channel(state="Ringing")),
    "ChannelDtmfReceived": event("ChannelDtmfReceived", digit="#", duration_ms=120, channel=channel()),
    "ChannelHangupRequest": event("ChannelHangupRequest", cause=16, soft=True, channel=channel()),
    "ChannelDestroyed": event(
        "ChannelDestroyed", cause=17, cause_txt="User busy", tech_cause=486, channel=channel()
    ),
    "Dial": event(
        "Dial", dialstatus="RINGING", dialstring="x", forward="", peer=channel("c-2"), caller=channel("c-1")
    ),
    "PlaybackStarted": event("PlaybackStarted", playback=playback()),
    "PlaybackFinished": event("PlaybackFinished", playback=playback() | {"state": "done"}),
    "ChannelEnteredBridge": event("ChannelEnteredBridge", bridge=bridge("b-1", "c-1"), channel=channel()),
    "ChannelLeftBridge": event("ChannelLeftBridge", bridge=bridge("b-1"), channel=channel()),
    "BridgeDestroyed": event("BridgeDestroyed", bridge=bridge()),
    "ApplicationReplaced": event("ApplicationReplaced"),
    "ChannelVarset": event("ChannelVarset", variable="SECRET", value="4321", channel=channel()),
}
"""One of each."""
