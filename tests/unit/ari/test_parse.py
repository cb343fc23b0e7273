"""ARI's JSON to plain data: what Asterisk says, and everything else."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import InputError
from media.telephony.ari import (
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
from media.telephony.ari.parse import MAX_MESSAGE_BYTES, parse_application, parse_channel, parse_event
from tests.unit.ari.samples import EVENTS, NUMBER, channel, event

LEG = Channel(
    id="c-1",
    name="PJSIP/trunk-00000001",
    state="Up",
    caller_number=NUMBER,
    caller_name="Jeanne",
    connected_number="3900",
    context="from-trunk",
    exten="3900",
    variables={"DECROCHE_CALL": "k-1"},
    created=datetime(2026, 11, 23, 0, 21, 41, 843_000, tzinfo=UTC),
)
BRIDGE = Bridge("b-1", "call", "mixing", (), "Stasis", datetime(2026, 11, 23, 0, 21, 44, 349_000, tzinfo=UTC))
FULL = Bridge("b-1", "call", "mixing", ("c-1",), "Stasis", BRIDGE.created)
RINGING = Channel(**(vars(LEG) | {"state": "Ringing"}))
PEER = Channel(**(vars(LEG) | {"id": "c-2"}))

EXPECTED: dict[str, AriEvent] = {
    "StasisStart": StasisStart(LEG, ("inbound", "x")),
    "StasisEnd": StasisEnd(LEG),
    "ChannelStateChange": ChannelStateChange(RINGING),
    "ChannelDtmfReceived": ChannelDtmfReceived(LEG, "#", 120),
    "ChannelHangupRequest": ChannelHangupRequest(LEG, 16, True),
    "ChannelDestroyed": ChannelDestroyed(LEG, 17, "User busy", 486),
    "Dial": Dial(PEER, "RINGING", LEG),
    "PlaybackStarted": PlaybackStarted(Playback("p-1", "channel:c-1", "playing", "sound:news")),
    "PlaybackFinished": PlaybackFinished(Playback("p-1", "channel:c-1", "done", "sound:news")),
    "ChannelEnteredBridge": ChannelEnteredBridge(FULL, LEG),
    "ChannelLeftBridge": ChannelLeftBridge(BRIDGE, LEG),
    "BridgeDestroyed": BridgeDestroyed(BRIDGE),
    "ApplicationReplaced": ApplicationReplaced("decroche"),
    "ChannelVarset": UnknownEvent("ChannelVarset"),
}


def parse(message: object) -> AriEvent:
    return parse_event(json.dumps(message).encode())


@pytest.mark.parametrize("kind", EVENTS)
def test_what_asterisk_writes(kind: str) -> None:
    assert parse(EVENTS[kind]) == EXPECTED[kind]


@pytest.mark.parametrize("kind", EVENTS)
def test_an_event_may_be_logged(kind: str) -> None:
    shown = repr(parse(EVENTS[kind]))
    assert not any(secret in shown for secret in (NUMBER, "Jeanne", "3900", "k-1", "'#'", "inbound", "4321"))


def test_a_transfer_says_whose_place_was_taken() -> None:
    message = event("StasisStart", args=[], channel=channel("c-2"), replace_channel=channel("c-1"))
    assert parse(message) == StasisStart(PEER, (), LEG)


def test_what_asterisk_leaves_out_is_empty() -> None:
    bare = {"id": "c", "name": "WebSocket/bot/0x7fac", "state": "Down"}
    assert parse_channel(bare) == Channel("c", "WebSocket/bot/0x7fac", "Down")
    assert parse(event("ChannelDestroyed", channel=bare)) == ChannelDestroyed(parse_channel(bare), 0)
    assert parse(event("Dial", peer=bare, dialstatus="")) == Dial(parse_channel(bare), "")
    assert parse_application({"name": "decroche"}) == Application("decroche")


@pytest.mark.parametrize(
    "hostile", ["a\r\nb", "\x00", "\x1b[2J", "é" * 3_000, "\ud800", "\u202e12", 7, None, ["x"]]
)
def test_a_hostile_text_is_emptied_and_the_call_kept(hostile: object) -> None:
    leg = channel(caller={"name": hostile, "number": hostile}, channelvars={"A": hostile, "B": "b"})
    started = parse(event("StasisStart", args=["inbound", hostile], channel=leg))
    assert isinstance(started, StasisStart)
    assert (started.channel.caller_name, started.channel.caller_number) == ("", "")
    assert started.channel.variables == {"A": "", "B": "b"}
    assert started.args == ("inbound", "")


@pytest.mark.parametrize("hostile", ["", "a\nb", "\x00", "x" * 257, "\ud800", 7, None, ["x"], {}])
@pytest.mark.parametrize("kind", [k for k in EVENTS if "channel" in EVENTS[k] and k != "ChannelVarset"])
def test_a_malformed_identifier_is_refused_without_being_repeated(kind: str, hostile: object) -> None:
    with pytest.raises(InputError) as caught:
        parse(EVENTS[kind] | {"channel": channel() | {"id": hostile}})
    assert str(caught.value) == "ARI message: id is malformed"


@pytest.mark.parametrize("kind", [k for k in EVENTS if k not in ("ChannelVarset", "ApplicationReplaced")])
def test_an_event_without_what_it_is_about_is_refused(kind: str) -> None:
    for key in ("channel", "peer", "playback", "bridge"):
        if key in EVENTS[kind]:
            with pytest.raises(InputError):
                parse({k: v for k, v in EVENTS[kind].items() if k != key})


@pytest.mark.parametrize("digit", ["", "12", "e", " ", "٣", None, 5, ["1"]])
def test_only_keys_are_keys(digit: object) -> None:
    with pytest.raises(InputError):
        parse(EVENTS["ChannelDtmfReceived"] | {"digit": digit})


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b"null", b"[]", b'"x"', b"1", b"{}", b'{"type": 1}', b'{"type": "a\\nb"}', b"\xff\xfe",
        b'{"type": "\xff"}',
        b"[" * 100_000, b'{"a":' * 20_000, b'{"type": ' + b"9" * 10_000 + b"}", b" " * (MAX_MESSAGE_BYTES + 1),
    ],
)  # fmt: skip
def test_what_is_no_event_is_refused(data: bytes) -> None:
    with pytest.raises(InputError):
        parse_event(data)


def test_an_event_as_large_as_can_be_is_taken() -> None:
    names = {f"V{i}": "x" * 2_048 for i in range(40)}
    started = parse(event("StasisStart", args=[], channel=channel(channelvars=names)))
    assert isinstance(started, StasisStart)
    assert started.channel.variables == names


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.binary(max_size=300))
def test_any_bytes_give_an_event_or_a_refusal(data: bytes) -> None:
    try:
        parse_event(data)
    except InputError as err:
        assert str(err).isprintable()


@given(st.sampled_from(sorted(EVENTS)), st.dictionaries(st.text(max_size=8), JSON, max_size=5))
def test_an_event_full_of_garbage_gives_an_event_or_a_refusal(kind: str, garbage: dict[str, Any]) -> None:
    with suppress(InputError):
        check(parse(garbage | {"type": kind}))


def paths(data: object, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a message."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield (*here, key)
        yield from paths(value, (*here, key))


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, Any]:
    """A real event with up to three of its places replaced by garbage or taken away."""
    message: dict[str, Any] = copy.deepcopy(draw(st.sampled_from(list(EVENTS.values()))))
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from(list(paths(message))))
        place: Any = message
        for key in way:
            place = place[key]
        if draw(st.booleans()):
            place[last] = draw(JSON)
        else:
            del place[last]
    return message


@given(damaged())
def test_a_damaged_event_gives_a_clean_event_or_a_refusal(message: dict[str, Any]) -> None:
    try:
        check(parse(message))
    except InputError as err:
        assert NUMBER not in str(err)


def check(value: object) -> None:
    """Nothing in it but bounded printable text, whole numbers, moments, and such in tuples and mappings."""
    if is_dataclass(value):
        for each in fields(value):
            check(getattr(value, each.name))
    elif isinstance(value, tuple):
        for item in value:
            check(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            check(key)
            check(item)
    elif isinstance(value, str):
        assert value.isprintable()
        assert len(value) <= 2_048
    else:
        assert value is None or isinstance(value, bool | int | datetime)
