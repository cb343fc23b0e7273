"""Who agents are: passwords, sessions, lock-out."""

from __future__ import annotations

import asyncio
import hmac
import re
import secrets
import time
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass
from hashlib import sha256

import structlog
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from bot.errors import AccessDeniedError, InputError, RateLimitedError, UnauthenticatedError
from desk.lockout import Lockout
from desk.models import Agent, Role
from desk.store import DeskStore, Session

log = structlog.get_logger(__name__)

IDLE_S = 30 * 60.0
"""A session that nobody uses ends after this."""
ABSOLUTE_S = 12 * 3600.0
"""And any session after this."""
MIN_PASSWORD, MAX_PASSWORD = 10, 200
_SEEN_EVERY_S = 30.0
_HASHES_AT_ONCE = 2  # 64 MiB each
_LOGIN = re.compile(r"^[a-z0-9][a-z0-9._-]{0,63}$")
_SIP = re.compile(r"^(sips?:[^\s@<>\"]+@[^\s@<>\"]+)?$")


@dataclass(frozen=True)
class SignedIn:
    """An agent and the session they ask under."""

    agent: Agent
    session: Session


class Accounts:
    """``wall``: seconds since 1970. ``logins``, ``addresses``: lock out who guesses.

    Every method may raise StoreError.
    """

    def __init__(
        self,
        store: DeskStore,
        *,
        logins: Lockout | None = None,
        addresses: Lockout | None = None,
        hasher: PasswordHasher | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._logins = logins or Lockout(5)
        self._addresses = addresses or Lockout(20)
        self._hasher = hasher or PasswordHasher()
        self._wall = wall
        self._hashing = asyncio.Semaphore(_HASHES_AT_ONCE)
        # checked for a login that does not exist, so that the time taken tells nobody which ones do
        self._nobody = self._hasher.hash(secrets.token_urlsafe(16))

    # --- signing in and out

    async def sign_in(self, login: str, password: str, address: str) -> tuple[str, SignedIn]:
        """The cookie of a new session, and the session.

        Raises:
            RateLimitedError: too many failures for this login or from this address.
            UnauthenticatedError: not this login with this password, or disabled.
        """
        login = login.strip().lower()
        wait = max(self._logins.locked_s(login), self._addresses.locked_s(address))
        if wait > 0:
            raise RateLimitedError(f"Trop d'essais. Réessayez dans {int(wait // 60) + 1} min.")
        # counted before the answer is known: attempts made at the same time do not slip through
        self._logins.fail(login)
        self._addresses.fail(address)
        found = await self._store.by_login(login) if _LOGIN.match(login) else None
        agent, known = found if found and found[1] else (None, self._nobody)
        right = len(password) <= MAX_PASSWORD and await self._matches(known, password)
        if agent is None or not right or agent.disabled:
            log.info("desk.sign_in_refused")
            raise UnauthenticatedError("Identifiant ou mot de passe incorrect.")
        self._logins.forgive(login)
        self._addresses.forgive(address)
        if self._hasher.check_needs_rehash(known):
            await self._store.rehash(agent.id, await self._hash(password))
        return await self.open_session(agent)

    async def sign_in_subject(self, subject: str) -> tuple[str, SignedIn]:
        """As :meth:`sign_in`, for somebody whom the identity provider vouches for.

        Raises:
            AccessDeniedError: nobody here is that, or they are disabled.
        """
        agent = await self._store.by_subject(subject) if subject else None
        if agent is None or agent.disabled:
            raise AccessDeniedError("Ce compte n'a pas accès au bureau.")
        return await self.open_session(agent)

    async def open_session(self, agent: Agent) -> tuple[str, SignedIn]:
        """A session for somebody who has proved who they are."""
        token, now = secrets.token_urlsafe(32), self._wall()
        session = Session(_hashed(token), agent.id, secrets.token_urlsafe(24), now, now)
        await self._store.add_session(session, expired_before=now - ABSOLUTE_S)
        log.info("desk.signed_in", agent=agent.id, site=agent.site)
        return token, SignedIn(agent, session)

    async def session(self, token: str) -> SignedIn:
        """Whose session a cookie is.

        Raises:
            UnauthenticatedError: nobody's, or it has ended.
        """
        found = await self._store.session(_hashed(token)) if token else None
        if found is None:
            raise UnauthenticatedError("nobody is signed in")
        session, agent = found
        now = self._wall()
        if now - session.created_at >= ABSOLUTE_S or now - session.seen_at >= IDLE_S or agent.disabled:
            await self._store.end_session(session.id)
            raise UnauthenticatedError("the session has ended")
        if now - session.seen_at >= _SEEN_EVERY_S:
            await self._store.seen(session.id, now)
        return SignedIn(agent, session)

    @staticmethod
    def checks(signed_in: SignedIn, csrf: str) -> bool:
        """Whether a request was made by a page that was given the session's token."""
        return hmac.compare_digest(signed_in.session.csrf.encode(), csrf.encode("utf-8", "replace"))

    async def sign_out(self, signed_in: SignedIn) -> None:
        """End one session."""
        await self._store.end_session(signed_in.session.id)

    async def sign_out_everywhere(self, agent_id: str) -> None:
        """End all of somebody's sessions."""
        await self._store.end_sessions(agent_id)

    # --- keeping agents

    async def add(
        self,
        login: str,
        name: str,
        site: str,
        *,
        password: str = "",
        roles: Collection[Role] = (Role.AGENT,),
        skills: Collection[str] = (),
        sip: str = "",
        subject: str = "",
    ) -> Agent:
        """A new agent. ``password`` may be empty only with a ``subject``.

        Raises:
            InputError: malformed, or taken.
        """
        if not _LOGIN.match(login):
            raise InputError("login: small letters, digits, and . _ - between")
        if not _SIP.match(sip):
            raise InputError("sip: not a SIP URI, as sip:awa@pbx.example")
        if not 0 < len(name.strip()) <= 100 or not name.isprintable():
            raise InputError("name: 1 to 100 printable characters")
        if not roles:
            raise InputError("roles: one at least")
        if not password and not subject:
            raise InputError("a password, or an identity at the identity provider")
        agent = Agent(
            str(uuid.uuid4()), login, name.strip(), site, frozenset(roles), frozenset(skills), sip, subject
        )
        hashed = await self._hash(_good(password)) if password else ""
        await self._store.add_agent(agent, hashed, self._wall())
        return agent

    async def set_password(self, login: str, password: str) -> None:
        """Give a new password; every session of theirs ends.

        Raises:
            InputError: too short or too long.
            NotFoundError: no such login.
        """
        await self._store.set_password(login, await self._hash(_good(password)))

    async def _hash(self, password: str) -> str:
        async with self._hashing:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def _matches(self, known: str, password: str) -> bool:
        async with self._hashing:
            try:
                return await asyncio.to_thread(self._hasher.verify, known, password)
            except (VerificationError, InvalidHashError):
                return False


def _good(password: str) -> str:
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise InputError(f"password: {MIN_PASSWORD} to {MAX_PASSWORD} characters")
    return password


def _hashed(token: str) -> str:
    return sha256(token.encode("utf-8", "replace")).hexdigest()
