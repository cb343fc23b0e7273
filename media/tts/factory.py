"""Which voice speaks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import structlog

from bot.errors import ModelUnavailableError
from media import modelstore
from media.tts.cache import DEFAULT_BYTES, CachedVoice
from media.tts.nanotts import NanoTtsVoice
from media.tts.piper import PiperVoice

log = structlog.get_logger(__name__)

EMBEDDED = "embedded"
"""Voice name that asks for the embedded French voice and nothing else."""


@dataclass(frozen=True)
class VoiceSettings:
    """Which voice, and how it speaks.

    ``name``: a Piper voice as published, or :data:`EMBEDDED`. ``path``: an ``.onnx`` file that goes before
    ``name``. ``pace``: 1 is the voice's own measured pace, below is slower (0.5–2). ``threads``: processor threads
    for one Piper synthesis. ``cache_bytes``: samples of phrases kept in memory.
    """

    name: str = modelstore.DEFAULT_VOICE
    path: Path | None = None
    pace: float = 1.0
    threads: int = 1
    cache_bytes: int = DEFAULT_BYTES


def open_voice(settings: VoiceSettings | None = None) -> CachedVoice:
    """The voice of this process. Blocks while it is fetched and loaded: call it in a thread.

    Where the wanted Piper voice is nowhere to be had, the embedded French voice speaks and the log says so.

    Raises:
        ModelUnavailableError: ``path`` is set and is not a voice.
        VoiceError: the voice cannot be loaded.
    """
    wanted = settings or VoiceSettings()
    voice = _piper(wanted) or NanoTtsVoice(speed=NanoTtsVoice.CLEAR_SPEED * wanted.pace)
    log.info("voice.ready", voice=voice.name)
    return CachedVoice(voice, wanted.cache_bytes)


def _piper(wanted: VoiceSettings) -> PiperVoice | None:
    if wanted.name == EMBEDDED and wanted.path is None:
        return None
    try:
        found = modelstore.find_voice(wanted.name, wanted.path)
    except ModelUnavailableError as err:
        if wanted.path is not None:
            raise  # a wrong setting is told, never papered over
        log.warning("voice.embedded_instead", wanted=wanted.name, reason=str(err))
        return None
    return PiperVoice(found.path, length_scale=1 / wanted.pace, threads=wanted.threads)
