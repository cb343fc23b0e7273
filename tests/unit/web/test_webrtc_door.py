"""The browser door with a real peer and a real pipeline."""

from __future__ import annotations

import asyncio
import json
import threading
import time

import numpy as np
import pytest
from pipecat.frames.frames import InterruptionFrame

from bot.errors import InputError
from bot.models import HungUp, KeysPressed, Muted
from media.webrtc.door import WebRtcSettings, accept

FAST = WebRtcSettings(connect_within=2.0, silent_after=0.6, resume_within=0.8)


def rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(samples.astype(np.float64))))) if len(samples) else 0.0


def strongest_hertz(samples: np.ndarray, rate: int = 16_000) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * rate / len(samples))


async def until(condition, timeout: float = 10.0) -> None:
    async with asyncio.timeout(timeout):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


async def collect(door, into: list) -> None:
    async for control in door.controls():
        into.append(control)


async def test_both_sides_hear_each_other(caller, pipeline_for, make_tone):
    door = await accept(await caller.offer(), settings=FAST)
    await caller.take(door.answer)
    async with pipeline_for(door.transport) as call:
        await call.say(make_tone(1000, 1.5))
        await until(lambda: len(call.ear.samples()) > 16_000)
        await until(lambda: rms(caller.samples()[-1600:]) > 2000)
        await until(lambda: rms(caller.samples()[-1600:]) < 50)
    await door.close()
    assert strongest_hertz(call.ear.samples()[-8000:]) == pytest.approx(440, abs=5)
    loud = caller.samples()[np.abs(caller.samples()) > 500]
    assert len(loud) > 0
    assert strongest_hertz(caller.samples()) == pytest.approx(1000, abs=5)


async def test_a_greeting_said_before_the_peer_connects_is_heard_whole(caller, pipeline_for, make_tone):
    door = await accept(await caller.offer(), settings=FAST)
    async with pipeline_for(door.transport) as call:
        await call.say(make_tone(1000, 1.0))
        await asyncio.sleep(0.5)
        await caller.take(door.answer)
        await until(lambda: rms(caller.samples()[-1600:]) > 2000)
        await until(lambda: rms(caller.samples()[-1600:]) < 50)
    await door.close()
    spoken = np.count_nonzero(np.abs(caller.samples().astype(int)) > 1000) / 16_000
    assert spoken > 0.8 * 1.0 * 0.92  # a sine is above 1/8 of its peak 92 % of the time


async def test_the_goodbye_is_heard_to_its_end_and_the_last_event_arrives(caller, pipeline_for, make_tone):
    door = await accept(await caller.offer(), settings=FAST)
    await caller.take(door.answer)
    async with pipeline_for(door.transport) as call:
        await until(lambda: call.ear.parts)
        await call.say(make_tone(1000, 1.0))
        await call.end()
        door.send_event({"type": "call_ended"})
        await until(lambda: caller.events)
    await door.close()
    spoken = np.count_nonzero(np.abs(caller.samples().astype(int)) > 1000) / 16_000
    assert spoken > 0.8 * 1.0 * 0.92
    assert rms(caller.samples()[-3200:]) < 50
    assert caller.events == [{"seq": 0, "type": "call_ended"}]


async def test_barge_in_is_silent_within_100_ms(caller, pipeline_for, make_tone):
    door = await accept(await caller.offer(), settings=FAST)
    await caller.take(door.answer)
    async with pipeline_for(door.transport) as call:
        await call.say(make_tone(1000, 30.0))
        await until(lambda: rms(caller.samples()[-3200:]) > 2000)
        at = time.monotonic()
        await call.worker.queue_frame(InterruptionFrame())
        await asyncio.sleep(1.0)
    await door.close()
    last_loud = max(when for when, part in caller.heard if rms(part) > 500)
    # aiortc's own jitter buffer, on the caller's side, holds 80 ms of what it had received.
    assert last_loud - at < 0.1 * 5


async def test_keys_and_mute_come_in_order_and_hanging_up_is_the_last(caller, pipeline_for):
    door = await accept(await caller.offer(), settings=FAST)
    await caller.take(door.answer)
    controls: list = []
    async with pipeline_for(door.transport):
        reader = asyncio.create_task(collect(door, controls))
        await until(lambda: caller.channel.readyState == "open")
        for message in (
            {"type": "keys", "digits": "75#"},
            {"type": "mute", "on": True},
            {"type": "hang_up"},
        ):
            caller.channel.send(json.dumps(message))
        await asyncio.wait_for(reader, 5)
    await door.close()
    assert controls == [KeysPressed("75#"), Muted(True), HungUp("hung_up")]


async def test_closing_the_page_hangs_up(caller, pipeline_for):
    door = await accept(await caller.offer(), settings=FAST)
    await caller.take(door.answer)
    controls: list = []
    async with pipeline_for(door.transport) as call:
        reader = asyncio.create_task(collect(door, controls))
        await until(lambda: call.ear.parts)
        await caller.close()
        await asyncio.wait_for(reader, 5)
    await door.close()
    assert controls == [HungUp("hung_up")]


async def test_a_peer_that_vanishes_without_a_word_is_lost(caller, pipeline_for):
    door = await accept(await caller.offer(), settings=FAST)
    await caller.take(door.answer)
    controls: list = []
    async with pipeline_for(door.transport) as call:
        reader = asyncio.create_task(collect(door, controls))
        await until(lambda: call.ear.parts)
        caller.microphone.stop()  # no packet any more, no goodbye either
        await asyncio.wait_for(reader, 10)
    await door.close()
    assert controls == [HungUp("lost")]


async def test_a_peer_that_never_connects_is_cleaned_up(caller, pipeline_for):
    door = await accept(await caller.offer(), settings=FAST)
    async with pipeline_for(door.transport):
        controls = [control async for control in door.controls()]
    assert controls == [HungUp("never_connected")]
    await door.close()
    assert door._connection.pc.connectionState == "closed"


async def test_a_page_resumes_its_call_and_misses_nothing(caller, new_caller, pipeline_for, make_tone):
    door = await accept(await caller.offer(), settings=FAST)
    await caller.take(door.answer)
    controls: list = []
    again = new_caller(hertz=700.0)
    async with pipeline_for(door.transport) as call:
        reader = asyncio.create_task(collect(door, controls))
        await until(lambda: caller.channel.readyState == "open" and call.ear.parts)
        door.send_event({"type": "bot_said", "text": "un"})
        door.send_event({"type": "bot_said", "text": "deux"})
        await until(lambda: len(caller.events) == 2)
        await again.take(await door.resume(await again.offer(), seen=1))
        door.send_event({"type": "bot_said", "text": "trois"})
        await until(lambda: len(again.events) == 2)
        await call.say(make_tone(1000, 1.0))
        await until(lambda: rms(again.samples()[-1600:]) > 2000)
        await asyncio.sleep(0.5)
        assert not reader.done()
        await again.close()
        await asyncio.wait_for(reader, 5)
    await door.close()
    assert [event["seq"] for event in again.events] == [1, 2]
    assert strongest_hertz(call.ear.samples()[-6400:-1600]) == pytest.approx(700, abs=10)
    assert controls == [HungUp("hung_up")]


async def test_nothing_is_left_behind(new_caller, pipeline_for):
    before_tasks, before_threads = len(asyncio.all_tasks()), threading.active_count()
    for ending in ("door", "page", "pipeline", "never"):
        caller = new_caller()
        door = await accept(await caller.offer(), settings=FAST)
        if ending != "never":
            await caller.take(door.answer)
        async with pipeline_for(door.transport) as call:
            if ending != "never":
                await until(lambda call=call: call.ear.parts)
            if ending == "pipeline":
                await call.end()
            if ending == "page":
                await caller.close()
        await door.close()
        await caller.close()
    await until(lambda: len(asyncio.all_tasks()) <= before_tasks, 5)
    await until(
        lambda: threading.active_count() <= before_threads + 6, 5
    )  # the encoder's shared pool may stay


async def test_a_flooding_peer_is_hung_up_on(caller, pipeline_for):
    door = await accept(await caller.offer(), settings=FAST)
    await caller.take(door.answer)
    controls: list = []
    async with pipeline_for(door.transport):
        reader = asyncio.create_task(collect(door, controls))
        await until(lambda: caller.channel.readyState == "open")
        for _ in range(200):
            caller.channel.send(json.dumps({"type": "keys", "digits": "1"}))
        await asyncio.wait_for(reader, 5)
    await door.close()
    assert len(controls) <= 40
    assert isinstance(controls[-1], HungUp)


async def test_oversized_and_odd_messages_are_refused_and_the_call_goes_on(caller, pipeline_for):
    door = await accept(await caller.offer(), settings=FAST)
    await caller.take(door.answer)
    controls: list = []
    async with pipeline_for(door.transport):
        reader = asyncio.create_task(collect(door, controls))
        await until(lambda: caller.channel.readyState == "open")
        for message in ("x" * 5000, b"\x00\x01", "null", '{"type": "keys", "digits": "abc"}', "ping"):
            caller.channel.send(message)
        caller.channel.send('{"type": "keys", "digits": "0"}')
        await until(lambda: controls)
        await door.close()
        await asyncio.wait_for(reader, 5)
    assert controls == [KeysPressed("0")]


async def test_an_offer_without_audio_is_refused_with_its_reason(caller):
    sdp = await caller.offer()
    data_only = sdp[: sdp.index("m=audio")] + sdp[sdp.index("m=application") :]
    with pytest.raises(InputError, match="audio"):
        await accept(data_only, settings=FAST)
