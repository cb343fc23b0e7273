"""Signing in through the operator's own identity provider: OpenID Connect, authorization code with PKCE (RFC 7636).

    /desk/oidc/start ─▶ the provider's page ─▶ /desk/oidc/callback ─▶ id token checked ─▶ the agent with that subject

Only who an agent has as ``subject`` gets in: the provider says who somebody is, the desk's own table what they may do.
"""

from __future__ import annotations

import base64
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import quote_plus, urlsplit

import httpx
import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from bot.errors import AccessDeniedError, CapacityError, ConfigurationError, TransportError
from desk.accounts import Accounts

log = structlog.get_logger(__name__)

COOKIE = "decroche_oidc"
FLOW_S = 600.0
"""How long somebody may take at the provider's page."""
TIMEOUT_S = 5.0
_FLOWS = 1000
_ALGORITHMS = ["RS256", "ES256"]
_LEEWAY_S = 60


@dataclass(frozen=True)
class OidcSettings:
    """``issuer``: URL, as the provider names itself. ``client_id``, ``client_secret``: what it knows us as."""

    issuer: str
    client_id: str
    client_secret: str

    def __post_init__(self) -> None:
        url = urlsplit(self.issuer)
        local = url.hostname in ("127.0.0.1", "localhost", "::1")
        if url.scheme != "https" and not (url.scheme == "http" and local):
            raise ConfigurationError("DECROCHE_OIDC_ISSUER: not an https URL")
        if not self.client_id:
            raise ConfigurationError("DECROCHE_OIDC_CLIENT_ID: missing")


@dataclass(frozen=True)
class _Flow:
    verifier: str
    nonce: str
    redirect_uri: str
    until: float


class OidcProvider:
    """See the module. ``transport``: of httpx, for tests."""

    def __init__(
        self,
        settings: OidcSettings,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._transport = transport
        self._wall = wall
        self._metadata: Mapping[str, Any] = {}
        self._flows: OrderedDict[str, _Flow] = OrderedDict()

    async def start(self, redirect_uri: str) -> tuple[str, str]:
        """The address of the provider's page to send a browser to, and the state to find its way back by.

        Raises:
            TransportError: the provider does not answer.
            CapacityError: too many are on their way.
        """
        metadata = await self._discover()
        now = self._wall()
        while self._flows and next(iter(self._flows.values())).until < now:
            self._flows.popitem(last=False)
        if len(self._flows) >= _FLOWS:
            raise CapacityError("too many are signing in")
        flow = _Flow(secrets.token_urlsafe(48), secrets.token_urlsafe(24), redirect_uri, now + FLOW_S)
        state = secrets.token_urlsafe(24)
        self._flows[state] = flow
        asked = {
            "response_type": "code", "scope": "openid", "client_id": self._settings.client_id,
            "redirect_uri": redirect_uri, "state": state, "nonce": flow.nonce,
            "code_challenge": _challenge(flow.verifier), "code_challenge_method": "S256",
        }  # fmt: skip
        return str(httpx.URL(metadata["authorization_endpoint"]).copy_merge_params(asked)), state

    async def finish(self, state: str, code: str) -> str:
        """The subject of who came back.

        Raises:
            AccessDeniedError: not a way that we began, or the provider's answer does not hold.
            TransportError: the provider does not answer.
        """
        flow = self._flows.pop(state, None)  # good once
        if flow is None or flow.until < self._wall() or not code:
            raise AccessDeniedError("La connexion a expiré. Recommencez.")
        metadata = await self._discover()
        token = await self._exchange(metadata["token_endpoint"], code, flow)
        keys = await self._json(
            "GET", metadata["jwks_uri"]
        )  # each time: a provider may change them at any moment
        try:
            return self._subject(str(token.get("id_token", "")), keys, flow.nonce)
        except (JoseError, ValueError, TypeError, KeyError) as err:
            log.warning("desk.oidc_refused", error=type(err).__name__)
            raise AccessDeniedError("La connexion a été refusée.") from err

    async def _exchange(self, url: str, code: str, flow: _Flow) -> Mapping[str, Any]:
        """The tokens for a code (RFC 6749 section 4.1.3)."""
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": flow.redirect_uri,
            "code_verifier": flow.verifier,
        }  # fmt: skip
        settings = self._settings
        if settings.client_secret:  # form-encoded before it is put in the header: RFC 6749 section 2.3.1
            auth = httpx.BasicAuth(quote_plus(settings.client_id), quote_plus(settings.client_secret))
            return await self._json("POST", url, data=form, auth=auth)
        return await self._json("POST", url, data={**form, "client_id": settings.client_id})

    def _subject(self, id_token: str, keys: Mapping[str, Any], nonce: str) -> str:
        token = jwt.decode(id_token, KeySet.import_key_set(dict(keys)), algorithms=_ALGORITHMS)  # type: ignore[arg-type]
        claims = jwt.JWTClaimsRegistry(
            now=lambda: int(self._wall()),
            leeway=_LEEWAY_S,
            iss={"essential": True, "value": self._settings.issuer},
            aud={"essential": True, "value": self._settings.client_id},
            sub={"essential": True},
            exp={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        claims.validate(token.claims)
        authorised = token.claims.get("azp", self._settings.client_id)
        if authorised != self._settings.client_id:
            raise AccessDeniedError("La connexion a été refusée.")
        return str(token.claims["sub"])

    async def _discover(self) -> Mapping[str, Any]:
        if not self._metadata:
            found = await self._json(
                "GET", f"{self._settings.issuer.rstrip('/')}/.well-known/openid-configuration"
            )
            wanted = ("authorization_endpoint", "token_endpoint", "jwks_uri")
            if found.get("issuer") != self._settings.issuer or not all(found.get(name) for name in wanted):
                raise TransportError("the identity provider's description does not hold")
            self._metadata = found
        return self._metadata

    async def _json(self, method: str, url: str, **sent: Any) -> Mapping[str, Any]:
        try:
            async with httpx.AsyncClient(transport=self._transport, timeout=TIMEOUT_S) as client:
                answer = await client.request(method, url, **sent)
                body = answer.json()
        except (httpx.HTTPError, ValueError) as err:
            raise TransportError("the identity provider does not answer") from err
        if answer.is_client_error:
            raise AccessDeniedError("La connexion a été refusée.")
        if answer.is_error or not isinstance(body, dict):
            raise TransportError("the identity provider's answer does not hold")
        return body


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def oidc_router(
    provider: OidcProvider, accounts: Accounts, set_cookie: Callable[[Request, Response, str], None]
) -> APIRouter:
    """``/desk/oidc``. ``set_cookie(request, response, token)``: gives the browser its session."""
    router = APIRouter(prefix="/desk/oidc", include_in_schema=False)

    @router.get("/start")
    async def start(request: Request) -> Response:
        url, state = await provider.start(str(request.url.replace(path="/desk/oidc/callback", query="")))
        response = RedirectResponse(url, 303, headers={"Cache-Control": "no-store"})
        # Lax: it must come back with a navigation that another site, the provider, begins.
        response.set_cookie(
            COOKIE, state, max_age=int(FLOW_S), path="/desk/oidc", httponly=True, samesite="lax",
            secure=request.url.scheme == "https",
        )  # fmt: skip
        return response

    @router.get("/callback")
    async def callback(request: Request, state: str = "", code: str = "") -> Response:
        mine = request.cookies.get(COOKIE, "")
        if not mine or not hmac.compare_digest(mine.encode(), state.encode("utf-8", "replace")):
            raise AccessDeniedError(
                "La connexion a expiré. Recommencez."
            )  # another browser's, or somebody's trick
        token, _ = await accounts.sign_in_subject(await provider.finish(state, code))
        response = RedirectResponse("/desk/", 303, headers={"Cache-Control": "no-store"})
        response.delete_cookie(COOKIE, path="/desk/oidc")
        set_cookie(request, response, token)
        return response

    return router
