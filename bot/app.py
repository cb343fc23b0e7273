"""The composition root: builds every part from the settings and the operator's data, and serves."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
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
from media.telephony.line import AsteriskLine
from media.tts.cache import CachedVoice
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
        transcriber = await _open_transcriber(stack, settings)
        voice = await _open_voice(stack, settings, operator)
        record = await _open_record(stack, settings)
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
        callback_store, callback_policy = CallbackStore(record.engine), CallbackPolicy.of(operator)
        callbacks = CallbackService(callback_store, callback_policy, line=line is not None)
        desk_store = DeskStore(partial(transaction, record.engine, _DESK_TIMEOUT_S))
        floor = _open_floor(stack, desk_store)
        ledger = CallLedger()
        await _recall(record.engine, ledger)
        tokens = HandoffTokens(settings.resolved_handoff_key())
        calls = Calls(
            operator=operator, dialogue=dialogue, journal=LedgerJournal(record.journal, ledger),
            transcriber=transcriber, voice=voice, max_calls=settings.max_calls,
            openings=Openings(record.reader, callbacks), tokens=tokens, agents=floor,
            router=SiteRouter(operator, ledger, idle=floor.idle, signed_in=floor.signed_in),
        )  # fmt: skip
        stack.push_async_callback(calls.stop)
        browser = _browser_calls(settings, calls, record, ice, headsets)
        stack.push_async_callback(browser.close)
        lag = LoopLag()
        lag.start()
        stack.push_async_callback(lag.stop)

        bot = _Bot(
            settings, operator, record, dialogue, voice, calls, browser, line, callbacks, desk_store, floor,
            headsets, tokens, ice, lag,
        )  # fmt: skip
        app = _web(bot)
        if line:
            await _serve_line(stack, line, bot, callback_store, callback_policy)
        log.info("ready", brand=operator.brand.name, voice=voice.name, port=settings.port)
        yield app


@dataclass(frozen=True)
class _Record:
    """The call record: its database, what writes it and what reads it."""

    engine: AsyncEngine
    promises: PromiseSink
    journal: CallJournal
    reader: RecordReader


@dataclass(frozen=True)
class _Bot:
    """The parts that the doors are built over."""

    settings: Settings
    operator: Operator
    record: _Record
    dialogue: RasaDialogue
    voice: CachedVoice
    calls: Calls
    browser: BrowserCalls
    line: AsteriskLine | None
    callbacks: CallbackService
    desk_store: DeskStore
    floor: AgentFloor
    headsets: Headsets
    tokens: HandoffTokens
    ice: IceServers
    lag: LoopLag

    async def parts(self) -> dict[str, PartState]:
        """What ``/readyz`` tells."""
        line, journal, late_ms = self.line, self.record.journal.state, self.lag.worst_ms
        telephone = {"telephone": PartState(ok=line.up, detail=f"{line.calls} calls")} if line else {}
        return {
            **telephone,
            "dialogue": PartState(ok=await self.dialogue.ready()),
            "record": PartState(ok=journal.whole, detail=f"{journal.lost} lost"),
            "loop": PartState(ok=late_ms < _LATE_MS, detail=f"{late_ms} ms late at worst"),
            "lines": PartState(ok=self.calls.capacity_left(), detail=f"{self.calls.running} calls"),
            "voice": PartState(ok=True, detail=self.voice.name),
        }


# --- the doors


def _web(bot: _Bot) -> FastAPI:
    app = FastAPI(title="Décroche", version="1", docs_url=None, redoc_url=None)
    app.add_middleware(SecurityHeaders)
    install_problems(app)
    access = Access({"operator": bot.settings.resolved_api_token()})
    audit = AuditLog(bot.record.engine)
    _add_callers(app, bot, access)
    _add_operator(app, bot, access, audit)
    _add_desk(app, bot, audit)
    return app


def _add_callers(app: FastAPI, bot: _Bot, access: Access) -> None:
    """Browser, telephone, typed turns, and the page to be called back."""
    page = PageConfig(bot.operator.brand.name, lambda: [server.to_json() for server in bot.ice.fresh()])
    app.include_router(browser_router(bot.browser, page))
    app.include_router(
        phone_router(
            bot.calls,
            bot.settings.media_token.get_secret_value(),
            rehearsal=bot.settings.rehearsal,
            claim=bot.line.claim if bot.line else no_line,
        )
    )
    app.include_router(text_router(bot.calls, access))
    app.include_router(
        callback_page_router(
            bot.callbacks,
            PageTexts(bot.operator.brand.name, bot.operator.telephony.number),
            FormGuard(bot.settings.resolved_handoff_key()),
            AddressLimit(bot.operator.callbacks.limits.per_address_hour),
        )
    )


def _add_operator(app: FastAPI, bot: _Bot, access: Access, audit: AuditLog) -> None:
    """The operator's systems and the partners'."""
    app.include_router(api_router(ApiDeps(bot.record.reader, access, bot.parts)))
    app.include_router(callbacks_router(bot.callbacks, access))
    app.include_router(audit_router(audit, access))
    if keys := bot.settings.resolved_site_keys():
        redeemer = Redeemer(bot.tokens, bot.record.reader, audit)
        app.include_router(redeem_router(redeemer, SiteAccess(keys)))


def _add_desk(app: FastAPI, bot: _Bot, audit: AuditLog) -> None:
    """The agents' page and its server."""
    accounts, provider = Accounts(bot.desk_store), _oidc(bot.settings)
    level2 = Level2Callbacks(bot.record.reader, bot.callbacks) if bot.line else None
    cases = DeskCases(bot.record.reader)
    deps = DeskDeps(
        bot.operator, accounts, bot.desk_store, bot.floor, cases, audit, level2, bot.headsets,
        oidc=provider is not None,
    )  # fmt: skip
    app.include_router(desk_router(deps))
    if provider:
        app.include_router(oidc_router(provider, accounts, set_cookie))
    add_pages(app)


# --- opening the parts


async def _open_transcriber(stack: AsyncExitStack, settings: Settings) -> WhisperTranscriber:
    found = await asyncio.to_thread(find_whisper, settings.whisper_model)
    transcriber = await WhisperTranscriber.load(
        found.path, workers=settings.decoders, queue=settings.decode_queue
    )
    stack.push_async_callback(transcriber.close)
    return transcriber


async def _open_voice(stack: AsyncExitStack, settings: Settings, operator: Operator) -> CachedVoice:
    """The voice, with the operator's own phrases spoken ahead."""
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
    return voice


async def _open_record(stack: AsyncExitStack, settings: Settings) -> _Record:
    """The record, up to date: what was spooled is written, and calls that a killed bot left open are closed."""
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
    return _Record(engine, promises, journal, RecordReader(journal, store))


def _open_floor(stack: AsyncExitStack, store: DeskStore) -> AgentFloor:
    contacts = ContactWriter(store)
    contacts.start()
    stack.push_async_callback(contacts.stop)
    floor = AgentFloor(contacts)
    stack.push_async_callback(floor.stop)
    return floor


def _browser_calls(
    settings: Settings, calls: Calls, record: _Record, ice: IceServers, headsets: Headsets
) -> BrowserCalls:
    offer_loopback_candidates(_is_loopback(settings.host))
    webrtc = WebRtcSettings(ice_servers=ice.fresh, sample_rate=SAMPLE_RATE, headsets=headsets.get)
    return BrowserCalls(
        calls,
        _LiveEvents(record.journal),
        partial(accept, settings=webrtc),
        rehearsal=settings.rehearsal,
    )


async def _serve_line(
    stack: AsyncExitStack, line: AsteriskLine, bot: _Bot, store: CallbackStore, policy: CallbackPolicy
) -> None:
    """Take calls, ring back whom a call was promised, and whom nobody could take."""
    line.room = bot.calls.capacity_left
    dialer = CallbackDialer(store, policy, line, room=bot.calls.capacity_left)
    stack.push_async_callback(dialer.stop)
    bot.record.promises.on_promise = bot.callbacks.on_new = dialer.wake
    bot.callbacks.on_cancelled = dialer.abort
    missed = MissedCallWatch(line, bot.callbacks)
    stack.push_async_callback(missed.stop)
    await line.start()
    dialer.start()
    missed.start()


async def _recall(engine: AsyncEngine, ledger: CallLedger) -> None:
    """A record that cannot be read now is no reason to stay closed: shares are then counted from here on."""
    try:
        await recall(engine, ledger, datetime.now(UTC))
    except StoreError as err:
        log.error("calls of the last days not counted", code=err.code)


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
