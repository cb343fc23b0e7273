"""Whatever comes over the media socket, reading it never fails, and secret digits stay out of the log."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
import structlog.testing
from hypothesis import given
from hypothesis import strategies as st
from pipecat.frames.frames import CancelFrame, EndFrame, InputAudioRawFrame, InputDTMFFrame, InterruptionFrame

from media.telephony.asterisk import AsteriskSerializer
from media.telephony.playout import HANGUP, MAX_BINARY_BYTES

Json = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
EVENTS = (
    "DTMF_END",
    "MEDIA_XOFF",
    "MEDIA_XON",
    "STATUS",
    "MEDIA_MARK_PROCESSED",
    "MEDIA_START",
    "ERROR",
    "NEW",
)
Events = st.fixed_dictionaries(
    {"event": st.sampled_from(EVENTS) | Json},
    optional={"digit": Json, "correlation_id": Json, "queue_length": Json},
)


def read(serializer: AsteriskSerializer, data: str | bytes) -> Any:
    return asyncio.run(serializer.deserialize(data))


def quiet() -> AsteriskSerializer:
    return AsteriskSerializer(lambda _: None)


@given(st.text() | Json.map(json.dumps) | Events.map(json.dumps))
def test_any_text_is_read_or_refused(text: str) -> None:
    assert isinstance(read(quiet(), text), InputDTMFFrame | None)


@given(st.binary(max_size=2000))
def test_any_sound_of_whole_samples_is_taken(data: bytes) -> None:
    frame = read(quiet(), data)
    assert (frame is not None) is (bool(data) and len(data) % 2 == 0)
    if frame is not None:
        assert isinstance(frame, InputAudioRawFrame)
        assert (frame.audio, frame.sample_rate, frame.num_channels) == (data, 16_000, 1)


@pytest.mark.parametrize("size", [MAX_BINARY_BYTES + 1, 1_000_000])
def test_oversized_sound_is_refused(size: int) -> None:
    assert read(quiet(), bytes(size)) is None


@pytest.mark.parametrize("digit", list("0123456789*#"))
def test_keys(digit: str) -> None:
    frame = read(quiet(), json.dumps({"event": "DTMF_END", "digit": digit, "duration_ms": 100}))
    assert isinstance(frame, InputDTMFFrame)
    assert frame.button.value == digit


def test_events_about_the_voice_are_handed_on() -> None:
    seen: list[Mapping[str, Any]] = []
    read(AsteriskSerializer(seen.append), '{"event": "STATUS", "queue_length": 4}')
    assert [event["queue_length"] for event in seen] == [4]


def test_nothing_of_what_is_refused_is_logged_and_a_flood_of_it_is_not_logged_on() -> None:
    serializer = quiet()
    with structlog.testing.capture_logs() as logs:
        for _ in range(100):
            read(serializer, '{"event": "DTMF_END", "digit": "19041985"}')
            read(serializer, "+33611223344")
    assert len(logs) == 50
    assert not any("1904" in str(entry) or "3361" in str(entry) for entry in logs)


@pytest.mark.parametrize(
    ("frame", "message"), [(EndFrame(), HANGUP), (CancelFrame(), HANGUP), (InterruptionFrame(), None)]
)
def test_only_the_end_is_said_by_frame(frame: Any, message: str | None) -> None:
    assert asyncio.run(quiet().serialize(frame)) == message
