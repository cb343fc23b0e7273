"""Speech recognition: one Whisper model shared by every call of the process.

What differs from faster-whisper's ``transcribe``, and why (figures: ``bench/recognition.py``):

- the mel spectrogram is cut to the clip (:func:`media.stt.clips.fit`): the encoder costs a third;
- no timestamps, no temperature fallback, beam 5: one decode a clip, of predictable length;
- several hypotheses on request: dictated digits are chosen among them (``bot/french/digits.py``);
- decoding happens in owned worker threads, one core each, fed by a bounded queue.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import structlog
from faster_whisper import WhisperModel
from faster_whisper.tokenizer import Tokenizer

from bot.errors import ModelUnavailableError, RecognitionBusyError, RecognitionError
from bot.models import Hypothesis, Pcm, Recognition, RecognitionHint
from media.stt import clips, guard

log = structlog.get_logger(__name__)

_BEAM = 5
_LONGEST_S = 28.0
_SHORTEST_S = 0.1
_SILENCE_DBFS = -60.0  # a caller 20 dB below a quiet one; line noise is lower still
_TOKENS_PER_SECOND = 12  # three times French speech; bounds a decode that loops
_TOKENS_AT_LEAST = 24
_MAX_LENGTH = 448  # Whisper's context: prompt and text


@dataclass(frozen=True)
class _Decoded:
    """One clip of at most 28 s: guarded hypotheses, best first, and P(no speech)."""

    hypotheses: tuple[Hypothesis, ...]
    no_speech: float


class WhisperTranscriber:
    """:class:`bot.ports.Transcriber` over a CTranslate2 Whisper model.

    ``workers`` clips are decoded at a time, on one core each; ``queue`` more may wait. Create it with
    :meth:`load`, end it with :meth:`close`.
    """

    sample_rate = 16000

    def __init__(self, model: WhisperModel, *, workers: int, queue: int) -> None:
        self._model = model
        self._tokenizer = Tokenizer(model.hf_tokenizer, True, task="transcribe", language="fr")
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="recognition")
        self._queue = queue
        self._workers = workers
        self._lock = threading.Lock()
        self._unfinished = 0  # jobs queued or running
        self._closed = False

    @classmethod
    async def load(cls, model: Path, *, workers: int = 2, queue: int = 8) -> WhisperTranscriber:
        """Load the model in folder ``model`` off the event loop and warm it up (about 1.5 s).

        Raises:
            ModelUnavailableError: CTranslate2 cannot read it.
        """
        return await asyncio.to_thread(cls._load, model, workers, queue)

    @classmethod
    def _load(cls, path: Path, workers: int, queue: int) -> WhisperTranscriber:
        started = time.monotonic()
        try:
            model = WhisperModel(
                str(path),
                device="cpu",
                compute_type="int8",
                cpu_threads=1,
                num_workers=workers,
                local_files_only=True,
            )
        except (RuntimeError, ValueError, OSError) as err:
            raise ModelUnavailableError(f"Whisper model {path} cannot be loaded: {err}") from err
        transcriber = cls(model, workers=workers, queue=queue)
        # The first decode of each worker allocates its buffers: let no caller wait for it.
        noise = np.random.default_rng(0).normal(0, 300, cls.sample_rate).astype(np.int16)
        for job in [
            transcriber._pool.submit(transcriber._decode, noise, RecognitionHint()) for _ in range(workers)
        ]:
            job.result()
        log.info("recognition.ready", workers=workers, ms=round((time.monotonic() - started) * 1000))
        return transcriber

    @property
    def spare(self) -> bool:
        """See :meth:`bot.ports.Transcriber.spare`."""
        return self._unfinished < self._workers

    async def transcribe(self, audio: Pcm, hint: RecognitionHint) -> Recognition:
        """Decode one utterance (int16 mono at 16 kHz). See :meth:`bot.ports.Transcriber.transcribe`.

        A clip under 0.1 s or below −60 dBFS is silence: no hypotheses, at once. One over 28 s is decoded
        in pieces, cut in pauses, and has one hypothesis.
        """
        audio_ms = round(len(audio) * 1000 / self.sample_rate)
        if (
            len(audio) < _SHORTEST_S * self.sample_rate
            or clips.loudest_dbfs(audio, self.sample_rate) < _SILENCE_DBFS
        ):
            return Recognition((), no_speech=1.0, audio_ms=audio_ms, decode_ms=0)
        job = self._submit(audio, hint)
        # Cancelling the wrapped future cancels the job too, which drops it unless it already runs.
        return await asyncio.wrap_future(job)

    async def close(self) -> None:
        """Finish running decodes, drop queued ones, free the model."""
        self._closed = True
        await asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=True)
        self._model.model.unload_model()

    def _submit(self, audio: Pcm, hint: RecognitionHint) -> Future[Recognition]:
        with self._lock:
            if self._closed:
                raise RecognitionError("recognition is closed")
            if self._unfinished >= self._workers + self._queue:
                raise RecognitionBusyError(f"{self._queue} utterances are already waiting")
            self._unfinished += 1
        job = self._pool.submit(self._recognise, audio, hint, time.monotonic())
        job.add_done_callback(self._finished)
        return job

    def _finished(self, _job: Future[Recognition]) -> None:
        with self._lock:
            self._unfinished -= 1

    # --- in a worker thread

    def _recognise(self, audio: Pcm, hint: RecognitionHint, queued_at: float) -> Recognition:
        started = time.monotonic()
        pieces = clips.split(audio, self.sample_rate, _LONGEST_S)
        try:
            decoded = [self._decode(piece, hint) for piece in pieces]
        except (RuntimeError, ValueError) as err:  # what CTranslate2 and the tokenizer raise
            raise RecognitionError(f"the decoder failed: {err}") from err
        return Recognition(
            hypotheses=decoded[0].hypotheses if len(decoded) == 1 else _join(decoded),
            no_speech=min(piece.no_speech for piece in decoded),
            audio_ms=round(len(audio) * 1000 / self.sample_rate),
            decode_ms=round((time.monotonic() - started) * 1000),
            queue_ms=round((started - queued_at) * 1000),
        )

    def _decode(self, audio: Pcm, hint: RecognitionHint) -> _Decoded:
        seconds = len(audio) / self.sample_rate
        features = self._model.feature_extractor(audio.astype(np.float32) / 32768)
        encoded = self._model.encode(clips.fit(features))
        previous = self._tokenizer.encode(" " + hint.prompt.strip()) if hint.prompt.strip() else []
        prompt = self._model.get_prompt(self._tokenizer, previous, without_timestamps=True)
        room = min(_TOKENS_AT_LEAST + math.ceil(_TOKENS_PER_SECOND * seconds), _MAX_LENGTH // 2)
        result = self._model.model.generate(
            encoded,
            [prompt],
            beam_size=max(_BEAM, hint.hypotheses),
            num_hypotheses=hint.hypotheses,
            # CTranslate2 gives the text min(max_length / 2, max_length - prompt) tokens.
            max_length=min(max(2 * room, len(prompt) + room), _MAX_LENGTH),
            return_scores=True,
            return_no_speech_prob=True,
        )[0]
        no_speech = float(result.no_speech_prob)
        return _Decoded(_guarded(self._read(result), no_speech, seconds, hint.prompt), no_speech)

    def _read(self, result: Any) -> Iterable[Hypothesis]:
        for tokens, score in zip(result.sequences_ids, result.scores, strict=True):
            # The score divides by the text's tokens, but the end token was scored too
            # (faster-whisper's formula).
            yield Hypothesis(self._tokenizer.decode(tokens).strip(), score * len(tokens) / (len(tokens) + 1))


def _guarded(
    hypotheses: Iterable[Hypothesis], no_speech: float, seconds: float, prompt: str
) -> tuple[Hypothesis, ...]:
    """What is left after the guard, each text once, best first."""
    kept: dict[str, float] = {}
    for hypothesis in hypotheses:
        text = guard.clean(
            hypothesis.text, score=hypothesis.score, no_speech=no_speech, seconds=seconds, prompt=prompt
        )
        if text:
            kept[text] = max(hypothesis.score, kept.get(text, -math.inf))
    ranked = sorted(kept.items(), key=lambda item: item[1], reverse=True)
    return tuple(Hypothesis(text, score) for text, score in ranked)


def _join(pieces: Iterable[_Decoded]) -> tuple[Hypothesis, ...]:
    """The best hypotheses of the pieces of a long clip, as one; its score is the mean weighted by length."""
    best = [piece.hypotheses[0] for piece in pieces if piece.hypotheses]
    if not best:
        return ()
    letters = sum(len(part.text) for part in best)
    score = sum(part.score * len(part.text) for part in best) / letters
    return (Hypothesis(" ".join(part.text for part in best), score),)
