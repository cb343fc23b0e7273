"""What a call that arrives continues, from the record and the callbacks. A call never waits long for it."""

from __future__ import annotations

import asyncio

import structlog

from bot.conversation.opening import Opening
from bot.errors import StoreError
from bot.models import CallRequest
from bot.ports import Callbacks
from bot.record.case import EarlierCall, earlier_call
from bot.record.reader import RecordReader

log = structlog.get_logger(__name__)

_WITHIN_S = 1.5
"""Longer than that, a caller hears nothing: the call begins without."""


class Openings:
    """Looks up how calls begin."""

    def __init__(self, record: RecordReader, callbacks: Callbacks | None = None) -> None:
        self._record = record
        self._callbacks = callbacks

    async def of(self, request: CallRequest) -> Opening:
        """How a call begins; what cannot be known in time is left out."""
        plain = Opening(user_to_user=request.user_to_user, callback_id=request.callback)
        if not request.resumes and not request.callback:
            return plain
        try:
            async with asyncio.timeout(_WITHIN_S):
                return await self._known(request)
        except (StoreError, TimeoutError) as err:
            log.error("case not found in time", error=type(err).__name__)
            return plain

    async def _known(self, request: CallRequest) -> Opening:
        cut = await self._earlier(request.resumes)
        if cut and request.caller_number and cut.caller_number not in ("", request.caller_number):
            log.error("another caller's call is not resumed", cut=cut.call_id)
            cut = None
        callback = None
        if request.callback and self._callbacks:
            callback = await self._callbacks.context(request.callback)
        earlier = await self._earlier(callback.call_id) if callback else None
        return Opening(request.user_to_user, cut, request.callback, callback, earlier)

    async def _earlier(self, call_id: str) -> EarlierCall | None:
        view = await self._record.call(call_id) if call_id else None
        return earlier_call(view) if view and view.case_id else None
