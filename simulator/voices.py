"""The callers' voices: SVOX Pico; espeak-ng and mbrola where Debian's packages are installed. All out of process."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import sys
import wave
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from bot.errors import VoiceError
from bot.models import Pcm
from media.audio import active_rms_dbfs, amplify, from_bytes, resample, rms_dbfs
from simulator.pico import ZEROED_MEMORY
from simulator.script import Caller

RATE = 16_000
"""Hz of every clip."""

LEVEL_DBFS = -20.0
"""Level of the speech in every clip: a caller who speaks up, on a line without loss."""

_PICO_RATE = 16_000
_MBROLA_VOICES = Path("/usr/share/mbrola")
_WORDS_A_MINUTE = 165  # espeak-ng's -s at speed 1.0: an unhurried caller
_TIMEOUT_S = 20.0
_TRIM_DBFS = -50.0  # below this a clip's head and tail are not the caller's voice
_MAX_CLIPS = 512
_ENGINES_AT_ONCE = 2


class Voices:
    """Speaks what the scripts say. Clips are kept, so that a suite renders each sentence once."""

    def __init__(self) -> None:
        self._clips: dict[tuple[str, float, str], Pcm] = {}
        self._engines = asyncio.Semaphore(_ENGINES_AT_ONCE)

    async def speak(self, caller: Caller, text: str) -> Pcm:
        """``text`` in the caller's voice: 16 kHz, speech at :data:`LEVEL_DBFS`, silence trimmed at both ends.

        Raises:
            VoiceError: the engine failed, or made no sound of ``text``.
        """
        name, _ = available(caller.voice)
        key = (name, caller.speed, text)
        if key not in self._clips:
            async with self._engines:
                engine = _pico if name == "pico" else _espeak
                raw = await engine(name, text, caller.speed)
            if len(self._clips) >= _MAX_CLIPS:
                self._clips.pop(next(iter(self._clips)))
            self._clips[key] = levelled(raw, text)
        return self._clips[key]


def available(name: str) -> tuple[str, str]:
    """The voice that will speak for ``name``, and a warning when it is another one; empty otherwise."""
    missing = _missing(name)
    return (name, "") if not missing else ("pico", f"voice {name} needs {missing}: pico speaks instead")


@cache
def _missing(name: str) -> str:
    """The Debian packages that ``name`` lacks here."""
    if name == "pico":
        return ""
    packages = [] if shutil.which("espeak-ng") else ["espeak-ng"]
    if name.startswith("mbrola-"):
        voice = name.removeprefix("mbrola-")
        if not shutil.which("mbrola"):
            packages.append("mbrola")
        if not (_MBROLA_VOICES / voice / voice).is_file():
            packages.append(name)
    return " and ".join(packages)


def levelled(samples: Pcm, text: str = "") -> Pcm:
    """A 16 kHz clip without silence at its ends, its speech at :data:`LEVEL_DBFS`.

    Raises:
        VoiceError: there is nothing louder than silence in it.
    """
    size = RATE // 100
    levels = [rms_dbfs(samples[start : start + size]) for start in range(0, len(samples), size)]
    loud = [place for place, level in enumerate(levels) if level > _TRIM_DBFS]
    if not loud:
        raise VoiceError(f"the caller's voice made no sound of «{text}»")
    speech = samples[loud[0] * size : (loud[-1] + 1) * size]
    return amplify(speech, LEVEL_DBFS - active_rms_dbfs(speech, RATE))


async def _pico(name: str, text: str, speed: float) -> Pcm:
    out = await _run(
        (sys.executable, "-m", "simulator.pico", str(speed)), text, {**os.environ, **ZEROED_MEMORY}
    )
    return resample(from_bytes(out[: len(out) // 2 * 2]), _PICO_RATE, RATE)


async def _espeak(name: str, text: str, speed: float) -> Pcm:
    voice = f"mb-{name.removeprefix('mbrola-')}" if name.startswith("mbrola-") else "fr"
    pace = str(round(_WORDS_A_MINUTE * speed))
    command = ("espeak-ng", "-v", voice, "-s", pace, "-b", "1", "--stdin", "--stdout")
    return read_wav(io.BytesIO(await _run(command, text, None)))


async def _run(command: Sequence[str], text: str, environment: Mapping[str, str] | None) -> bytes:
    """What ``command`` makes of ``text`` on its standard input."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    try:
        out, complaint = await asyncio.wait_for(process.communicate(text.encode()), _TIMEOUT_S)
    except TimeoutError as err:
        raise VoiceError(f"the caller's voice took longer than {_TIMEOUT_S:g} s: {command[0]}") from err
    finally:
        if process.returncode is None:  # out of time, or the call was cancelled
            process.kill()
            await process.wait()
    if process.returncode or not out:
        reason = complaint.decode(errors="replace").strip()[-200:]
        raise VoiceError(f"the caller's voice failed: {command[0]}: {reason}")
    return out


def read_wav(source: Path | io.BytesIO) -> Pcm:
    """A wav file as 16 kHz mono; several channels are averaged.

    Raises:
        VoiceError: not a wav file of 16-bit samples.
    """
    try:
        with wave.open(str(source) if isinstance(source, Path) else source, "rb") as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            data = file.readframes(file.getnframes())
    except (OSError, EOFError, wave.Error) as err:
        raise VoiceError(
            f"{source if isinstance(source, Path) else 'the voice'}: not a wav file: {err}"
        ) from err
    if width != 2:
        raise VoiceError(f"{source}: {8 * width}-bit samples; a wav file of 16-bit samples is needed")
    samples = from_bytes(data[: len(data) // (2 * channels) * 2 * channels])
    if channels > 1:
        samples = samples.reshape(-1, channels).mean(axis=1).astype(np.int16)
    return resample(samples, rate, RATE)
