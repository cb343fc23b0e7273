"""The sentences and the music that Asterisk plays by itself, in files made ahead.

folder/sentences/NAME.wav     8 kHz, 16-bit, mono
folder/sentences/NAME.wav16   16 kHz: Asterisk takes it for wideband calls
folder/music/hold.wav, hold.wav16
folder/sounds.json            what they were made from
"""

from __future__ import annotations

import hashlib
import json
import wave
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import filelock
import numpy as np
import structlog

from bot.errors import ConfigurationError
from bot.models import Pcm
from bot.ports import Voice
from media import audio
from media.telephony import music

log = structlog.get_logger(__name__)

WIDE_RATE = 16000
_SUFFIXES = {audio.PHONE_RATE: ".wav", WIDE_RATE: ".wav16"}
_MUSIC = "music/hold"
_LOCK_TIMEOUT_S = 120.0

OpenVoice = Callable[[], Awaitable[Voice]]


async def make_sounds(
    folder: Path,
    sentences: Mapping[str, tuple[str, ...]],
    *,
    voice_key: str,
    open_voice: OpenVoice,
    anew: bool = False,
) -> tuple[str, ...]:
    """Make what is missing or was made from something else; returns the names of what was made.

    ``sentences``: for each name, its text in verbalised pieces, spoken one after the other. ``voice_key``: says which
    voice is wanted, whatever its form. The voice is opened only when there is something to say, and closed. ``anew``:
    make everything again.

    Raises:
        ConfigurationError: the folder cannot be written.
        VoiceError: a sentence could not be spoken.
    """
    wanted = {f"sentences/{name}": _mark(voice_key, *pieces) for name, pieces in sentences.items()}
    wanted[_MUSIC] = _mark("music", str(music.VERSION))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(folder / ".lock", timeout=_LOCK_TIMEOUT_S):
            made = tuple(wanted) if anew else _stale(folder, wanted)
            if _MUSIC in made:
                for rate in _SUFFIXES:
                    _write(folder, _MUSIC, music.hold_music(rate), rate)
            spoken = [name for name in made if name != _MUSIC]
            if spoken:
                await _speak(folder, {name: sentences[name.split("/")[1]] for name in spoken}, open_voice)
            if made:
                new = folder / "sounds.json.new"
                new.write_text(json.dumps(wanted, indent=1), encoding="utf-8")
                new.replace(folder / "sounds.json")
    except (OSError, filelock.Timeout) as err:
        raise ConfigurationError(f"{folder}: the sounds cannot be written: {err}") from err
    if made:
        log.info("sounds.made", count=len(made))
    return made


async def _speak(folder: Path, sentences: Mapping[str, tuple[str, ...]], open_voice: OpenVoice) -> None:
    voice = await open_voice()
    try:
        for name, pieces in sentences.items():
            chunks = [
                chunk.samples
                for piece in pieces
                async for chunk in voice.speak(piece, sample_rate=WIDE_RATE, cacheable=False)
            ]
            speech = np.concatenate(chunks)
            for rate in _SUFFIXES:
                _write(folder, name, audio.resample(speech, WIDE_RATE, rate), rate)
    finally:
        await voice.close()


def _stale(folder: Path, wanted: Mapping[str, str]) -> tuple[str, ...]:
    try:
        have = json.loads((folder / "sounds.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        have = {}
    return tuple(
        name
        for name, mark in wanted.items()
        if have.get(name) != mark
        or not all((folder / (name + suffix)).is_file() for suffix in _SUFFIXES.values())
    )


def _write(folder: Path, name: str, samples: Pcm, rate: int) -> None:
    """Put in place whole: a call may be listening to the old one."""
    path = folder / (name + _SUFFIXES[rate])
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    with wave.open(str(new), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(audio.to_bytes(samples))
    new.replace(path)


def _mark(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
