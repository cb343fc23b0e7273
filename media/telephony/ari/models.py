"""What Asterisk says over ARI, as plain data: channels, bridges, and the events of the events socket.

What could identify a caller (numbers, names, keys, variables) is left out of every ``repr``: an event may be logged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Channel:
    """One leg.

    ``state``: ``Down``, ``Rsrvd``, ``OffHook``, ``Dialing``, ``Ring``, ``Ringing``, ``Up``, ``Busy``…
    ``caller_number``, ``connected_number``: as the other side wrote them, empty when unknown or malformed.
    ``context``, ``exten``: where the channel is, or was, in the dialplan; ``exten`` is the number that was called.
    ``variables``: those that ``channelvars`` in ``ari.conf`` names. ``created``: by Asterisk's clock.
    """

    id: str
    name: str
    state: str
    caller_number: str = field(default="", repr=False)
    caller_name: str = field(default="", repr=False)
    connected_number: str = field(default="", repr=False)
    context: str = ""
    exten: str = field(default="", repr=False)
    variables: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)
    created: datetime | None = None


@dataclass(frozen=True)
class Bridge:
    """Channels mixed together. ``channels``: their ids. ``kind``: ``mixing`` or ``holding``. ``creator``: ``Stasis``
    for those made over ARI."""

    id: str
    name: str
    kind: str
    channels: tuple[str, ...] = ()
    creator: str = ""
    created: datetime | None = None


@dataclass(frozen=True)
class Playback:
    """A sound being played. ``target``: ``channel:<id>`` or ``bridge:<id>``. ``state``: ``queued``, ``playing``,
    ``done``, ``failed``…"""

    id: str
    target: str
    state: str
    media: str = ""


@dataclass(frozen=True)
class Application:
    """A Stasis application and the ids of what it holds.

    One that nobody serves any longer is listed all the same while it holds a channel: that it is listed says nothing
    about the bot.
    """

    name: str
    channels: tuple[str, ...] = ()
    bridges: tuple[str, ...] = ()


@dataclass(frozen=True)
class StasisStart:
    """A channel came under our control. ``replaced``: the channel whose place it took, on a transfer."""

    channel: Channel
    args: tuple[str, ...] = field(default=(), repr=False)
    replaced: Channel | None = None


@dataclass(frozen=True)
class StasisEnd:
    """A channel left our control: it hung up, or went on in the dialplan.

    For a channel that came in by the dialplan this is the last we hear of it: ``ChannelDestroyed`` comes for those that
    we made.
    """

    channel: Channel


@dataclass(frozen=True)
class ChannelStateChange:
    """``channel.state`` is new: ``Ringing``, ``Up``…"""

    channel: Channel


@dataclass(frozen=True)
class ChannelDtmfReceived:
    """A key was released. ``digit``: ``0``–``9``, ``*``, ``#``, ``A``–``D``; never to be logged."""

    channel: Channel
    digit: str = field(repr=False)
    duration_ms: int = 0


@dataclass(frozen=True)
class ChannelHangupRequest:
    """Somebody asked that the channel end; its end follows. ``cause``: Q.850."""

    channel: Channel
    cause: int | None = None
    soft: bool = False


@dataclass(frozen=True)
class ChannelDestroyed:
    """A channel that we made is no more.

    ``cause``: Q.850 (16 normal, 17 busy, 19 no answer, 21 declined…), 0 when unknown. ``tech_cause``: the SIP status,
    where one was given.
    """

    channel: Channel
    cause: int
    cause_text: str = ""
    tech_cause: int | None = None


@dataclass(frozen=True)
class Dial:
    """How dialling ``peer`` goes. ``status``: empty at its beginning, then ``RINGING``, ``PROGRESS``, ``ANSWER``,
    ``BUSY``, ``NOANSWER``, ``CANCEL``, ``CONGESTION``, ``CHANUNAVAIL``."""

    peer: Channel
    status: str
    caller: Channel | None = None


@dataclass(frozen=True)
class PlaybackStarted:
    """A sound begins to be heard."""

    playback: Playback


@dataclass(frozen=True)
class PlaybackFinished:
    """A sound ended, or was stopped, or could not be played (``playback.state`` is ``failed``)."""

    playback: Playback


@dataclass(frozen=True)
class ChannelEnteredBridge:
    """``bridge.channels`` is as it stands after."""

    bridge: Bridge
    channel: Channel


@dataclass(frozen=True)
class ChannelLeftBridge:
    """``bridge.channels`` is as it stands after."""

    bridge: Bridge
    channel: Channel


@dataclass(frozen=True)
class BridgeDestroyed:
    """The bridge is no more."""

    bridge: Bridge


@dataclass(frozen=True)
class ApplicationReplaced:
    """Another process took our application: it gets the events from now on."""

    application: str


@dataclass(frozen=True)
class UnknownEvent:
    """An event that nobody here needs, or a newer Asterisk's."""

    type: str


AriEvent = (
    StasisStart
    | StasisEnd
    | ChannelStateChange
    | ChannelDtmfReceived
    | ChannelHangupRequest
    | ChannelDestroyed
    | Dial
    | PlaybackStarted
    | PlaybackFinished
    | ChannelEnteredBridge
    | ChannelLeftBridge
    | BridgeDestroyed
    | ApplicationReplaced
    | UnknownEvent
)
