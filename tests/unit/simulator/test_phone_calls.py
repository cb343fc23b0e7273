"""A script with sound through the phone door, against a small real server: real voices, real time, real sockets."""

from __future__ import annotations

import wave
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.errors import TransportError
from media.audio import from_bytes, rms_dbfs
from simulator.api import Server
from simulator.call import Options
from simulator.result import CallResult
from simulator.run import Patience

RATE = 16_000
PlaceCall = Callable[..., Awaitable[CallResult]]
StartBot = Callable[..., Awaitable[Any]]


def quick(bot: Any) -> Options:
    return Options(bot.address, patience=Patience(linger=0.2))


async def test_a_spoken_call_is_heard_recorded_and_measured(
    place_call: PlaceCall, fake_bot: StartBot, tmp_path: Path
) -> None:
    bot = await fake_bot([["Bonjour."], ["Votre code postal ?"], ["Au revoir."]], ends=False)
    source = """
    channel: phone
    caller: {number: "+33611223344", noise_db: -60}
    turns:
      - say: bonjour
      - {when: "code postal", keys: "7#"}
    expect: {outcome: resolved, intents: [greet, greet]}
    """
    wav = tmp_path / "out" / "call.wav"
    result = await place_call(source, quick(bot), wav=wav)
    assert result.held, (result.problems, result.differences)

    start = bot.starts[0]
    assert start["event"] == "MEDIA_START"
    assert start["format"] == "slin16"
    assert start["channel_variables"] == {"DECROCHE_CALL": result.call_id, "DECROCHE_FROM": "+33611223344"}
    keys = [
        event["digit"] for event in bot.received if isinstance(event, dict) and event["event"] == "DTMF_END"
    ]
    assert keys == ["7", "#"]

    # The bot waits 0.3 s of quiet and thinks for 0.2 s; the rest is machine and margin.
    said = result.turns[0]
    assert said.voice_to_voice_ms is not None
    assert 450 <= said.voice_to_voice_ms <= 1500
    assert said.said == "bonjour"

    with wave.open(str(wav)) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, RATE)
        both = from_bytes(file.readframes(file.getnframes())).reshape(-1, 2)
    assert len(both) == pytest.approx(result.duration_s * RATE, abs=RATE * 0.05)
    assert rms_dbfs(both[:, 0]) > -45
    assert rms_dbfs(both[:, 1]) > -45


async def test_the_line_is_never_silent_and_always_20_ms(place_call: PlaceCall, fake_bot: StartBot) -> None:
    bot = await fake_bot([["Bonjour."], ["Au revoir."]], ends=True)
    result = await place_call("turns: [{say: bonjour}]", quick(bot))
    assert {len(frame) for frame in bot.audio} == {320}
    assert len(bot.audio) == pytest.approx(result.duration_s * 50, abs=10)
    assert result.ended_by == "bot"
    speech = np.concatenate(bot.audio)
    spectrum = np.abs(np.fft.rfft(speech.astype(float)))
    hertz = np.fft.rfftfreq(len(speech), 1 / RATE)
    assert (
        spectrum[hertz > 4000].max() < spectrum[hertz < 3400].max() / 100
    )  # a telephone passes nothing there


async def test_barge_in(place_call: PlaceCall, fake_bot: StartBot) -> None:
    bot = await fake_bot([["Un long discours."], ["Oui ?"]], speech_s=1.5, pause_s=0.1)
    source = "turns: [{after: 0.3, say: 'non'}]"
    result = await place_call(source, quick(bot))
    assert result.acts[0].interrupts
    assert result.turns[0].bot_stopped_ms is not None
    assert result.turns[0].bot_stopped_ms < 1200


async def test_nobody_picks_up(place_call: PlaceCall) -> None:
    with pytest.raises(TransportError):
        await place_call("turns: []", Options(Server("http://127.0.0.1:9")))
