"""Asked on the web to be called back: the subscriber's telephone rings in seconds and the bot is there."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from simulator.sip import Manner, State
from tests.e2e.telephone import judge
from tests.e2e.telephone.rig import SPARE, TelephoneLine, eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

RING_S = 5.0
"""From the click to the ringing."""


async def ask(line: TelephoneLine, number: str, reason: str = "Ma facture a augmenté") -> dict[str, Any]:
    """Ask for a callback as the operator's website does."""
    async with httpx.AsyncClient(headers=dict(line.server.headers), timeout=5.0) as client:
        response = await client.post(
            f"{line.server.url}/api/callbacks", json={"number": number, "reason": reason}
        )
    assert response.status_code in (200, 201, 202), response.text
    return dict(response.json())


async def callback(line: TelephoneLine, callback_id: str) -> dict[str, Any]:
    """The callback as it stands."""
    async with httpx.AsyncClient(headers=dict(line.server.headers), timeout=5.0) as client:
        return dict((await client.get(f"{line.server.url}/api/callbacks/{callback_id}")).json())


async def test_rung_in_seconds_and_answered_by_the_bot(line: TelephoneLine) -> None:
    async with line.carrier(Manner(answer_after_s=0.5)) as subscriber:
        clicked = time.monotonic()
        asked = await ask(line, "06 11 22 33 55")
        rung = await subscriber.wait("invited", RING_S * SPARE)
        answered = await subscriber.until(State.UP, 10.0)

        async def spoken_to() -> bool:
            return judge.speech_s(subscriber.sound(answered).heard) > 1.0

        assert await eventually(spoken_to, 15.0)
        subscriber.hang_up()

        async def answered_in_the_books() -> bool:
            return (await callback(line, asked["callback_id"]))["state"] == "answered"

        assert await eventually(answered_in_the_books, 5.0)
        (invitation,) = subscriber.invitations
        waiting = judge.first_sound_s(subscriber.sound(answered).heard)
    assert rung.at - clicked < RING_S * SPARE
    assert "+33611223355@" in invitation.request
    assert "+33180880000" in invitation.header("From"), "our own number is shown"
    assert waiting is not None
    assert waiting < 2.0 * SPARE


async def test_a_busy_line_is_tried_again_later(line: TelephoneLine) -> None:
    async with line.carrier(Manner(refuse=486)) as subscriber:
        asked = await ask(line, "06 11 22 33 66")
        await subscriber.wait("invited", RING_S * SPARE)

        async def waits() -> bool:
            return (await callback(line, asked["callback_id"]))["state"] == "retry"

        assert await eventually(waits, 5.0)
        found = await callback(line, asked["callback_id"])
    assert [one["result"] for one in found["tries"]] == ["busy"]
    assert found["attempts"] == 1


async def test_numbers_that_are_never_rung(line: TelephoneLine) -> None:
    async with line.carrier() as carrier:
        async with httpx.AsyncClient(headers=dict(line.server.headers), timeout=5.0) as client:
            for number in ("0899123456", "+1 900 555 0199", "15", "+882 1655 5555"):
                response = await client.post(f"{line.server.url}/api/callbacks", json={"number": number})
                assert response.status_code == 422, number
        with pytest.raises(TimeoutError):
            await carrier.wait("invited", 1.0)
