"""ARI's JSON to plain data. Pure, and total: any input gives an event or an ``InputError``, nothing else.

Asterisk is trusted, what it repeats is not: names, numbers and variables come from whoever calls. An identifier that is
malformed makes the message worthless and it is refused; a malformed text is emptied, so that a hostile header costs the
caller their display name and not the call.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import structlog

from bot.errors import InputError
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

log = structlog.get_logger(__name__)

MAX_MESSAGE_BYTES = 131_072
"""An event holds a few channels of under 1 kB each, and the variables we asked for."""
_MAX_ID = 256
_MAX_TEXT = 2_048
_MAX_ITEMS = 256
_KEYS = frozenset("0123456789*#ABCD")

Json = Mapping[str, Any]


def parse_event(data: str | bytes) -> AriEvent:
    """One message of the events socket.

    Raises:
        InputError: over ``MAX_MESSAGE_BYTES``, not UTF-8, not JSON, or without what such an event must have. The text
            says what is wrong and repeats nothing that was received.
    """
    if len(data) > MAX_MESSAGE_BYTES:
        raise InputError("ARI message too long")
    try:
        message = json.loads(data)
    except (ValueError, RecursionError) as err:
        raise InputError("ARI message is not JSON") from err
    event = _object(message, "message")
    kind = _identifier(event, "type")
    parser = _EVENTS.get(kind)
    return parser(event) if parser else UnknownEvent(kind)


def parse_channel(data: object) -> Channel:
    """A channel, alone or within an event.

    Raises:
        InputError: not an object, or its id, name or state is missing or malformed.
    """
    channel = _object(data, "channel")
    caller = _part(channel, "caller")
    connected = _part(channel, "connected")
    dialplan = _part(channel, "dialplan")
    return Channel(
        id=_identifier(channel, "id"),
        name=_text(channel, "name"),
        state=_identifier(channel, "state"),
        caller_number=_text(caller, "number"),
        caller_name=_text(caller, "name"),
        connected_number=_text(connected, "number"),
        context=_text(dialplan, "context"),
        exten=_text(dialplan, "exten"),
        variables=_variables(channel.get("channelvars")),
        created=_moment(channel.get("creationtime")),
    )


def parse_bridge(data: object) -> Bridge:
    """A bridge.

    Raises:
        InputError: not an object, or its id is missing or malformed.
    """
    bridge = _object(data, "bridge")
    return Bridge(
        id=_identifier(bridge, "id"),
        name=_text(bridge, "name"),
        kind=_text(bridge, "bridge_type"),
        channels=_identifiers(bridge.get("channels")),
        creator=_text(bridge, "creator"),
        created=_moment(bridge.get("creationtime")),
    )


def parse_playback(data: object) -> Playback:
    """A playback.

    Raises:
        InputError: not an object, or its id, target or state is missing or malformed.
    """
    playback = _object(data, "playback")
    return Playback(
        id=_identifier(playback, "id"),
        target=_identifier(playback, "target_uri"),
        state=_identifier(playback, "state"),
        media=_text(playback, "media_uri"),
    )


def parse_application(data: object) -> Application:
    """An application.

    Raises:
        InputError: not an object, or its name is missing or malformed.
    """
    application = _object(data, "application")
    return Application(
        name=_identifier(application, "name"),
        channels=_identifiers(application.get("channel_ids")),
        bridges=_identifiers(application.get("bridge_ids")),
    )


def _stasis_start(event: Json) -> StasisStart:
    replaced = event.get("replace_channel")
    return StasisStart(
        channel=parse_channel(event.get("channel")),
        args=_texts(event.get("args")),
        replaced=None if replaced is None else parse_channel(replaced),
    )


def _dtmf(event: Json) -> ChannelDtmfReceived:
    digit = event.get("digit")
    if not isinstance(digit, str) or digit not in _KEYS or len(digit) != 1:
        raise InputError("ARI message: digit is malformed")
    return ChannelDtmfReceived(
        channel=parse_channel(event.get("channel")),
        digit=digit,
        duration_ms=_whole(event, "duration_ms") or 0,
    )


def _hangup_request(event: Json) -> ChannelHangupRequest:
    return ChannelHangupRequest(
        channel=parse_channel(event.get("channel")),
        cause=_whole(event, "cause"),
        soft=event.get("soft") is True,
    )


def _destroyed(event: Json) -> ChannelDestroyed:
    return ChannelDestroyed(
        channel=parse_channel(event.get("channel")),
        cause=_whole(event, "cause") or 0,
        cause_text=_text(event, "cause_txt"),
        tech_cause=_whole(event, "tech_cause"),
    )


def _dial(event: Json) -> Dial:
    caller = event.get("caller")
    return Dial(
        peer=parse_channel(event.get("peer")),
        status=_text(event, "dialstatus"),
        caller=None if caller is None else parse_channel(caller),
    )


_EVENTS: Mapping[str, Callable[[Json], AriEvent]] = {
    "StasisStart": _stasis_start,
    "StasisEnd": lambda e: StasisEnd(parse_channel(e.get("channel"))),
    "ChannelStateChange": lambda e: ChannelStateChange(parse_channel(e.get("channel"))),
    "ChannelDtmfReceived": _dtmf,
    "ChannelHangupRequest": _hangup_request,
    "ChannelDestroyed": _destroyed,
    "Dial": _dial,
    "PlaybackStarted": lambda e: PlaybackStarted(parse_playback(e.get("playback"))),
    "PlaybackFinished": lambda e: PlaybackFinished(parse_playback(e.get("playback"))),
    "ChannelEnteredBridge": lambda e: ChannelEnteredBridge(
        parse_bridge(e.get("bridge")), parse_channel(e.get("channel"))
    ),
    "ChannelLeftBridge": lambda e: ChannelLeftBridge(
        parse_bridge(e.get("bridge")), parse_channel(e.get("channel"))
    ),
    "BridgeDestroyed": lambda e: BridgeDestroyed(parse_bridge(e.get("bridge"))),
    "ApplicationReplaced": lambda e: ApplicationReplaced(_text(e, "application")),
}


def _object(data: object, what: str) -> Json:
    if not isinstance(data, dict):
        raise InputError(f"ARI message: {what} is not an object")
    return data


def _part(data: Json, key: str) -> Json:
    """An object within another; none is as good as an empty one."""
    part = data.get(key)
    return part if isinstance(part, dict) else {}


def _identifier(data: Json, key: str) -> str:
    value = data.get(key)
    if not isinstance(value, str) or not value or len(value) > _MAX_ID or not value.isprintable():
        raise InputError(f"ARI message: {key} is malformed")
    return value


def _identifiers(data: object) -> tuple[str, ...]:
    if data is None:
        return ()
    if not isinstance(data, list):
        raise InputError("ARI message: a list of ids is malformed")
    return tuple(_identifier({"id": item}, "id") for item in data)


def _text(data: Json, key: str) -> str:
    return _clean(data.get(key, ""), key)


def _texts(data: object) -> tuple[str, ...]:
    """A list whose places matter: a malformed item is emptied, not left out."""
    if not isinstance(data, list):
        return ()
    return tuple(_clean(item, "args") for item in data[:_MAX_ITEMS])


def _variables(data: object) -> dict[str, str]:
    if not isinstance(data, dict):
        return {}
    items = list(data.items())[:_MAX_ITEMS]
    return {key: _clean(value, "channelvars") for key, value in items if _usable(key) and len(key) <= _MAX_ID}


def _clean(value: object, key: str) -> str:
    if isinstance(value, str) and _usable(value):
        return value
    log.warning("ARI field refused", field=key)
    return ""


def _usable(value: str) -> bool:
    return len(value) <= _MAX_TEXT and value.isprintable()


def _whole(data: Json, key: str) -> int | None:
    value = data.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _moment(data: object) -> datetime | None:
    try:
        return datetime.fromisoformat(data) if isinstance(data, str) else None
    except ValueError:
        return None
