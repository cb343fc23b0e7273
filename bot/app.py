"""The composition root: builds every part from the settings and the operator's data, and serves."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import partial

import structlog
import uvicorn
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.audit.log import AuditLog
from bot.audit.redeem import Redeemer
from bot.callbacks.dialer import CallbackDialer
from bot.callbacks.missed import MissedCallWatch
from bot.callbacks.policy import CallbackPolicy
from bot.callbacks.promises import PromiseSink
from bot.callbacks.service import CallbackService
from bot.callbacks.store import CallbackStore
from bot.calls import Calls
from bot.desk import DeskCases, Level2Callbacks
from bot.dialogue.rasa import RasaDialogue
from bot.errors import StoreError
from bot.events import CallEvent
from bot.handoff.token import HandoffTokens
from bot.lag import LoopLag
from bot.line import open_line
from bot.logs import configure_logs
from bot.openings import Openings
from bot.operator import Operator, load_operator
from bot.pipeline.speaking import spoken_sentences
from bot.pipeline.voice_activity import SAMPLE_RATE
from bot.record.cut import close_cut_calls
from bot.record.journal import CallJournal
from bot.record.migrations import upgrade
from bot.record.reader import RecordReader
from bot.record.spool import Spool
from bot.record.store import CallStore, make_engine, transaction
from bot.routing.ledger import CallLedger, LedgerJournal
from bot.routing.past import recall
from bot.routing.service import SiteRouter
from bot.settings import Settings
from bot.web.access import Access
from bot.web.api import ApiDeps, PartState, api_router
from bot.web.browser import BrowserCalls, PageConfig, SecurityHeaders, browser_router
from bot.web.callback_page import PageTexts, callback_page_router
from bot.web.callbacks import callbacks_router
from bot.web.guard import AddressLimit, FormGuard
from bot.web.phone import no_line, phone_router
from bot.web.problems import install_problems
from bot.web.redeem import SiteAccess, audit_router, redeem_router
from bot.web.server import http_config
from bot.web.text import text_router
from desk.accounts import Accounts
from desk.floor import AgentFloor
from desk.oidc import OidcProvider, OidcSettings, oidc_router
from desk.pages import add_pages
from desk.router import DeskDeps, desk_router, set_cookie
from desk.store import ContactWriter, DeskStore
from media.modelstore import find_whisper
from media.stt.whisper import WhisperTranscriber
from media.tts.factory import VoiceSettings, open_voice
from media.webrtc.door import WebRtcSettings, accept
from media.webrtc.headset import Headsets, HeadsetSettings
from media.webrtc.ice import IceServers
from media.webrtc.loopback import offer_loopback_candidates

log = structlog.get_logger(__name__)

_DESK_TIMEOUT_S = 5.0
_LATE_MS = 500
"""An event loop this late stutters in every call."""


def serve(settings: Settings) -> None:
    """Run the bot until it is told to stop.

    Raises:
        ConfigurationError: a setting or ``operator.yml`` is wrong.
        ModelUnavailableError: no recognition model could be found.
    """
    configure_logs(as_json=settings.log_json)
    operator = load_operator(settings.operator_file)
    asyncio.run(_serve(settings, operator))


async def _serve(settings: Settings, operator: Operator) -> None:
    async with application(settings, operator) as app:
        await uvicorn.Server(http_config(app, settings)).serve()


@asynccontextmanager
async def application(settings: Settings, operator: Operator) -> AsyncIterator[FastAPI]:
    """The whole bot, started; stopped again on exit, calls first."""
    async with AsyncExitStack() as stack:
        transcriber = await _open_transcriber(settings)
        stack.push_async_callback(transcriber.close)
        voice = await asyncio.to_thread(
            open_voice,
            VoiceSettings(
                name=settings.piper_voice,
                path=settings.voice_model,
                cache_bytes=settings.phrase_cache_mb << 20,
            ),
        )
        stack.push_async_callback(voice.close)
        phrases = (spoken for text in operator.phrases.fixed() for _, spoken in spoken_sentences(text))
        await voice.prewarm(phrases, SAMPLE_RATE)

        url = settings.resolved_database_url()
        await asyncio.to_thread(upgrade, url)
        engine = make_engine(url)
        store = CallStore(engine)
        stack.push_async_callback(store.close)
        promises = PromiseSink(store)
        journal = CallJournal(promises, Spool(settings.var / "spool"))
        await journal.start()
        stack.push_async_callback(journal.stop)
        await journal.replayed()
        await close_cut_calls(store)
        record = RecordReader(journal, store)
        dialogue = RasaDialogue(settings.rasa_url, turn_timeout_s=settings.dialogue_timeout_s)
        stack.push_async_callback(dialogue.close)
        ice = IceServers(
            tuple(settings.ice_servers), settings.turn_secret.get_secret_value(), settings.turn_validity_s
        )
        headsets = Headsets(HeadsetSettings(ice_servers=ice.fresh))
        stack.push_async_callback(headsets.close_all)
        line = open_line(settings, operator, headsets.get)
        if line:
            # Stopped after the calls: it sees them end, and sends their callers to where a sentence waits for them.
            stack.push_async_callback(line.stop)
        callback_store, callback_policy = CallbackStore(engine), CallbackPolicy.of(operator)
        callbacks = CallbackService(callback_store, callback_policy, line=line is not None)

        desk_store = DeskStore(partial(transaction, engine, _DESK_TIMEOUT_S))
        contacts = ContactWriter(desk_store)
        contacts.start()
        stack.push_async_callback(contacts.stop)
        floor = AgentFloor(contacts)
        stack.push_async_callback(floor.stop)

        ledger = CallLedger()
        await _recall(engine, ledger)
        tokens = HandoffTokens(settings.resolved_handoff_key())
        calls = Calls(
            operator=operator, dialogue=dialogue, journal=LedgerJournal(journal, ledger),
            transcriber=transcriber, voice=voice, max_calls=settings.max_calls, openings=Openings(record, callbacks),
            tokens=tokens, router=SiteRouter(operator, ledger, idle=floor.idle, signed_in=floor.signed_in),
            agents=floor,
        )  # fmt: skip
        stack.push_async_callback(calls.stop)
        if line:
            line.room = calls.capacity_left
            dialer = CallbackDialer(callback_store, callback_policy, line, room=calls.capacity_left)
            stack.push_async_callback(dialer.stop)
            promises.on_promise = callbacks.on_new = dialer.wake
            callbacks.on_cancelled = dialer.abort
            missed = MissedCallWatch(line, callbacks)
            stack.push_async_callback(missed.stop)
        offer_loopback_candidates(_is_loopback(settings.host))
        browser = BrowserCalls(
            calls,
            _LiveEvents(journal),
            partial(
                accept,
                settings=WebRtcSettings(
                    ice_servers=ice.fresh, sample_rate=SAMPLE_RATE, headsets=headsets.get
                ),
            ),
            rehearsal=settings.rehearsal,
        )
        stack.push_async_callback(browser.close)

        lag = LoopLag()
        lag.start()
        stack.push_async_callback(lag.stop)

        async def parts() -> dict[str, PartState]:
            telephone = {"telephone": PartState(ok=line.up, detail=f"{line.calls} calls")} if line else {}
            return {
                **telephone,
                "dialogue": PartState(ok=await dialogue.ready()),
                "record": PartState(ok=journal.state.whole, detail=f"{journal.state.lost} lost"),
                "loop": PartState(ok=lag.worst_ms < _LATE_MS, detail=f"{lag.worst_ms} ms late at worst"),
                "lines": PartState(ok=calls.capacity_left(), detail=f"{calls.running} calls"),
                "voice": PartState(ok=True, detail=voice.name),
            }

        access = Access({"operator": settings.resolved_api_token()})
        app = FastAPI(title="Décroche", version="1", docs_url=None, redoc_url=None)
        app.add_middleware(SecurityHeaders)
        install_problems(app)
        app.include_router(api_router(ApiDeps(record, access, parts)))
        page = PageConfig(operator.brand.name, lambda: [server.to_json() for server in ice.fresh()])
        app.include_router(browser_router(browser, page))
        app.include_router(
            phone_router(
                calls,
                settings.media_token.get_secret_value(),
                rehearsal=settings.rehearsal,
                claim=line.claim if line else no_line,
            )
        )
        app.include_router(text_router(calls, access))
        audit = AuditLog(engine)
        app.include_router(audit_router(audit, access))
        accounts, provider = Accounts(desk_store), _oidc(settings)
        desk = DeskDeps(
            operator, accounts, desk_store, floor, DeskCases(record), audit,
            Level2Callbacks(record, callbacks) if line else None, headsets, oidc=provider is not None,
        )  # fmt: skip
        app.include_router(desk_router(desk))
        if provider:
            app.include_router(oidc_router(provider, accounts, set_cookie))
        add_pages(app)
        if keys := settings.resolved_site_keys():
            app.include_router(redeem_router(Redeemer(tokens, record, audit), SiteAccess(keys)))
        app.include_router(callbacks_router(callbacks, access))
        app.include_router(
            callback_page_router(
                callbacks,
                PageTexts(operator.brand.name, operator.telephony.number),
                FormGuard(settings.resolved_handoff_key()),
                AddressLimit(operator.callbacks.limits.per_address_hour),
            )
        )
        if line:
            await line.start()
            dialer.start()
            missed.start()
        log.info("ready", brand=operator.brand.name, voice=voice.name, port=settings.port)
        yield app


async def _recall(engine: AsyncEngine, ledger: CallLedger) -> None:
    """A record that cannot be read now is no reason to stay closed: shares are then counted from here on."""
    try:
        await recall(engine, ledger, datetime.now(UTC))
    except StoreError as err:
        log.error("calls of the last days not counted", code=err.code)


async def _open_transcriber(settings: Settings) -> WhisperTranscriber:
    found = await asyncio.to_thread(find_whisper, settings.whisper_model)
    return await WhisperTranscriber.load(found.path, workers=settings.decoders, queue=settings.decode_queue)


def _oidc(settings: Settings) -> OidcProvider | None:
    """Where agents may sign in besides here."""
    if not settings.oidc_issuer:
        return None
    secret = settings.oidc_client_secret.get_secret_value()
    return OidcProvider(OidcSettings(settings.oidc_issuer, settings.oidc_client_id, secret))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _LiveEvents:
    """The journal's live reader as the browser door wants it."""

    def __init__(self, journal: CallJournal) -> None:
        self._journal = journal

    async def subscribe(self, call_id: str) -> AsyncIterator[CallEvent]:
        subscription = self._journal.subscribe(call_id)
        if subscription is None:
            raise StoreError("no such call, or too many readers")
        try:
            async for entry in subscription:
                yield entry.event
        finally:
            self._journal.unsubscribe(call_id, subscription)
