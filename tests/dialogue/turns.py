"""One action on one conversation, without Rasa: what it says and which slots it sets."""

from __future__ import annotations

import asyncio
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.base import DecrocheAction


def run(
    action: DecrocheAction,
    *,
    loop: str = "",
    intent: str = "x",
    number: str = "",
    metadata: Any = None,
    **slots: Any,
) -> Any:
    """Messages and events of ``action`` on a conversation whose slots are ``slots``."""
    entities = [{"entity": "number", "value": number}] if number else []
    message = {"intent": {"name": intent}, "entities": entities, "text": intent, "metadata": metadata or {}}
    events = [{"event": "user", "text": intent}, {"event": "action", "name": loop or "action_x"}]
    tracker = Tracker(
        "call-1", slots, message, events, False, None, {"name": loop} if loop else {}, "action_listen"
    )
    dispatcher = CollectingDispatcher()
    found = asyncio.run(action.run(dispatcher, tracker, {}))
    return dispatcher.messages, {e["name"]: e["value"] for e in found if e["event"] == "slot"}, found


def customs(messages: list[Any], key: str) -> list[Any]:
    return [m["custom"][key] for m in messages if key in (m.get("custom") or {})]


def said(messages: list[Any]) -> list[str]:
    return [m["response"] for m in messages if m.get("response")]
