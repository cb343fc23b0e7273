"""The baseline: a pipecat pipeline put together from stock parts, as its documentation shows one.

``WhisperSTTService`` with the same model, the default turn strategies (Silero and Smart Turn as shipped), one REST
call to the same Rasa, and a plain ``TTSService`` over the same embedded voice, so that the ratio says nothing of the
voice engine. It answers at the same door, ``/media``, as the bot does.

    python -m bench.stock PORT RASA_URL
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI, WebSocket
from loguru import logger
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import (
    Frame,
    InterruptionFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    OutputAudioRawFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.settings import TTSSettings
from pipecat.services.tts_service import TTSService
from pipecat.services.whisper.stt import WhisperSTTService
from pipecat.transcriptions.language import Language
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
from pipecat.workers.runner import WorkerRunner

from bot.french.speak import verbalise
from bot.operator import load_operator
from bot.ports import Voice
from bot.settings import ROOT
from media.modelstore import find_whisper
from media.telephony.asterisk import AsteriskSerializer, read_start
from media.tts.nanotts import NanoTtsVoice

_RATE = 16_000
_PACKET_BYTES = 640


class _PlainSerializer(AsteriskSerializer):
    """The same messages; the voice goes out packet by packet as pipecat's own transport paces it."""

    async def serialize(self, frame: Frame) -> str | bytes | None:
        """See pipecat."""
        match frame:
            case OutputAudioRawFrame():
                return bytes(frame.audio)
            case InterruptionFrame():
                return json.dumps({"command": "FLUSH_MEDIA"})
        return await super().serialize(frame)


class Rasa(FrameProcessor):
    """Rasa in the place of the language model: one REST call for each finished user turn."""

    def __init__(self, http: httpx.AsyncClient, sender: str) -> None:
        super().__init__()
        self._http = http
        self._sender = sender

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """See pipecat."""
        await super().process_frame(frame, direction)
        if not (isinstance(frame, LLMContextFrame) and direction is FrameDirection.DOWNSTREAM):
            await self.push_frame(frame, direction)
            return
        text = str(frame.context.get_messages()[-1]["content"])
        await self.push_frame(LLMFullResponseStartFrame())
        response = await self._http.post(
            "/webhooks/rest/webhook", json={"sender": self._sender, "message": text.lower()}
        )
        for message in response.json():
            custom = message.get("custom") or {}
            if said := message.get("text") or custom.get("say"):
                await self.push_frame(LLMTextFrame(said + " "))
        await self.push_frame(LLMFullResponseEndFrame())


class EmbeddedTts(TTSService):
    """pipecat's own sentence aggregation over the embedded French voice."""

    def __init__(self, voice: Voice) -> None:
        super().__init__(
            push_start_frame=True,
            push_stop_frames=True,
            settings=TTSSettings(model="pico", voice="fr-FR", language="fr"),
        )
        self._engine = voice

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        """See pipecat."""
        async for chunk in self._engine.speak(verbalise(text), sample_rate=_RATE, cacheable=False):
            yield TTSAudioRawFrame(chunk.samples.tobytes(), chunk.sample_rate, 1, context_id=context_id)


def application(rasa_url: str) -> FastAPI:
    """The door. As in pipecat's examples, each call builds its own pipeline and loads its own model."""
    app = FastAPI()
    model = str(find_whisper().path)
    voice = NanoTtsVoice()
    welcome = load_operator(ROOT / "operator.yml").phrases.welcome

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.websocket("/media")
    async def media(socket: WebSocket) -> None:
        await socket.accept(subprotocol="media")
        start = await read_start(socket)
        async with httpx.AsyncClient(base_url=rasa_url, timeout=10) as http:
            transport = FastAPIWebsocketTransport(
                socket,
                FastAPIWebsocketParams(
                    serializer=_PlainSerializer(lambda _: None),
                    audio_in_enabled=True,
                    audio_out_enabled=True,
                    audio_in_sample_rate=_RATE,
                    audio_out_sample_rate=_RATE,
                    audio_out_10ms_chunks=2,
                    audio_out_end_silence_secs=0,
                    fixed_audio_packet_size=_PACKET_BYTES,
                ),
            )
            stt = await asyncio.to_thread(
                lambda: WhisperSTTService(
                    device="cpu",
                    compute_type="int8",
                    settings=WhisperSTTService.Settings(model=model, language=Language.FR),
                )
            )
            context = LLMContext()
            user, assistant = LLMContextAggregatorPair(
                context, user_params=LLMUserAggregatorParams(vad_analyzer=SileroVADAnalyzer())
            )
            worker = PipelineWorker(
                Pipeline(
                    [
                        transport.input(), stt, user, Rasa(http, start.variables["DECROCHE_CALL"]),
                        EmbeddedTts(voice), transport.output(), assistant,
                    ]
                ),
                params=PipelineParams(audio_in_sample_rate=_RATE, audio_out_sample_rate=_RATE),
                cancel_on_idle_timeout=False,
                enable_rtvi=False,
            )  # fmt: skip

            async def connected(*_: Any) -> None:
                await worker.queue_frame(TTSSpeakFrame(welcome, append_to_context=False))

            async def gone(*_: Any) -> None:
                await worker.cancel(reason="caller hung up")

            transport.add_event_handler("on_client_connected", connected)
            transport.add_event_handler("on_client_disconnected", gone)
            runner = WorkerRunner(handle_sigint=False)
            await runner.add_workers(worker)
            await runner.run()

    return app


if __name__ == "__main__":
    logger.remove()
    logging.basicConfig(level=logging.WARNING)
    uvicorn.run(application(sys.argv[2]), host="127.0.0.1", port=int(sys.argv[1]), log_config=None)
