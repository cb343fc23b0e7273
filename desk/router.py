"""The desk over HTTP: signing in, what agents do, the live socket. The messages are in ``docs/desk.md``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import structlog
from fastapi import APIRouter, Body, Depends, Path, Request, Response, WebSocket
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.requests import HTTPConnection

from bot.errors import AccessDeniedError, DecrocheError, InputError, NotFoundError, UnauthenticatedError
from bot.operator import Operator
from bot.ports import Audit, GiveBack
from desk.accounts import ABSOLUTE_S, Accounts, SignedIn
from desk.floor import AgentFloor, V, presence_json
from desk.live import LiveSession
from desk.models import DISPOSITIONS, PAUSES, Agent, Role
from desk.ports import Cases, Headsets, Level2
from desk.presence import Presence
from desk.store import DeskStore

log = structlog.get_logger(__name__)

COOKIE = "decroche_desk"
UNMASKABLE = ("caller.number",)
"""Fields of a packet that may be shown in full, with a reason."""


@dataclass(frozen=True)
class DeskDeps:
    """What the desk needs. ``level2``: None where nobody can be rung back. ``oidc``: signing in there is offered."""

    operator: Operator
    accounts: Accounts
    store: DeskStore
    floor: AgentFloor
    cases: Cases
    audit: Audit
    level2: Level2 | None = None
    headsets: Headsets | None = None
    oidc: bool = False


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class Credentials(BaseModel):
    """``password``: as typed."""

    model_config = ConfigDict(extra="forbid")

    login: str = Field(min_length=1, max_length=100)
    password: str = Field(min_length=1, max_length=200)


class StatusAsked(_Asked):
    """``reason``: of a pause."""

    state: Literal["idle", "paused"]
    reason: str = "break"


class NoteAsked(_Asked):
    """A note."""

    text: str = Field(min_length=1, max_length=2000)


class GiveBackAsked(_Asked):
    """What the bot goes on with."""

    then: GiveBack


class ConsultAsked(_Asked):
    """``site``: whose level-2 colleagues; empty: those who are free."""

    reason: str = Field(min_length=1, max_length=500)
    site: str = Field("", max_length=24)


class CallbackAsked(_Asked):
    """``at``: when the caller wants it; None: as soon as may be."""

    reason: str = Field(min_length=1, max_length=500)
    at: AwareDatetime | None = None


class HeadsetAsked(_Asked):
    """A WebRTC offer."""

    sdp: str = Field(max_length=20_000)
    type: str = "offer"


class DispositionAsked(_Asked):
    """How the call is closed."""

    disposition: str
    note: str = Field("", max_length=2000)


class UnmaskAsked(_Asked):
    """``reason``: kept in the audit."""

    field: str
    reason: str = Field(min_length=5, max_length=300)


Id = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


def desk_router(deps: DeskDeps) -> APIRouter:
    """The routes under ``/desk/api`` and the live socket."""
    router = APIRouter(prefix="/desk", include_in_schema=False)
    guard = _Guard(deps.accounts)
    _add_session(router, deps, guard)
    _add_status(router, deps, guard)
    _add_call(router, deps, guard)
    _add_case(router, deps, guard)
    _add_live(router, deps)
    return router


class _Guard:
    """Who asks, as dependencies of routes."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def reader(self, request: Request) -> SignedIn:
        """Anybody who is signed in; nothing is changed."""
        return await self._accounts.session(request.cookies.get(COOKIE, ""))

    async def writer(self, request: Request) -> SignedIn:
        """Anybody who is signed in, from a page of ours."""
        who = await self.reader(request)
        from_our_page(request)
        if not self._accounts.checks(who, request.headers.get("x-csrf-token", "")):
            raise AccessDeniedError("the header X-CSRF-Token is missing or stale")
        return who

    async def agent(self, request: Request) -> SignedIn:
        """Somebody who takes calls, from a page of ours."""
        who = await self.writer(request)
        _takes_calls(who.agent)
        return who


def _takes_calls(agent: Agent) -> None:
    if not agent.roles & {Role.AGENT, Role.LEVEL2}:
        raise AccessDeniedError("this account takes no calls")


def from_our_page(connection: HTTPConnection, *, origin_needed: bool = False) -> None:
    """Refuse what another website makes a browser send.

    Raises:
        AccessDeniedError: it does not come from a page of ours.
    """
    origin = connection.headers.get("origin", "")
    if origin or origin_needed:
        # the host only: a proxy that ends TLS changes the scheme
        same = bool(origin) and urlsplit(origin).netloc == connection.headers.get("host", "")
    else:
        same = connection.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")
    if not same:
        raise AccessDeniedError("not from a page of the desk")


def _add_session(router: APIRouter, deps: DeskDeps, guard: _Guard) -> None:
    @router.get("/api/options")
    async def options() -> JSONResponse:
        return _fresh({"brand": deps.operator.brand.name, "oidc": deps.oidc})

    @router.post("/api/session")
    async def sign_in(request: Request, asked: Annotated[Credentials, Body()]) -> Response:
        from_our_page(request)
        address = request.client.host if request.client else ""
        token, who = await deps.accounts.sign_in(asked.login, asked.password, address)
        response = _fresh(_me(deps, who))
        set_cookie(request, response, token)
        return response

    @router.delete("/api/session")
    async def sign_out(who: Annotated[SignedIn, Depends(guard.writer)]) -> Response:
        await deps.accounts.sign_out(who)
        await _leave(deps, who.agent.id)
        return _gone()

    @router.delete("/api/sessions")
    async def sign_out_everywhere(who: Annotated[SignedIn, Depends(guard.writer)]) -> Response:
        await deps.accounts.sign_out_everywhere(who.agent.id)
        await _leave(deps, who.agent.id)
        return _gone()

    @router.get("/api/me")
    async def me(who: Annotated[SignedIn, Depends(guard.reader)]) -> JSONResponse:
        return _fresh(_me(deps, who))

    @router.get("/api/floor")
    async def floor(who: Annotated[SignedIn, Depends(guard.reader)]) -> JSONResponse:
        if Role.SUPERVISOR not in who.agent.roles:
            raise AccessDeniedError("for supervisors")
        people = [
            {"id": agent.id, "name": agent.name, "presence": presence_json(presence)}
            for agent, presence in deps.floor.presences(who.agent.site)
        ]
        return _fresh({"site": who.agent.site, "agents": people})


async def _leave(deps: DeskDeps, agent_id: str) -> None:
    deps.floor.sign_out(agent_id)
    if deps.headsets:
        await deps.headsets.close(agent_id)


def _add_status(router: APIRouter, deps: DeskDeps, guard: _Guard) -> None:
    @router.post("/api/status")
    async def status(
        who: Annotated[SignedIn, Depends(guard.agent)], asked: Annotated[StatusAsked, Body()]
    ) -> JSONResponse:
        if asked.state == "idle":
            return _state(deps.floor.ready(who.agent.id))
        if asked.reason not in PAUSES:
            raise InputError("reason: not one of the pauses")
        return _state(deps.floor.pause(who.agent.id, asked.reason))

    @router.post("/api/headset")
    async def headset(
        who: Annotated[SignedIn, Depends(guard.agent)], asked: Annotated[HeadsetAsked, Body()]
    ) -> JSONResponse:
        if deps.headsets is None or who.agent.sip:
            raise InputError("this account has a telephone of its own")
        return _fresh(
            {"sdp": await deps.headsets.open(who.agent.id, asked.sdp, asked.type), "type": "answer"}
        )

    @router.post("/api/offers/{call_id}/accept")
    async def accept(who: Annotated[SignedIn, Depends(guard.agent)], call_id: Id) -> JSONResponse:
        return _state(deps.floor.accept(who.agent.id, call_id))

    @router.post("/api/offers/{call_id}/decline")
    async def decline(who: Annotated[SignedIn, Depends(guard.agent)], call_id: Id) -> JSONResponse:
        return _state(deps.floor.decline(who.agent.id, call_id))


def _add_call(router: APIRouter, deps: DeskDeps, guard: _Guard) -> None:
    floor = deps.floor

    @router.post("/api/calls/{call_id}/note")
    async def note(
        who: Annotated[SignedIn, Depends(guard.agent)], call_id: Id, asked: Annotated[NoteAsked, Body()]
    ) -> JSONResponse:
        return _state(floor.note(who.agent.id, call_id, asked.text))

    @router.post("/api/calls/{call_id}/hold")
    async def hold(who: Annotated[SignedIn, Depends(guard.agent)], call_id: Id) -> JSONResponse:
        return _state(await floor.hold(who.agent.id, call_id, on=True))

    @router.post("/api/calls/{call_id}/unhold")
    async def unhold(who: Annotated[SignedIn, Depends(guard.agent)], call_id: Id) -> JSONResponse:
        return _state(await floor.hold(who.agent.id, call_id, on=False))

    @router.post("/api/calls/{call_id}/give-back")
    async def give_back(
        who: Annotated[SignedIn, Depends(guard.agent)], call_id: Id, asked: Annotated[GiveBackAsked, Body()]
    ) -> JSONResponse:
        return _state(await floor.give_back(who.agent.id, call_id, asked.then))

    @router.post("/api/calls/{call_id}/consult")
    async def consult(
        who: Annotated[SignedIn, Depends(guard.agent)], call_id: Id, asked: Annotated[ConsultAsked, Body()]
    ) -> JSONResponse:
        known = {site.id for site in deps.operator.sites}
        if asked.site and asked.site not in known:
            raise InputError("site: no such site")
        site = asked.site or floor.level2_site(who.agent)
        return _state(floor.consult(who.agent.id, call_id, site, asked.reason))

    @router.post("/api/calls/{call_id}/callback")
    async def callback(
        who: Annotated[SignedIn, Depends(guard.agent)], call_id: Id, asked: Annotated[CallbackAsked, Body()]
    ) -> JSONResponse:
        contact = floor.contact(who.agent.id, call_id)
        if deps.level2 is None:
            raise InputError("no telephone line is set up: nobody can be rung")
        promised = await deps.level2.schedule(
            contact.handoff_id, reason=asked.reason, at=asked.at, origin=f"desk:{contact.id}"
        )
        return _fresh({"promised_at": promised.isoformat()})

    @router.post("/api/calls/{call_id}/disposition")
    async def disposition(
        who: Annotated[SignedIn, Depends(guard.agent)],
        call_id: Id,
        asked: Annotated[DispositionAsked, Body()],
    ) -> JSONResponse:
        if asked.disposition not in DISPOSITIONS:
            raise InputError("disposition: not one of them")
        return _state(floor.dispose(who.agent.id, call_id, asked.disposition, asked.note))


def _add_case(router: APIRouter, deps: DeskDeps, guard: _Guard) -> None:
    async def may_open(agent: Agent, handoff_id: str) -> None:
        """Only cases of the agent's own site; of others not even that they are there."""
        if deps.floor.site_has(agent.site, handoff_id):
            return
        if not await deps.store.site_had(agent.site, handoff_id):
            raise NotFoundError("no such case")

    @router.get("/api/handoffs/{handoff_id}")
    async def handoff(who: Annotated[SignedIn, Depends(guard.reader)], handoff_id: Id) -> JSONResponse:
        await may_open(who.agent, handoff_id)
        await deps.audit.opened(who.agent.id, who.agent.site, handoff_id)
        packet = await deps.cases.packet(handoff_id)
        if packet is None:
            raise NotFoundError("no such case")
        return _fresh({"packet": packet})

    @router.post("/api/handoffs/{handoff_id}/unmask")
    async def unmask(
        who: Annotated[SignedIn, Depends(guard.agent)], handoff_id: Id, asked: Annotated[UnmaskAsked, Body()]
    ) -> JSONResponse:
        await may_open(who.agent, handoff_id)
        if asked.field not in UNMASKABLE:
            raise InputError("field: not one that is ever shown in full")
        await deps.audit.opened(
            who.agent.id, who.agent.site, handoff_id, field=asked.field, reason=asked.reason
        )
        value = await deps.cases.unmasked(handoff_id, asked.field)
        if value is None:
            raise NotFoundError("no such case")
        return _fresh({"field": asked.field, "value": value})


def _add_live(router: APIRouter, deps: DeskDeps) -> None:
    @router.websocket("/live")
    async def live(websocket: WebSocket) -> None:
        cookie = websocket.cookies.get(COOKIE, "")
        try:
            from_our_page(websocket, origin_needed=True)
            who = await deps.accounts.session(cookie)
            _takes_calls(who.agent)
        except DecrocheError as err:
            await _deny(websocket, err)
            return
        await websocket.accept()

        async def check() -> None:
            await deps.accounts.session(cookie)

        await LiveSession(websocket, who, deps.floor, deps.cases, deps.audit, check).run()


async def _deny(websocket: WebSocket, error: DecrocheError) -> None:
    """Refuse a socket with an answer, or with a close code where the server cannot send one."""
    status = (
        401
        if isinstance(error, UnauthenticatedError)
        else 403
        if isinstance(error, AccessDeniedError)
        else 503
    )
    try:
        await websocket.send_denial_response(
            JSONResponse({"code": error.code, "message": str(error)}, status)
        )
    except RuntimeError:
        await websocket.close(1008, error.code)


def set_cookie(request: Request, response: Response, token: str) -> None:
    """Give a browser its session."""
    response.set_cookie(
        COOKIE, token, max_age=int(ABSOLUTE_S), path="/desk", httponly=True, samesite="strict",
        secure=request.url.scheme == "https",
    )  # fmt: skip


def _me(deps: DeskDeps, who: SignedIn) -> dict[str, Any]:
    agent = who.agent
    names = {site.id: site.name for site in deps.operator.sites}
    return {
        "csrf": who.session.csrf,
        "agent": {
            "id": agent.id,
            "login": agent.login,
            "name": agent.name,
            "site": agent.site,
            "site_name": names.get(agent.site, agent.site),
            "roles": sorted(agent.roles),
            "skills": sorted(agent.skills),
            "phone": "sip" if agent.sip else "headset",
        },
        "presence": presence_json(deps.floor.presence(agent.id)),
        "pauses": _choices(PAUSES),
        "dispositions": _choices(DISPOSITIONS),
        "level2_sites": deps.floor.level2_sites(),
    }


def _choices(labels: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"id": key, "label": label} for key, label in labels.items()]


def _state(presence: Presence) -> JSONResponse:
    return _fresh({"presence": presence_json(presence)})


def _fresh(body: Mapping[str, Any]) -> JSONResponse:
    return JSONResponse({"v": V, **body}, headers={"Cache-Control": "no-store"})


def _gone() -> Response:
    response = Response(status_code=204, headers={"Cache-Control": "no-store"})
    response.delete_cookie(COOKIE, path="/desk", httponly=True, samesite="strict")
    return response
