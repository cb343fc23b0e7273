"""From the click to the ringing telephone and to the answer: the product's own clock against a real telephone's."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from bot.callbacks.calendar import CallCalendar
from bot.callbacks.dialer import CallbackDialer
from bot.callbacks.policy import CallbackPolicy
from bot.callbacks.service import CallbackService
from bot.callbacks.store import CallbackStore
from bot.operator import Hours, load_operator
from bot.record.migrations import upgrade_async
from bot.record.store import make_engine
from bot.settings import ROOT
from bot.web.access import Access
from bot.web.callbacks import callbacks_router
from bot.web.problems import install_problems
from simulator.sip import Manner, SipAgent, State
from tests.e2e.telephone.alone import Alone
from tests.e2e.telephone.test_line import WITHIN_S, Process, asterisk, bot_process  # noqa: F401  # fixtures

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALLBACKS = 20
RING_S = 5.0
"""From the click to the ringing, 95 times in 100."""


def always_open() -> CallbackPolicy:
    """The shipped rules, at any hour of any day."""
    operator = load_operator(ROOT / "operator.yml")
    all_week = Hours.model_validate(
        {
            "days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
            "open": "00:00",
            "close": "23:59:59.999999",
        }
    )
    return CallbackPolicy(
        operator.callbacks, CallCalendar(all_week, operator.zone, all_week, public_holidays=True)
    )


async def test_from_click_to_ring_to_answer(
    asterisk: Alone,  # noqa: F811
    bot_process: Process,  # noqa: F811
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path / 'calls.db'}"
    await upgrade_async(url)
    engine = make_engine(url)
    store, policy = CallbackStore(engine), always_open()
    service = CallbackService(store, policy)
    dialer = CallbackDialer(store, policy, bot_process.line)
    service.on_new = dialer.wake
    app = FastAPI()
    app.include_router(callbacks_router(service, Access({"website": "token"})))
    install_problems(app)
    port = int(asterisk.config.trunk.host.rpartition(":")[2])
    rings, told = [], []
    dialer.start()
    try:
        async with (
            SipAgent("+33611220000", Manner(answer_after_s=0.2, stays_s=0.2), port=port) as subscriber,
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app),
                base_url="http://bot",
                headers={"Authorization": "Bearer token"},
            ) as website,
        ):
            for n in range(CALLBACKS):
                clicked = time.monotonic()
                asked = await website.post("/api/callbacks", json={"number": f"06 11 22 00 {n:02d}"})
                assert asked.status_code == 201, asked.text
                rung = await subscriber.wait("invited", WITHIN_S, since=clicked)
                rings.append(round((rung.at - clicked) * 1000))
                await subscriber.until(State.OVER, WITHIN_S, since=clicked)
                found = (await website.get(f"/api/callbacks/{asked.json()['callback_id']}")).json()
                assert found["outcome"] == "kept"
                told.append(found["clock"])
            listed = (await website.get("/api/callbacks")).json()["report"]
    finally:
        await dialer.stop()
        await engine.dispose()
    print(
        f"click to ring, ms: {sorted(rings)}; the product says p50 {listed['ring_p50_ms']}, p95 {listed['ring_p95_ms']}"
    )
    assert sorted(rings)[CALLBACKS * 95 // 100 - 1] < RING_S * 1000
    assert listed["at_once"] == CALLBACKS
    for measured, clock in zip(rings, told, strict=True):
        assert abs(clock["click_to_ring_ms"] - measured) < 500, "the product's clock tells the truth"
        assert clock["ring_to_answer_ms"] >= 150
