"""The telephone line with an echo in the bot's place: what a caller says comes back. For load, where speech would be
the bottleneck. ``python -m tests.e2e.telephone.echo``, with the bot's own settings in the environment.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from pipecat.frames.frames import InputAudioRawFrame

from bot.operator import load_operator
from bot.settings import Settings
from media.telephony.ari import AriClient, AriSettings
from media.telephony.asterisk import AsteriskSerializer, read_start
from media.telephony.line import AsteriskLine
from media.telephony.orders import LineSettings


def echo_app(settings: Settings) -> FastAPI:
    """An app with the media door only."""
    number = load_operator(settings.operator_file).telephony.number
    ari = AriClient(
        AriSettings(settings.ari_url, settings.ari_user, settings.resolved_ari_password(), settings.ari_app)
    )
    line = AsteriskLine(
        ari, LineSettings(number=number, trunk_host=settings.trunk_host, app=settings.ari_app)
    )

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        await line.start()
        yield
        await line.stop()

    app = FastAPI(lifespan=life)

    @app.websocket("/media")
    async def media(socket: WebSocket) -> None:
        if line.claim(socket.query_params.get("token", "")) is None:
            await socket.close(1008)
            return
        await socket.accept(subprotocol="media")
        await read_start(socket)
        serializer = AsteriskSerializer(lambda _: None)
        try:
            while True:
                message = await socket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                frame = await serializer.deserialize(message.get("bytes") or message["text"])
                if isinstance(frame, InputAudioRawFrame):
                    await socket.send_bytes(frame.audio)
        except WebSocketDisconnect:
            return

    @app.get("/healthz")
    async def healthz() -> dict[str, bool]:
        return {"up": line.up}

    return app


def main() -> None:
    """Serve where the bot would."""
    settings = Settings()
    config = uvicorn.Config(
        echo_app(settings), host=settings.host, port=settings.port, log_config=None, access_log=False
    )
    asyncio.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main()
