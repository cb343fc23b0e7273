"""A token says which packet, for which site, until when; anything else than the token made is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from bot.errors import (
    AccessDeniedError,
    ConfigurationError,
    TokenError,
    TokenExpiredError,
    TokenForgedError,
    TokenSiteError,
)
from bot.handoff.packet import packet_id
from bot.handoff.token import MAX_LENGTH, MAX_SITE, HandoffTokens
from bot.settings import Settings

KEY = b"0123456789abcdef0123456789abcdef"
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SITES = st.from_regex(rf"[a-z0-9-]{{1,{MAX_SITE}}}", fullmatch=True)


def tokens(now: datetime = NOW, key: bytes = KEY) -> HandoffTokens:
    return HandoffTokens(key, now=lambda: now)


@given(packet=st.uuids(), site=SITES)
def test_what_is_issued_is_read_and_fits_every_carrier(packet: UUID, site: str) -> None:
    token = tokens().issue(str(packet), site)
    assert len(token) < MAX_LENGTH
    assert token.isascii() and token.isprintable()
    read = tokens().read(token, site=site)
    assert (read.handoff_id, read.site) == (str(packet), site)
    assert read.expires_at == NOW + timedelta(minutes=15)


@given(packet=st.uuids(), data=st.data())
def test_an_altered_token_is_refused(packet: UUID, data: st.DataObject) -> None:
    token = tokens().issue(str(packet), "poitiers")
    position = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters(codec="ascii").filter(lambda c: c != token[position]))
    for altered in (token[:position] + other + token[position + 1 :], token[:position], token + other):
        with pytest.raises(TokenForgedError):
            tokens().read(altered, site="poitiers")


@given(site=SITES, other=SITES)
def test_a_token_of_another_site_is_refused(site: str, other: str) -> None:
    token = tokens().issue(str(uuid4()), site)
    if site != other:
        with pytest.raises(TokenSiteError):
            tokens().read(token, site=other)


@given(late=st.integers(0, 10**8))
def test_a_token_expires(late: int) -> None:
    token = tokens().issue(str(uuid4()), "rennes")
    at = NOW + timedelta(minutes=15, seconds=late)
    with pytest.raises(TokenExpiredError):
        tokens(at).read(token, site="rennes")
    assert tokens(NOW + timedelta(minutes=14, seconds=59)).read(token, site="rennes")


@given(
    garbage=st.one_of(
        st.text(), st.binary().map(lambda raw: raw.decode("latin-1")), st.text("ab-_=", max_size=300)
    )
)
def test_anything_else_is_refused_with_a_typed_error(garbage: str) -> None:
    with pytest.raises(TokenError):
        tokens().read(garbage, site="rennes")


def test_a_token_under_another_key_is_refused() -> None:
    token = tokens().issue(str(uuid4()), "rennes")
    with pytest.raises(TokenForgedError):
        tokens(key=b"another key, as long").read(token, site="rennes")


def test_two_tokens_for_the_same_are_not_the_same() -> None:
    packet = packet_id("c1")
    first, second = tokens().issue(packet, "rennes"), tokens().issue(packet, "rennes")
    assert first != second
    assert tokens().read(first, site="rennes").nonce != tokens().read(second, site="rennes").nonce


@pytest.mark.parametrize("site", ["", "x" * (MAX_SITE + 1)])
def test_a_site_that_would_not_fit_is_refused_when_the_token_is_made(site: str) -> None:
    with pytest.raises(ValueError, match="site"):
        tokens().issue(str(uuid4()), site)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        HandoffTokens(b"short")


def test_a_refused_token_is_a_denied_access() -> None:
    assert issubclass(TokenError, AccessDeniedError)


def test_the_key_is_made_once_and_kept_for_the_owner(tmp_path: Path) -> None:
    first, again = Settings(var=tmp_path), Settings(var=tmp_path)
    assert first.resolved_handoff_key() == again.resolved_handoff_key()
    assert (tmp_path / "handoff-key").stat().st_mode & 0o077 == 0
    assert first.resolved_handoff_key() != first.resolved_api_token().encode()
    given_key = Settings(var=tmp_path, handoff_key=SecretStr("k" * 32))
    assert given_key.resolved_handoff_key() == b"k" * 32
    with pytest.raises(ConfigurationError, match="DECROCHE_HANDOFF_KEY"):
        Settings(var=tmp_path, handoff_key=SecretStr("short")).resolved_handoff_key()
