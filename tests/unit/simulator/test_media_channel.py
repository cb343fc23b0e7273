"""Asterisk's rules on a media WebSocket, without the socket."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.doors.asterisk import FRAME_BYTES, MAX_FRAMES, XOFF_FRAMES, MediaChannel

FRAME = b"\x01" * FRAME_BYTES


def command(name: str, **fields: Any) -> str:
    return json.dumps({"command": name, **fields})


def played(channel: MediaChannel, ticks: int) -> list[bytes | None]:
    return [channel.tick()[0] for _ in range(ticks)]


def test_one_frame_is_played_a_tick() -> None:
    channel = MediaChannel("c")
    channel.binary(FRAME * 3)
    assert channel.queue_length == 3
    assert played(channel, 4) == [FRAME, FRAME, FRAME, None]


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=20))
def test_buffered_sound_is_cut_into_frames_and_padded_at_its_end(sizes: list[int]) -> None:
    channel = MediaChannel("c")
    channel.text(command("START_MEDIA_BUFFERING"))
    for size in sizes:
        channel.binary(b"\x01" * size)
    channel.text(command("STOP_MEDIA_BUFFERING"))
    total = sum(sizes)
    frames = -(-total // FRAME_BYTES)
    assert channel.queue_length == frames
    heard = b"".join(frame or b"" for frame in played(channel, frames))
    assert heard == b"\x01" * total + bytes(frames * FRAME_BYTES - total)
    assert channel.faults == []


def test_a_mark_comes_back_when_the_sound_before_it_was_played() -> None:
    channel = MediaChannel("c")
    channel.binary(FRAME * 2)
    channel.text(command("MARK_MEDIA", correlation_id="m1"))
    assert channel.tick()[1] == []
    assert channel.tick()[1] == []
    assert channel.tick() == (
        None,
        [{"event": "MEDIA_MARK_PROCESSED", "channel_id": "c", "correlation_id": "m1"}],
    )


def test_the_end_of_a_buffered_utterance_is_told_when_played() -> None:
    channel = MediaChannel("c")
    channel.text(command("START_MEDIA_BUFFERING"))
    channel.binary(FRAME)
    channel.text(command("STOP_MEDIA_BUFFERING", correlation_id="u1"))
    channel.tick()
    events = channel.tick()[1]
    assert [(event["event"], event["correlation_id"]) for event in events] == [
        ("MEDIA_BUFFERING_COMPLETED", "u1")
    ]


def test_a_flush_silences_at_once_and_drops_marks() -> None:
    channel = MediaChannel("c")
    channel.text(command("START_MEDIA_BUFFERING"))
    channel.binary(FRAME * 10 + b"\x01" * 5)
    channel.text(command("MARK_MEDIA", correlation_id="m"))
    channel.text(command("FLUSH_MEDIA"))
    assert channel.queue_length == 0
    assert channel.tick() == (None, [])
    channel.binary(FRAME)  # buffering ended with the flush
    assert played(channel, 1) == [FRAME]


def test_flow_control_at_its_levels() -> None:
    channel = MediaChannel("c")
    names: list[str] = []
    for _ in range(XOFF_FRAMES):
        names += [event["event"] for event in channel.binary(FRAME)]
    assert names == ["MEDIA_XOFF"]
    for _ in range(102):
        names += [event["event"] for event in channel.tick()[1]]
    assert names == ["MEDIA_XOFF", "MEDIA_XON"]


def test_a_flush_relieves_a_full_queue_with_the_next_frame() -> None:
    channel = MediaChannel("c")
    channel.binary(FRAME * 95)
    for _ in range(9):
        channel.binary(FRAME * 95)
    assert channel.text(command("GET_STATUS"))[0]["queue_full"]
    assert channel.text(command("FLUSH_MEDIA")) == []
    assert [event["event"] for event in channel.tick()[1]] == ["MEDIA_XON"]


def test_what_overflows_is_dropped_and_noted() -> None:
    channel = MediaChannel("c")
    for _ in range(MAX_FRAMES // 50 + 1):
        channel.binary(FRAME * 50)
    assert channel.queue_length == MAX_FRAMES
    assert len(channel.faults) == 1


def test_status() -> None:
    channel = MediaChannel("c")
    channel.binary(FRAME * 2)
    (status,) = channel.text(command("GET_STATUS"))
    assert status["event"] == "STATUS"
    assert status["queue_length"] == 2
    assert status["queue_full"] is False


def test_a_paused_queue_keeps_its_sound() -> None:
    channel = MediaChannel("c")
    channel.binary(FRAME)
    channel.text(command("PAUSE_MEDIA"))
    assert played(channel, 2) == [None, None]
    channel.text(command("CONTINUE_MEDIA"))
    assert played(channel, 1) == [FRAME]


def test_a_drained_queue_is_reported_once() -> None:
    channel = MediaChannel("c")
    channel.text(command("REPORT_QUEUE_DRAINED"))
    channel.binary(FRAME * 2)
    names = [event["event"] for _ in range(3) for event in channel.tick()[1]]
    assert names == ["QUEUE_DRAINED"]


@pytest.mark.parametrize(
    "message",
    [command("MARK_MEDIA", correlation_id="x" * 120), "[]", "{}", command("DANCE")],
)
def test_what_asterisk_would_drop_is_noted(message: str) -> None:
    channel = MediaChannel("c")
    channel.binary(FRAME)
    assert channel.text(message) == []
    assert len(channel.faults) == 1
    assert channel.queue_length == 1


def test_what_is_no_json_is_answered_with_an_error() -> None:
    channel = MediaChannel("c")
    assert [event["event"] for event in channel.text("FLUSH_MEDIA")] == ["ERROR"]
    assert len(channel.faults) == 1


def test_a_message_too_long_ends_the_call() -> None:
    channel = MediaChannel("c")
    channel.binary(b"\0" * 65_536)
    assert channel.hung_up
    assert channel.faults


def test_hang_up() -> None:
    channel = MediaChannel("c")
    channel.text(command("HANGUP"))
    assert channel.hung_up
