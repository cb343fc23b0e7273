"""A call by telephone, judged by ear: sound both ways, keys, interruption, the goodbye."""

from __future__ import annotations

import asyncio
import re
import wave
from pathlib import Path

import pytest

from media.audio import from_bytes
from media.stt.whisper import WhisperTranscriber
from simulator import script as scripts
from simulator.call import Options
from simulator.sip import Codec
from simulator.suite import Planned, run_calls
from simulator.way import Way
from tests.e2e.telephone import judge
from tests.e2e.telephone.rig import SPARE, TelephoneLine, read

pytestmark = pytest.mark.asyncio(loop_scope="session")

FLUSH_S = 0.1


async def test_each_side_hears_the_other(line: TelephoneLine, hearing: WhisperTranscriber) -> None:
    await asyncio.gather(*(_talk(line, hearing, codec) for codec in (Codec.A_LAW, Codec.WIDEBAND)))


async def _talk(line: TelephoneLine, hearing: WhisperTranscriber, codec: Codec) -> None:
    async with line.call(codec=codec) as call:
        _, welcome = await call.event("bot_said")
        ended = await call.until_quiet(call.answered)
        heard = call.heard(call.answered, ended + 0.3).heard
        await call.says("Bonjour, je voudrais connaître le montant de ma facture.")
        _, said = await call.event("caller_said")
        await call.event("bot_said", after=ended)
    assert "assistant automatique" in welcome["text"]
    assert "assistant automatique" in await read(hearing, heard)
    assert "facture" in said["raw"].lower()
    first = judge.first_sound_s(heard)
    assert first is not None
    assert first < 1.0 * SPARE, "answered calls are not left in silence"
    assert judge.longest_silence_s(heard[round(first * judge.RATE) :]) < 1.0, "the welcome has no holes"


async def test_keys_reach_the_dialogue(line: TelephoneLine) -> None:
    async with line.call() as call:
        await call.event("bot_said")
        call.phone.press("0")
        _, said = await call.event("caller_said", mode="keypad")
        await call.event("handoff_requested", reason="human_request")
    assert said["raw"] == "0"


async def test_the_bot_falls_silent_when_cut(line: TelephoneLine) -> None:
    async with line.call() as call:
        await call.event("bot_said")
        await call.until_quiet(call.answered, quiet_s=0.0)  # the welcome is being said
        began = call.now
        await call.says("Attendez, excusez-moi, je vous appelle pour ma facture s'il vous plaît.")
        cut, _ = await call.event("bot_interrupted", after=began)
        await asyncio.sleep(1.5)
        before, after = call.heard(cut - 0.3, cut).heard, call.heard(cut, cut + 1.5).heard
    assert judge.last_sound_s(before) > 0.2, "the bot was speaking"
    assert judge.last_sound_s(after) < FLUSH_S * SPARE, "and is not, while the caller speaks on"


GOODBYE = """
channel: phone
now: "tue 10:00"
caller: {number: "+33611223344", voice: pico}
turns:
  - say: "Merci beaucoup, au revoir madame"
reactions:
  - {when: "pas bien entendu|pas bien compris|ne vous entends pas|oui ou c'est non", again: true}
expect: {intents: [goodbye], ended_by: bot, said: ["[Aa]u revoir"]}
"""


async def test_a_simulated_subscriber_by_sip_hears_the_goodbye_to_its_end(
    line: TelephoneLine, hearing: WhisperTranscriber, tmp_path: Path
) -> None:
    plan = [Planned(Path("goodbye.yml"), scripts.parse(GOODBYE, Path("goodbye.yml")))]
    options = Options(line.server, channel=Way.SIP, sip=line.uri)
    (done,) = await run_calls(plan, options, wav=tmp_path / "call.wav")
    result = done.result
    assert result.held, (result.problems, result.differences)
    assert result.channel == "sip"
    with wave.open(str(tmp_path / "call.wav")) as file:
        heard = from_bytes(file.readframes(file.getnframes()))[1::2]
    tail = heard[-4 * judge.RATE :]
    assert re.search(r"au revoir", await read(hearing, tail), re.IGNORECASE)
    assert judge.last_sound_s(tail) < len(tail) / judge.RATE, "the last word is not cut"
