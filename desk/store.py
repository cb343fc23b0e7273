"""Reads and writes the desk's tables."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import InputError, NotFoundError, StoreError, StoreRejectedError
from desk import tables
from desk.models import Agent, Contact, Role

log = structlog.get_logger(__name__)

Transaction = Callable[[], AbstractAsyncContextManager[AsyncConnection]]
"""A connection in a transaction, with a time limit; raises StoreError, or StoreRejectedError for refused data."""

_RETRY_S = 1.0


@dataclass(frozen=True)
class Session:
    """One signed-in browser. ``id``: hash of its cookie. Times: seconds since 1970."""

    id: str
    agent_id: str
    csrf: str
    created_at: float
    seen_at: float


class DeskStore:
    """Every method may raise StoreError."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    # --- agents

    async def add_agent(self, agent: Agent, password: str, at: float) -> None:
        """Write a new one. ``password``: its hash, or empty.

        Raises:
            InputError: the login, or the subject, is somebody else's.
        """
        values = {
            "id": agent.id, "login": agent.login, "name": agent.name, "site": agent.site,
            "roles": sorted(agent.roles), "skills": sorted(agent.skills), "sip": agent.sip,
            "subject": agent.subject or None, "password": password, "disabled": agent.disabled, "created_at": at,
        }  # fmt: skip
        try:
            async with self._transaction() as connection:
                await connection.execute(insert(tables.agents).values(values))
        except StoreRejectedError as err:
            raise InputError(f"{agent.login}: this login or identity is taken") from err

    async def agents(self) -> list[Agent]:
        """All of them, by site and login."""
        query = select(tables.agents).order_by(tables.agents.c.site, tables.agents.c.login)
        async with self._transaction() as connection:
            return [_agent(row) for row in await connection.execute(query)]

    async def agent(self, agent_id: str) -> Agent | None:
        """One by id."""
        found = await self._agent(tables.agents.c.id == agent_id)
        return found[0] if found else None

    async def by_login(self, login: str) -> tuple[Agent, str] | None:
        """One and the hash of their password."""
        return await self._agent(tables.agents.c.login == login)

    async def by_subject(self, subject: str) -> Agent | None:
        """One by who they are at the identity provider."""
        found = await self._agent(tables.agents.c.subject == subject)
        return found[0] if found else None

    async def set_password(self, login: str, password: str) -> None:
        """Give a new hash; every session of theirs ends.

        Raises:
            NotFoundError: no such login.
        """
        await self._change(login, password=password)

    async def set_disabled(self, login: str, disabled: bool) -> None:
        """Let somebody in no more, or again; every session of theirs ends.

        Raises:
            NotFoundError: no such login.
        """
        await self._change(login, disabled=disabled)

    async def rehash(self, agent_id: str, password: str) -> None:
        """The same password under newer parameters."""
        async with self._transaction() as connection:
            await connection.execute(
                update(tables.agents).where(tables.agents.c.id == agent_id).values(password=password)
            )

    async def _change(self, login: str, **values: Any) -> None:
        async with self._transaction() as connection:
            row = (
                await connection.execute(select(tables.agents.c.id).where(tables.agents.c.login == login))
            ).first()
            if row is None:
                raise NotFoundError(f"{login}: no such agent")
            await connection.execute(
                update(tables.agents).where(tables.agents.c.id == row.id).values(**values)
            )
            await connection.execute(delete(tables.sessions).where(tables.sessions.c.agent_id == row.id))

    async def _agent(self, condition: Any) -> tuple[Agent, str] | None:
        async with self._transaction() as connection:
            row = (await connection.execute(select(tables.agents).where(condition))).first()
        return (_agent(row), row.password) if row else None

    # --- sessions

    async def add_session(self, session: Session, *, expired_before: float) -> None:
        """Write a new one; those made before ``expired_before`` are forgotten."""
        async with self._transaction() as connection:
            await connection.execute(
                delete(tables.sessions).where(tables.sessions.c.created_at < expired_before)
            )
            await connection.execute(
                insert(tables.sessions).values(
                    id=session.id, agent_id=session.agent_id, csrf=session.csrf,
                    created_at=session.created_at, seen_at=session.seen_at,
                )
            )  # fmt: skip

    async def session(self, session_id: str) -> tuple[Session, Agent] | None:
        """One, and whose it is."""
        query = (
            select(tables.sessions, tables.agents)
            .join(tables.agents, tables.agents.c.id == tables.sessions.c.agent_id)
            .where(tables.sessions.c.id == session_id)
        )
        query = query.with_only_columns(
            tables.sessions.c.id.label("session_id"), tables.sessions.c.csrf,
            tables.sessions.c.created_at.label("signed_in_at"), tables.sessions.c.seen_at, *tables.agents.c,
            maintain_column_froms=True,
        )  # fmt: skip
        async with self._transaction() as connection:
            row = (await connection.execute(query)).first()
        if row is None:
            return None
        return Session(row.session_id, row.id, row.csrf, row.signed_in_at, row.seen_at), _agent(row)

    async def seen(self, session_id: str, at: float) -> None:
        """It was used."""
        async with self._transaction() as connection:
            await connection.execute(
                update(tables.sessions).where(tables.sessions.c.id == session_id).values(seen_at=at)
            )

    async def end_session(self, session_id: str) -> None:
        """Forget one."""
        async with self._transaction() as connection:
            await connection.execute(delete(tables.sessions).where(tables.sessions.c.id == session_id))

    async def end_sessions(self, agent_id: str) -> None:
        """Forget all of somebody's."""
        async with self._transaction() as connection:
            await connection.execute(delete(tables.sessions).where(tables.sessions.c.agent_id == agent_id))

    # --- contacts

    async def write_contact(self, contact: Contact) -> None:
        """Write one, replacing what was written under its id."""
        values = {
            "id": contact.id, "call_id": contact.call_id, "handoff_id": contact.handoff_id, "site": contact.site,
            "agent_id": contact.agent, "level": contact.level, "accepted_at": contact.accepted_at,
            "joined_at": contact.joined_at, "ended_at": contact.ended_at, "given_back": contact.then,
            "disposition": contact.disposition, "notes": [{"at": n.at, "text": n.text} for n in contact.notes],
        }  # fmt: skip
        async with self._transaction() as connection:
            await connection.execute(delete(tables.contacts).where(tables.contacts.c.id == contact.id))
            await connection.execute(insert(tables.contacts).values(values))

    async def site_had(self, site: str, handoff_id: str) -> bool:
        """Whether somebody at a site took the call of a packet."""
        query = select(tables.contacts.c.id).where(
            tables.contacts.c.handoff_id == handoff_id, tables.contacts.c.site == site
        )
        async with self._transaction() as connection:
            return (await connection.execute(query.limit(1))).first() is not None

    async def contacts_of(self, call_id: str) -> list[dict[str, Any]]:
        """Who took a call, in order, as plain values."""
        query = select(tables.contacts).where(tables.contacts.c.call_id == call_id)
        async with self._transaction() as connection:
            rows = await connection.execute(query.order_by(tables.contacts.c.accepted_at))
            return [dict(row._mapping) for row in rows]


class ContactWriter:
    """Writes contacts in a task of its own; the newest state of each is kept until the database takes it."""

    def __init__(self, store: DeskStore) -> None:
        self._store = store
        self._waiting: dict[str, Contact] = {}  # by id: as many as there are calls at the desk
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._run(), name="desk-contacts")

    async def stop(self) -> None:
        """Write what waits, once, and end."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        with contextlib.suppress(StoreError):
            await self._write()

    def keep(self, contact: Contact) -> None:
        """See :class:`desk.ports.Contacts`."""
        self._waiting[contact.id] = contact
        self._wake.set()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._write()
            except StoreRejectedError as err:
                log.error("desk contact refused", code=err.code)
            except StoreError as err:
                log.warning("desk contacts wait", code=err.code, waiting=len(self._waiting))
                await asyncio.sleep(_RETRY_S)
                self._wake.set()

    async def _write(self) -> None:
        while self._waiting:
            contact_id, contact = next(iter(self._waiting.items()))
            try:
                await self._store.write_contact(contact)
            except StoreRejectedError:
                del self._waiting[contact_id]  # it would be refused again
                raise
            if self._waiting.get(contact_id) is contact:
                del self._waiting[contact_id]


def _agent(row: Row[Any]) -> Agent:
    return Agent(
        row.id, row.login, row.name, row.site, frozenset(Role(r) for r in row.roles), frozenset(row.skills),
        row.sip, row.subject or "", row.disabled,
    )  # fmt: skip
