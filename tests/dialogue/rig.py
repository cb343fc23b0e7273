"""The dialogue as it runs: the trained model, a real action server on a free port, a seeded subscriber system.

Everything shares one event loop, so that a test drives a call with plain blocking calls.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import structlog
from rasa.core.agent import Agent
from rasa.core.channels.channel import CollectingOutputChannel, UserMessage
from rasa.utils.endpoints import EndpointConfig
from rasa_sdk.endpoint import create_app
from sanic import Sanic

from actions import services
from actions.crm import connect
from tests.dialogue.contract import check_reply
from tests.dialogue.model import newest_model

TODAY = date(2027, 3, 15)
NOW = "2027-03-15T10:00:00+01:00"


@dataclass(frozen=True)
class Reply:
    """One turn's messages."""

    messages: tuple[Mapping[str, Any], ...]

    @property
    def customs(self) -> list[Mapping[str, Any]]:
        """The contract's payloads."""
        return [m["custom"] for m in self.messages if "custom" in m]

    @property
    def said(self) -> str:
        """All that the caller hears."""
        said = (m.get("text") or m.get("custom", {}).get("say") for m in self.messages)
        return " ".join(text for text in said if text)

    def of(self, key: str) -> list[Any]:
        """Every value of ``key`` in the payloads."""
        return [c[key] for c in self.customs if key in c]

    @property
    def expect(self) -> Mapping[str, Any]:
        """What counts as expected after this reply."""
        return (self.of("expect") or [{"kind": "open"}])[-1]

    @property
    def reports(self) -> dict[str, Mapping[str, Any]]:
        """Reports by action."""
        return {r["action"]: r for r in self.of("report")}

    @property
    def handoff(self) -> Mapping[str, Any]:
        """The request for a person, or nothing."""
        found = self.of("handoff")
        assert len(found) < 2, "one call is handed over once"
        return found[0] if found else {}

    @property
    def hang_up(self) -> str:
        """The outcome the call ends with, or nothing."""
        return str((self.of("hang_up") or [{"outcome": ""}])[0]["outcome"])


@dataclass
class Call:
    """One call through the dialogue."""

    rig: Rig
    call_id: str
    caller_number: str = ""
    replies: list[Reply] = field(default_factory=list)

    def say(self, text: str, **metadata: Any) -> Reply:
        """The caller says (or a key sends) ``text``."""
        reply = self.rig.turn(self.call_id, text, {"caller_number": self.caller_number, **metadata})
        self.replies.append(reply)
        return reply

    def number(self, digits: str) -> Reply:
        """The caller keys digits."""
        return self.say("/inform_number" + json.dumps({"number": digits}), mode="keypad")

    def key(self, key: str) -> Reply:
        """The caller presses one of the keys that the last reply named."""
        return self.say(self.replies[-1].expect["options"][key], mode="keypad")

    def slots(self) -> dict[str, Any]:
        """Slots as they stand."""
        return self.rig.slots(self.call_id)


class Rig:
    """Model, action server and subscriber system, started once for a test run."""

    def __init__(self, folder: Path) -> None:
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
        self._loop = asyncio.new_event_loop()
        self._count = itertools.count(1)
        self._folder = folder
        self.fresh()
        self._loop.run_until_complete(self._start())

    async def _start(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        Sanic.test_mode = True  # lets a second test session in the same process make its server
        app = create_app("actions")
        self._server = await app.create_server(host="127.0.0.1", port=port, return_asyncio_server=True)
        await self._server.startup()
        endpoint = EndpointConfig(f"http://127.0.0.1:{port}/webhook", enable_selective_domain=True)
        self._agent = Agent.load(str(newest_model()), action_endpoint=endpoint)

    def close(self) -> None:
        """Stop the action server."""
        self._server.close()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()
        services.install(None)

    def fresh(self) -> None:
        """A subscriber system as on the first day."""
        url = f"sqlite:///{self._folder / f'crm-{next(self._count)}.db'}"
        crm, boxes = connect({"DECROCHE_CRM_URL": url, "DECROCHE_CRM_TODAY": TODAY.isoformat()})
        loaded = services.load_data()
        services.install(services.Services(crm, boxes, *loaded))

    def call(self, caller_number: str = "") -> Call:
        """A new call, already started."""
        call = Call(self, f"call-{next(self._count)}", caller_number)
        started = call.say("/call_started")
        assert started.messages == (), "the bot says the welcome itself"
        return call

    def turn(self, call_id: str, text: str, metadata: Mapping[str, Any]) -> Reply:
        """One turn, as the REST channel takes it; what comes back is held to the contract."""
        out = CollectingOutputChannel()
        message = UserMessage(
            text, out, call_id, input_channel="rest", metadata={"channel": "text", "now": NOW, **metadata}
        )
        self._loop.run_until_complete(self._agent.handle_message(message))
        messages = tuple({k: v for k, v in m.items() if k != "recipient_id"} for m in out.messages)
        check_reply(messages)
        return Reply(messages)

    def slots(self, call_id: str) -> dict[str, Any]:
        """Slots of a call."""
        tracker = self._loop.run_until_complete(self._agent.processor.get_tracker(call_id))
        return dict(tracker.current_slot_values())
