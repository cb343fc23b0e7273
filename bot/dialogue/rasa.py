"""The dialogue server behind the ``Dialogue`` port: Rasa's REST channel over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from bot.errors import DialogueError, DialoguePayloadError, DialogueTimeoutError
from bot.models import Understanding
from bot.ports import DialogueReply

_READ_TIMEOUT_S = 3.0
"""For reads off the critical path."""
_GLANCE_TIMEOUT_S = 0.5
"""For a look at a text while the caller may still go on: an answer that comes later is of no use."""
_NO_INTENT = (None, "nlu_fallback", "out_of_scope")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except httpx.TimeoutException as err:
        raise DialogueTimeoutError("the dialogue server did not answer in time") from err
    except httpx.HTTPError as err:
        raise DialogueError(f"the dialogue server failed: {type(err).__name__}") from err
    except ValueError as err:  # a body that is not JSON
        raise DialoguePayloadError("the dialogue server did not answer JSON") from err


class RasaDialogue:
    """One pooled HTTP client shared by every call in the process.

    A turn is sent once and never retried: Rasa may have taken it although the answer was lost.
    """

    def __init__(
        self, url: str, *, turn_timeout_s: float, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._turn_timeout_s = turn_timeout_s
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=50)
        self._http = httpx.AsyncClient(
            base_url=url,
            limits=limits,
            timeout=httpx.Timeout(_READ_TIMEOUT_S, connect=2.0),
            transport=transport,
        )

    async def turn(self, call_id: str, message: str, metadata: Mapping[str, Any]) -> DialogueReply:
        """See :meth:`bot.ports.Dialogue.turn`."""
        body = {"sender": call_id, "message": message, "metadata": dict(metadata)}
        with _translated():
            try:
                async with asyncio.timeout(self._turn_timeout_s):
                    response = await self._http.post(
                        "/webhooks/rest/webhook",
                        json=body,
                        timeout=httpx.Timeout(self._turn_timeout_s, connect=2.0),
                    )
            except TimeoutError as err:
                raise DialogueTimeoutError("the dialogue server did not answer in time") from err
            response.raise_for_status()
            messages = response.json()
        if not isinstance(messages, list) or not all(isinstance(m, dict) for m in messages):
            raise DialoguePayloadError(
                "the dialogue server answered something that is not a list of messages"
            )
        return DialogueReply(tuple(messages))

    async def confidence(self, text: str) -> float:
        """See :meth:`bot.ports.Dialogue.confidence`."""
        with _translated():
            response = await self._http.post(
                "/model/parse", json={"text": text}, timeout=httpx.Timeout(_GLANCE_TIMEOUT_S)
            )
            response.raise_for_status()
            intent = response.json().get("intent") or {}
        return 0.0 if intent.get("name") in _NO_INTENT else float(intent.get("confidence") or 0.0)

    async def understanding(self, call_id: str) -> Understanding:
        """See :meth:`bot.ports.Dialogue.understanding`.

        Read from the events: the tracker's own ``latest_message`` forgets every turn taken inside a form.
        """
        with _translated():
            response = await self._http.get(
                f"/conversations/{call_id}/tracker", params={"include_events": "ALL"}
            )
            response.raise_for_status()
            tracker = response.json()
        latest: dict[str, Any] = next(
            (e for e in reversed(tracker.get("events") or ()) if e.get("event") == "user"), {}
        )
        parsed = latest.get("parse_data") or {}
        intent = parsed.get("intent") or {}
        return Understanding(
            intent=str(intent.get("name") or ""),
            confidence=float(intent.get("confidence") or 0.0),
            entities=tuple(
                {"entity": e.get("entity"), "value": e.get("value")} for e in parsed.get("entities") or ()
            ),
            slots={k: v for k, v in (tracker.get("slots") or {}).items() if v not in (None, [], "")},
        )

    async def ready(self) -> bool:
        """Whether a trained model is loaded and answering."""
        try:
            with _translated():
                response = await self._http.get("/status")
                return response.status_code == 200 and bool(response.json().get("model_file"))
        except DialogueError:
            return False

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()
