"""Signing in through a small identity provider of our own."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from starlette.testclient import TestClient

from bot.errors import ConfigurationError
from desk.oidc import FLOW_S, OidcProvider, OidcSettings, oidc_router
from desk.router import set_cookie
from tests.unit.desk.conftest import ORIGIN, Desk

ISSUER = "https://id.example"
KEY = RSAKey.generate_key(2048, {"kid": "one"})
OTHER_KEY = RSAKey.generate_key(2048, {"kid": "one"})


@dataclass
class Issuer:
    """``claims``: what its id tokens say, over what is right. ``signs_with``: its key, or another one."""

    now: Callable[[], float]
    claims: dict[str, Any] = field(default_factory=dict)
    signs_with: RSAKey = field(default_factory=lambda: KEY)
    down: bool = False
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def log_in(self, url: str) -> str:
        """What a person does at the page: the address they are sent back to."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert (asked["response_type"], asked["code_challenge_method"], asked["scope"]) == (
            "code",
            "S256",
            "openid",
        )
        self.codes["code-1"] = asked
        return f"{asked['redirect_uri']}?code=code-1&state={asked['state']}"

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.down:
            raise httpx.ConnectError("down")
        match request.url.path:
            case "/.well-known/openid-configuration":
                return httpx.Response(
                    200,
                    json={
                        "issuer": ISSUER,
                        "authorization_endpoint": f"{ISSUER}/auth",
                        "token_endpoint": f"{ISSUER}/token",
                        "jwks_uri": f"{ISSUER}/keys",
                    },
                )
            case "/keys":
                return httpx.Response(200, json=KeySet([KEY]).as_dict(private=False))
            case "/token":
                return self._token(request)
        return httpx.Response(404)

    def _token(self, request: httpx.Request) -> httpx.Response:
        sent = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        asked = self.codes.pop(sent["code"], None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(sent["code_verifier"].encode()).digest())
        if (
            asked is None
            or challenge.rstrip(b"=").decode() != asked["code_challenge"]
            or sent["redirect_uri"] != asked["redirect_uri"]
            or request.headers["authorization"] != "Basic " + base64.b64encode(b"desk:secret").decode()
        ):
            return httpx.Response(400, json={"error": "invalid_grant"})
        now = int(self.now())
        claims = {
            "iss": ISSUER, "aud": "desk", "sub": "awa@id", "iat": now, "exp": now + 300, "nonce": asked["nonce"],
        }  # fmt: skip
        signed = jwt.encode({"alg": "RS256", "kid": "one"}, claims | self.claims, self.signs_with)
        return httpx.Response(200, json={"access_token": "x", "token_type": "Bearer", "id_token": signed})


@pytest.fixture
def issuer(desk: Desk) -> Issuer:
    made = Issuer(lambda: desk.clock[0])
    provider = OidcProvider(
        OidcSettings(ISSUER, "desk", "secret"),
        transport=httpx.MockTransport(made),
        wall=lambda: desk.clock[0],
    )
    desk.app.include_router(oidc_router(provider, desk.accounts, set_cookie))
    desk.run(lambda: desk.accounts.add("awa", "Awa", "poitiers", subject="awa@id"))
    return made


def browser(desk: Desk) -> TestClient:
    http = TestClient(desk.app, base_url=ORIGIN, follow_redirects=False)
    http.portal = desk.client.portal
    return http


def test_somebody_signs_in(desk: Desk, issuer: Issuer) -> None:
    http = browser(desk)
    started = http.get("/desk/oidc/start")
    assert started.status_code == 303 and "samesite=lax" in started.headers["set-cookie"].lower()
    back = http.get(issuer.log_in(started.headers["location"]))
    assert (back.status_code, back.headers["location"]) == (303, "/desk/")
    assert http.get("/desk/api/me").json()["agent"]["login"] == "awa"
    refused = http.post("/desk/api/session", json={"login": "awa", "password": ""})
    assert refused.status_code == 422
    assert http.post("/desk/api/session", json={"login": "awa", "password": "x"}).status_code == 401


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"aud": "another"},
        {"exp": 1},
        {"nonce": "another"},
        {"sub": "stranger@id"},
        {"azp": "another"},
        {"aud": ["another", "more"]},
    ],
)
def test_an_answer_that_does_not_hold_is_refused(desk: Desk, issuer: Issuer, claims: dict[str, Any]) -> None:
    issuer.claims = claims
    http = browser(desk)
    back = http.get(issuer.log_in(http.get("/desk/oidc/start").headers["location"]))
    assert back.status_code == 403
    assert http.get("/desk/api/me").status_code == 401


def test_a_token_of_somebody_elses_key_is_refused(desk: Desk, issuer: Issuer) -> None:
    issuer.signs_with = OTHER_KEY
    http = browser(desk)
    assert http.get(issuer.log_in(http.get("/desk/oidc/start").headers["location"])).status_code == 403


def test_a_way_back_is_good_once_for_its_own_browser_and_for_a_while(desk: Desk, issuer: Issuer) -> None:
    http = browser(desk)
    back = issuer.log_in(http.get("/desk/oidc/start").headers["location"])
    assert browser(desk).get(back).status_code == 403, "another browser's"
    assert http.get(back).status_code == 303
    assert http.get(back).status_code == 403, "twice"
    late = browser(desk)
    back = issuer.log_in(late.get("/desk/oidc/start").headers["location"])
    desk.clock[0] += FLOW_S + 1
    assert late.get(back).status_code == 403
    assert late.get("/desk/oidc/callback").status_code == 403


def test_a_provider_that_is_down_is_said(desk: Desk, issuer: Issuer) -> None:
    issuer.down = True
    assert browser(desk).get("/desk/oidc/start").status_code == 503
    issuer.down = False
    http = browser(desk)
    back = issuer.log_in(http.get("/desk/oidc/start").headers["location"])
    issuer.down = True
    assert http.get(back).status_code == 503


@pytest.mark.parametrize("issuer_url", ["http://id.example", "", "ftp://x", "id.example"])
def test_an_issuer_without_tls_is_refused(issuer_url: str) -> None:
    with pytest.raises(ConfigurationError):
        OidcSettings(issuer_url, "desk", "secret")
