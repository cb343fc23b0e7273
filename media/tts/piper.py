"""Piper: the product's voice. The only module that knows ``piper`` and the runtime under it."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import onnxruntime
from piper import PiperConfig, SynthesisConfig
from piper import PiperVoice as Synthesiser

from bot.errors import VoiceError
from bot.models import Pcm
from media import audio
from media.tts.engine import Pacing
from media.tts.voice import EngineVoice

# Piper writes every text it is given to its debug log; texts may hold personal data.
logging.getLogger("piper").setLevel(logging.INFO)

_WARM_UP = "Bonjour."  # the first inference plans memory: 2 to 3 times the usual time, at start-up instead of in a call
_PACING = Pacing(
    first=60, longest=140
)  # about 4 s and 9 s of speech: under 1 s and 2 s to synthesise on a slow core


class PiperEngine:
    """One Piper voice in memory."""

    pacing = _PACING

    def __init__(self, model: Path, *, length_scale: float, threads: int) -> None:
        self.name = f"piper:{model.stem}:{length_scale:g}"
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        try:
            config = PiperConfig.from_dict(
                json.loads(model.with_name(model.name + ".json").read_text(encoding="utf-8"))
            )
            session = onnxruntime.InferenceSession(
                str(model), sess_options=options, providers=["CPUExecutionProvider"]
            )
        except (
            Exception
        ) as err:  # each of the runtime's errors derives from Exception alone; so do the file's
            raise VoiceError(f"the voice {model} cannot be loaded: {err}") from err
        self._synthesiser = Synthesiser(session=session, config=config)
        self._settings = SynthesisConfig(length_scale=config.length_scale * length_scale)
        self.sample_rate: int = config.sample_rate
        self.synthesise(_WARM_UP)

    def synthesise(self, text: str) -> Pcm:
        """See :meth:`media.tts.engine.Engine.synthesise`."""
        try:
            parts = [part.audio_int16_array for part in self._synthesiser.synthesize(text, self._settings)]
        except Exception as err:  # the runtime raises its own unrelated classes, numpy and espeak theirs
            raise VoiceError(f"{self.name} failed: {type(err).__name__}") from err
        return np.concatenate([audio.silence(0, self.sample_rate), *parts])

    def close(self) -> None:
        """Nothing to do: memory goes with the object."""


class PiperVoice(EngineVoice):
    """A Piper voice.

    ``model``: the ``.onnx`` file, its configuration beside it. ``length_scale``: of every sound; above 1 is
    slower. ``threads``: processor threads for one synthesis.

    Raises:
        VoiceError: the files cannot be read or are not a voice.
    """

    def __init__(self, model: Path, *, length_scale: float = 1.0, threads: int = 1) -> None:
        super().__init__(PiperEngine(model, length_scale=length_scale, threads=threads))
