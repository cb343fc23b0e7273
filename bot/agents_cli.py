"""``decroche agent``: who may sign in at the desk."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from bot.errors import InputError
from bot.operator import Operator, Site, load_operator
from bot.record.migrations import upgrade_async
from bot.record.store import make_engine, transaction
from bot.settings import Settings
from desk.accounts import Accounts
from desk.models import Role
from desk.store import DeskStore

agent = typer.Typer(help="Who may sign in at the agent desk.", no_args_is_help=True)
console = Console()
_T = TypeVar("_T")
_TIMEOUT_S = 5.0


@agent.command()
def add(
    login: Annotated[str, typer.Argument(help="Small letters and digits.")],
    site: Annotated[str, typer.Option(help="Id of their site in operator.yml.")],
    name: Annotated[str, typer.Option(help="As colleagues see it.")] = "",
    skill: Annotated[list[str] | None, typer.Option(help="Again for each; default: all of the site.")] = None,
    role: Annotated[list[Role] | None, typer.Option(help="Again for each.")] = None,
    sip: Annotated[
        str, typer.Option(help="SIP URI of their telephone; default: the browser's headset.")
    ] = "",
    subject: Annotated[str, typer.Option(help="Who they are at the identity provider: no password.")] = "",
) -> None:
    """Let somebody sign in. The password is asked for, or read from standard input."""
    operator = load_operator(Settings().operator_file)
    skills = _skills(operator, site, skill)
    password = "" if subject else _password()
    roles = tuple(role or (Role.AGENT,))

    async def work(accounts: Accounts, _: DeskStore) -> None:
        await accounts.add(
            login,
            name or login,
            site,
            password=password,
            roles=roles,
            skills=skills,
            sip=sip,
            subject=subject,
        )

    _with_desk(work)
    console.print(f"{login}: may sign in at {site}")


@agent.command("list")
def list_() -> None:
    """Show them all."""

    async def work(_: Accounts, store: DeskStore) -> Table:
        table = Table("login", "name", "site", "roles", "skills", "telephone", "")
        for one in await store.agents():
            table.add_row(
                one.login, one.name, one.site, ", ".join(sorted(one.roles)), ", ".join(sorted(one.skills)),
                one.sip or "headset", "disabled" if one.disabled else "",
            )  # fmt: skip
        return table

    console.print(_with_desk(work))


@agent.command()
def disable(login: str, undo: Annotated[bool, typer.Option(help="Let them in again.")] = False) -> None:
    """Let somebody in no more; every session of theirs ends."""

    async def work(_: Accounts, store: DeskStore) -> None:
        await store.set_disabled(login, not undo)

    _with_desk(work)
    console.print(f"{login}: {'may sign in' if undo else 'may not sign in any more'}")


@agent.command()
def password(login: str) -> None:
    """Give somebody a new password, asked for or read from standard input; every session of theirs ends."""
    given = _password()

    async def work(accounts: Accounts, _: DeskStore) -> None:
        await accounts.set_password(login, given)

    _with_desk(work)
    console.print(f"{login}: the password is changed")


def add_demo_agents(operator: Operator, settings: Settings) -> list[tuple[str, str]]:
    """One agent for each site, and a level-2 colleague at the first, with new random passwords: login and password.

    Those who were made before get a new password.
    """
    made: list[tuple[str, str]] = []

    async def work(accounts: Accounts, store: DeskStore) -> None:
        people: list[tuple[str, Site, tuple[Role, ...]]] = [
            (f"demo-{site.id}", site, (Role.AGENT, Role.SUPERVISOR)) for site in operator.sites
        ]
        first = operator.sites[0]
        people.append((f"demo-niveau2-{first.id}", first, (Role.LEVEL2,)))
        for login, site, roles in people:
            secret = secrets.token_urlsafe(9)
            if await store.by_login(login):
                await accounts.set_password(login, secret)
            else:
                await accounts.add(
                    login, f"Démo {site.name}", site.id, password=secret, roles=roles, skills=site.skills
                )
            made.append((login, secret))

    _with_desk(work, settings)
    return made


def _with_desk(work: Callable[[Accounts, DeskStore], Awaitable[_T]], settings: Settings | None = None) -> _T:
    url = (settings or Settings()).resolved_database_url()

    async def run() -> _T:
        await upgrade_async(url)
        engine = make_engine(url)
        try:
            store = DeskStore(partial(transaction, engine, _TIMEOUT_S))
            return await work(Accounts(store), store)
        finally:
            await engine.dispose()

    return asyncio.run(run())


def _skills(operator: Operator, site: str, skills: list[str] | None) -> list[str]:
    known = {one.id: one for one in operator.sites}
    if site not in known:
        raise InputError(f"site: one of {', '.join(known)}")
    if strange := set(skills or ()) - set(known[site].skills):
        raise InputError(f"skill: {', '.join(sorted(strange))} is not among those of {site}")
    return list(skills or known[site].skills)


def _password() -> str:
    """Never from the command line, which others on this machine can read."""
    if sys.stdin.isatty():
        given: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        return given
    return sys.stdin.readline().rstrip("\r\n")
