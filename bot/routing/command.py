"""``decroche route``: what was chosen, why, and whether today's code would choose the same."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from bot.errors import InputError
from bot.routing.replay import Replayed, replay_document, replay_events, told
from bot.settings import Settings

route = typer.Typer(help="How sites are chosen.", no_args_is_help=True)


@route.callback()
def _group() -> None:
    """Kept as a group although it holds one command."""


@route.command()
def replay(
    source: Annotated[str, typer.Argument(metavar="FILE|CALL", help="A JSON file, or the id of a call.")],
) -> None:
    """Show each choice of a call and make it again from what it rested on; exit code 1 when one differs today."""
    path = Path(source)
    found = replay_document(_read(path)) if path.is_file() else asyncio.run(_of_call(source))
    console = Console()
    for one in found:
        for line in told(one):
            console.print(escape(line), soft_wrap=True, highlight=False)
    if not all(one.same for one in found):
        raise typer.Exit(1)


def _read(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        raise InputError(f"{path}: not a JSON file: {err}") from err


async def _of_call(call_id: str) -> list[Replayed]:
    from bot.record.store import CallStore, make_engine  # a database library: not for commands that need none

    store = CallStore(make_engine(Settings().resolved_database_url()))
    try:
        view = await store.get_call(call_id)
    finally:
        await store.close()
    found = replay_events(view.events) if view else []
    if not found:
        raise InputError(
            f"{call_id}: " + ("no choice of a site in this call" if view else "no such file or call")
        )
    return found
